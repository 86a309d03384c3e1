//! The inputs of a command, merged: the plan, the options and the backend from the command line, variables and declarations.

use std::path::PathBuf;

use super::scope::EntryScope;
use super::wait::run_unlimited;
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, remove_empty_variables};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{DEFAULT_NAMES, LookUp};
use crate::input::{declaration, env_references};
use crate::model::command_line::CommandLine;
use crate::model::entry::EntrySource;
use crate::model::inherited::Inherited;
use crate::model::inherited::Retained;
use crate::model::options::{AwsOptions, OnRotation, Options, SourceOption, TypedOptions};
use crate::model::plan::{Layer, Plan};
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::report::{self, Record, Report, terminal};

/// The merged inputs.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Retained,
    pub backend: BackendConfig,
    pub plan: Plan,
}

/// The inputs of all places in one, before references are looked up.
struct Merged {
    supervises: bool,
    options: Options,
    /// A later one takes precedence.
    layers: Vec<Layer>,
    has_quiet_flag: bool,
}

/// Reads the declarations and merges all inputs.
///
/// # Errors
/// Every error in them.
pub fn prepare(inputs: Inputs, scope: EntryScope<'_>, inherited: &Inherited) -> Result<Prepared, Report> {
    let mut report = Report::default();
    let merged = merge(inputs, scope, inherited, &mut report);
    complete(merged, inherited, report)
}

/// Does the same as [`prepare`] for [`EntryScope::Everything`], and looks up a command even if an input is wrong.
///
/// # Errors
/// Every error in the inputs.
pub fn prepare_and_find(
    inputs: Inputs,
    command: &CommandLine,
    inherited: &Inherited,
) -> (Result<Prepared, Report>, Result<Program, Problem>) {
    let mut report = Report::default();
    let merged = merge(inputs, EntryScope::Everything, inherited, &mut report);
    // The PATH of the declarations, as far as these can be read.
    let (path, retained) = (literal_path(&merged.layers), inherited.retain(&merged.options.retention));
    let prepared = complete(merged, inherited, report);
    let found = match &prepared {
        Ok(prepared) => prepared.find(command),
        Err(_) => exec::find(command.program(), path.as_deref().map(AsRef::as_ref).or_else(|| retained.get("PATH"))),
    };
    (prepared, found)
}

/// Returns the PATH that the latest layer sets.
fn literal_path(layers: &[Layer]) -> Option<String> {
    let entries = layers.iter().rev().flat_map(|layer| &layer.entries);
    let mut set = entries.filter(|entry| entry.target.variable().is_some_and(|name| name.as_str() == "PATH"));
    set.find_map(|entry| match &entry.source {
        EntrySource::Literal(text) => Some(text.clone()),
        EntrySource::Reference(_) | EntrySource::Composed(_) | EntrySource::Template(_) => None,
    })
}

/// Reads the variables of the backend and makes the plan.
fn complete(merged: Merged, inherited: &Inherited, mut report: Report) -> Result<Prepared, Report> {
    let Merged { supervises, mut options, layers, has_quiet_flag } = merged;
    options.rotation = options.rotation.filter(|_| supervises);
    let retained = inherited.retain(&options.retention);
    let backend = report.value_of(BackendConfig::new(&options.aws, &options.source, has_quiet_flag, inherited));
    let kept = options.keep_existing.then_some(&retained);
    let plan = report.value_of(Plan::new(layers, inherited, kept));
    if signals_without_file(&options, plan.as_ref()) {
        let text = "--on-rotation signal=: no file with `path` is declared, and a running program never sees another value of a variable \
                    or of a file in memory";
        let remedy = "declare a file with `path` under `files:`, or write --on-rotation restart";
        report.extend([Problem::usage(text).help(remedy)]);
    }
    match (backend, plan) {
        (Some(backend), Some(plan)) if report.is_empty() => {
            terminal::print_notices(report::unexpanded(&plan), &options);
            Ok(Prepared { options, retained, backend, plan })
        }
        (_, _) => Err(report),
    }
}

/// True if a signal would be sent about a file that does not exist.
fn signals_without_file(options: &Options, plan: Option<&Plan>) -> bool {
    let signals = options.rotation.is_some_and(|rotation| matches!(rotation.on_rotation, OnRotation::Signal(_)));
    signals && plan.is_some_and(|plan| !plan.has_path())
}

