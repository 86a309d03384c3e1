//! The inputs of a command, merged: the plan, the options and the backend from the command line, variables and declarations.

use std::path::PathBuf;

use super::scope::EntryScope;
use super::worker::run_unlimited;
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, remove_empty_variables};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{DEFAULT_NAMES, in_parent};
use crate::input::{declaration, env_references};
use crate::model::command_line::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{
    AwsOptions, OnRotation, Options, RotationOptions, SourceOption, TypedOptions,
};
use crate::model::plan::{Layer, Plan};
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::report::{self, Record, Report, terminal};
use crate::system::signals;

/// The merged inputs.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Inherited,
    pub backend: BackendConfig,
    pub plan: Plan,
}

/// Reads the declarations, merges all inputs, and makes the plan.
///
/// # Errors
/// Every error in them.
pub fn prepare(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
) -> Result<Prepared, Report> {
    let mut report = Report::default();
    let (supervises, has_quiet_flag) = (inputs.supervises, inputs.has_quiet_flag);
    let (mut options, layers) = merge(inputs, scope, inherited, &mut report);
    options.rotation = options.rotation.filter(|_| supervises);
    let retained = inherited.retained(&options.retention);
    let backend = report.value_of(BackendConfig::new(
        &options.aws,
        &options.source,
        has_quiet_flag,
        inherited,
    ));
    let kept = options.keep_existing.then_some(&retained);
    let plan = report.value_of(Plan::new(layers, inherited, kept));
    let signals = matches!(
        options.rotation,
        Some(RotationOptions {
            on_rotation: OnRotation::Signal(_),
            ..
        })
    );
    if signals && plan.as_ref().is_some_and(|plan| !plan.has_path()) {
        let text = "--on-rotation signal=: no file with `path` is declared, and a running program never sees another value of a variable \
                    or of a file in memory";
        let remedy = "declare a file with `path` under `files:`, or write --on-rotation restart";
        report.extend([Problem::usage(text).help(remedy)]);
    }
    match (backend, plan) {
        (Some(backend), Some(plan)) if report.is_empty() => {
            terminal::print_notices(report::unexpanded(&plan), &options);
            Ok(Prepared {
                options,
                retained,
                backend,
                plan,
            })
        }
        (_, _) => Err(report),
    }
}

/// Merges the inputs to the options and the layers, of which a later one takes precedence, and adds the errors to `report`.
fn merge(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
    report: &mut Report,
) -> (Options, Vec<Layer>) {
    let Inputs {
        options,
        layer,
        files,
        find_file,
        resolve_env,
        has_misplaced_option,
        errors,
        warnings,
        ..
    } = inputs;
    report.extend(errors);
    let found = if find_file {
        declaration::find()
    } else {
        Ok(None)
    };
    let found = report
        .value_of(found.map_err(|problem| vec![problem]))
        .flatten();
    let loaded = match (&files[..], found) {
        // No file is read, so that no thread is needed. Signals are held as by a wait, since what follows may print.
        ([], None) => {
            signals::hold();
            Ok(Default::default())
        }
        (files, found) => {
            // Otherwise an entry that is wrong does not matter.
            let reads_entries = !matches!(scope, EntryScope::Argument);
            run_unlimited("the declarations", || {
                declaration::load(files, found, reads_entries)
            })
        }
    };
    let (declarations, errors) = loaded.unwrap_or_else(|failed| {
        report.append(failed);
        Default::default()
    });
    report.extend(errors);
    let mut defaults = TypedOptions::default();
    let (mut layers, mut read) = (Vec::new(), Vec::new());
    for declaration in declarations {
        read.push(file_name(&declaration.path));
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    layers.extend(report.value_of(env_references::layer(inherited, &resolve_env)));
    layers.push(layer);
    let merged = options.over(defaults);
    let (turned_off, ignored) = (merged.turned_off.clone(), merged.ignored.clone());
    let (options, conflicts) = merged.resolve(inherited);
    terminal::choose_format(options.log_format);
    if options.verbose {
        terminal::print_records(turned_off.into_iter().map(Record::note));
    }
    let warnings = warnings.into_iter().chain(ignored).map(Record::warning);
    terminal::print_notices(warnings, &options);
    report.extend(conflicts);
    let narrowed = scope.narrow(&mut layers);
    // An error before may be the reason that a credential is not declared.
    if report.is_empty() {
        report.extend(narrowed.err());
    }
    // A generic image carries `--resolve-env '*'`, and not every task has references.
    if report.is_empty() && resolve_env.is_empty() && layers.iter().all(Layer::is_empty) {
        let problem = nothing_to_resolve(&read, find_file);
        let help = "options stand before `--`: secrets-exec --env NAME=REF -- COMMAND";
        report.extend([problem.replace_help(has_misplaced_option.then_some(help))]);
    }
    (options, layers)
}

/// Returns the error of inputs without any entry, in which these declarations were read.
fn nothing_to_resolve(read: &[String], find_file: bool) -> Problem {
    let looked_at = match (read, find_file) {
        ([], false) => "no declaration was looked for (--no-file)".to_owned(),
        ([], true) => format!(
            "the working directory has none of {} with an entry",
            DEFAULT_NAMES.join(", ")
        ),
        (files, _) => format!("there is no entry in {}", files.join(", ")),
    };
    let text = format!(
        "nothing to resolve: no --env, --env-from, --as-file or --resolve-env, and {looked_at}"
    );
    let parent = in_parent().filter(|_| find_file && read.is_empty());
    Problem::usage(text)
        .help("name a secret with --env NAME=REF, or a declaration with -f FILE; --help prints all options")
        .replace_help(parent.map(|file| format!("to read the declaration of a parent directory: -f {file}")))
}

impl Prepared {
    /// Looks up a command in the PATH that it gets.
    ///
    /// # Errors
    /// When it is not found or cannot be executed.
    pub fn find(&self, command: &CommandLine) -> Result<Program, Problem> {
        let path = self
            .plan
            .literal("PATH")
            .map(AsRef::as_ref)
            .or_else(|| self.retained.get("PATH"));
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
    /// An error for each variable with an invalid value.
    fn new(
        aws: &AwsOptions,
        source: &SourceOption,
        has_quiet_flag: bool,
        inherited: &Inherited,
    ) -> Result<Self, Vec<Problem>> {
        remove_empty_variables(inherited);
        match source {
            SourceOption::Local(path) => Ok(Self::Local {
                path: path.clone(),
                is_announced: !has_quiet_flag,
            }),
            SourceOption::Aws => Ok(Self::Aws(Box::new(Settings::new(aws, inherited)?))),
            SourceOption::Agent { url, fallback } => {
                let agent = AgentSettings::new(url.as_ref(), *fallback, inherited);
                match (Settings::new(aws, inherited), agent) {
                    (Ok(settings), Ok(agent)) => Ok(Self::Agent(Box::new(settings), agent)),
                    (settings, agent) => Err(settings
                        .err()
                        .into_iter()
                        .chain(agent.err())
                        .flatten()
                        .collect()),
                }
            }
        }
    }
}