/// Merges the inputs, and adds the errors to `report`.
fn merge(inputs: Inputs, scope: EntryScope<'_>, inherited: &Inherited, report: &mut Report) -> Merged {
    let Inputs { supervises, options, has_quiet_flag, layer, files, find_file, resolve_env, errors, warnings } = inputs;
    report.extend(errors);
    // Without entries elsewhere, a working directory that may not be entered is an error.
    let look_up = match find_file {
        true if layer.is_empty() && resolve_env.is_empty() => LookUp::Needed,
        true => LookUp::Optional,
        false => LookUp::Off,
    };
    let loaded = run_unlimited("the declarations", || declaration::load(&files, look_up));
    let (declarations, errors) = loaded.unwrap_or_else(|failed| {
        report.append(failed);
        Default::default()
    });
    report.extend(errors);
    let mut defaults = TypedOptions::default();
    let (mut layers, mut read) = (Vec::new(), Vec::new());
    for declaration in declarations {
        read.push(declaration.path);
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    layers.extend(report.value_of(env_references::layer(inherited, &resolve_env)));
    layers.push(layer);
    let (options, conflicts) = options.over(defaults).resolve(inherited);
    terminal::choose_format(options.log_format);
    terminal::print_notices(warnings.into_iter().map(Record::warning), &options);
    report.extend(conflicts);
    // An error before may be the reason that a credential is not declared.
    if let Err(problem) = scope.narrow(&mut layers)
        && report.is_empty()
    {
        report.extend([problem]);
    }
    // A generic image carries `--resolve-env '*'`, and not every task has references.
    if report.is_empty() && resolve_env.is_empty() && layers.iter().all(Layer::is_empty) {
        report.extend([nothing_to_resolve(&read, find_file)]);
    }
    Merged { supervises, options, layers, has_quiet_flag }
}

/// Returns the error of inputs without any entry, in which these declarations were read.
fn nothing_to_resolve(read: &[PathBuf], find_file: bool) -> Problem {
    let looked_at = match (read, find_file) {
        ([], false) => "no declaration was looked for (--no-file)".to_owned(),
        ([], true) => format!("the working directory has none of {} with an entry", DEFAULT_NAMES.join(", ")),
        (files, _) => {
            let names: Vec<_> = files.iter().map(|file| file_name(file)).collect();
            format!("there is no entry in {}", names.join(", "))
        }
    };
    let text = format!("nothing to resolve: no --env, --env-from, --as-file or --resolve-env, and {looked_at}");
    Problem::usage(text)
        .help("name a secret with --env NAME=REF, or a declaration with -f FILE; --help prints all options")
}

impl Prepared {
    /// Looks up a command in the PATH that it gets.
    ///
    /// # Errors
    /// When it is not found or cannot be executed.
    pub fn find(&self, command: &CommandLine) -> Result<Program, Problem> {
        let path = self.plan.literal("PATH").map(AsRef::as_ref).or_else(|| self.retained.get("PATH"));
        exec::find(command.program(), path)
    }
}

/// The configuration of the chosen backend.
#[derive(Clone)]
pub enum BackendConfig {
    Aws(Box<Settings>),
    Agent(Box<Settings>, AgentSettings),
    Local { path: PathBuf, is_announced: bool },
}

impl BackendConfig {
    /// Reads AWS's variables unless the backend is a local file, which `has_quiet_flag` keeps from being announced.
    ///
    /// # Errors
    /// One for each variable with an invalid value.
    fn new(
        aws: &AwsOptions,
        source: &SourceOption,
        has_quiet_flag: bool,
        inherited: &Inherited,
    ) -> Result<Self, Vec<Problem>> {
        let settings = || {
            remove_empty_variables(inherited);
            Settings::new(aws, inherited)
        };
        match source {
            SourceOption::Local(path) => Ok(Self::Local { path: path.clone(), is_announced: !has_quiet_flag }),
            SourceOption::Aws => settings().map(|settings| Self::Aws(Box::new(settings))),
            SourceOption::Agent { url, fallback } => {
                match (settings(), AgentSettings::new(url.as_ref(), *fallback, inherited)) {
                    (Ok(settings), Ok(agent)) => Ok(Self::Agent(Box::new(settings), agent)),
                    (settings, agent) => Err(settings.err().into_iter().chain(agent.err()).flatten().collect()),
                }
            }
        }
    }
}
