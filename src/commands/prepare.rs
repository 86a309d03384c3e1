//! The inputs of a command, merged: the plan, the options and the backend from the command line, variables and declarations.

use std::path::PathBuf;

use super::scope::EntryScope;
use super::worker::run_unlimited;
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, read_settings, remove_empty_variables};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{DEFAULT_NAMES, Declaration, Found, in_parent};
use crate::input::{declaration, env_references};
use crate::model::environment::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{AwsOptions, OnRotation, Options, SourceOption, TypedOptions};
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

/// Reads the declarations, merges all inputs, and makes the plan. Prints the warnings about the inputs.
///
/// # Errors
/// Every error in them.
pub fn prepare(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
) -> Result<Prepared, Report> {
    let has_quiet_flag = inputs.has_quiet_flag;
    let found = if inputs.find_file {
        declaration::find()
    } else {
        Ok(None)
    };
    let has_file = !inputs.files.is_empty() || matches!(found, Ok(Some(_)));

    // A file may not answer, and it may have so many entries that the plan takes long. Without one no thread is needed, but signals are
    // held as by a wait, since what follows may print.
    let planned = if has_file {
        run_unlimited("the declarations", || {
            plan_inputs(inputs, found, scope, inherited)
        })?
    } else {
        signals::hold();
        plan_inputs(inputs, found, scope, inherited)
    };

    let PlannedInputs {
        options,
        retained,
        plan,
        mut report,
    } = planned;
    let backend = report.value_of(BackendConfig::new(
        &options.aws,
        &options.source,
        has_quiet_flag,
        inherited,
    ));
    let plan = report.value_of(plan);
    if let Some(plan) = &plan {
        report.extend(signalled_for_nothing(&options, plan));
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

/// The merged inputs before the backend is configured.
struct PlannedInputs {
    options: Options,
    retained: Inherited,
    plan: Result<Plan, Vec<Problem>>,
    /// The errors in the inputs other than those of the plan.
    report: Report,
}

/// Reads the declarations, among them `found`, the declaration of the working directory. Merges and validates all inputs, and makes the
/// plan. Prints the warnings about the inputs.
fn plan_inputs(
    inputs: Inputs,
    found: Result<Option<Found>, Problem>,
    scope: EntryScope<'_>,
    inherited: &Inherited,
) -> PlannedInputs {
    let mut report = Report::from_iter(inputs.errors);

    let found = report
        .value_of(found.map_err(|problem| vec![problem]))
        .flatten();
    // `get` has an entry of its own, so that an entry of a declaration does not matter, even if it is wrong.
    let reads_entries = !matches!(scope, EntryScope::Argument);
    let (declarations, errors) = declaration::load(&inputs.files, found, reads_entries);
    report.extend(errors);
    let read: Vec<String> = declarations
        .iter()
        .map(|declaration| file_name(&declaration.path))
        .collect();

    let (merged, mut layers) = merge(inputs.options, declarations);
    layers.extend(report.value_of(env_references::layer(inherited, &inputs.resolve_env)));
    layers.push(inputs.layer);
    let (turned_off, ignored) = (merged.turned_off.clone(), merged.ignored.clone());
    let (mut options, conflicts) = merged.resolve(inherited);
    options.rotation = options.rotation.filter(|_| inputs.supervises);
    print_warnings(turned_off, [inputs.warnings, ignored].concat(), &options);
    report.extend(conflicts);

    let narrowed = scope.narrow(&mut layers);
    // An error before may be the reason that a credential is not declared.
    if report.is_empty() {
        report.extend(narrowed.err());
    }
    // A generic image carries `--resolve-env '*'`, and not every task has references.
    if report.is_empty()
        && inputs.resolve_env.is_empty()
        && layers.iter().all(|layer| layer.entries.is_empty())
    {
        let problem = nothing_to_resolve(&read, inputs.find_file);
        let help = "options stand before `--`: secrets-exec --env NAME=REF -- COMMAND";
        report.extend([problem.replace_help(inputs.has_misplaced_option.then_some(help))]);
    }

    let retained = inherited.retained(&options.retention);
    let kept = options.keep_existing.then_some(&retained);
    let plan = Plan::new(layers, inherited, kept);
    PlannedInputs {
        options,
        retained,
        plan,
        report,
    }
}

/// Merges the options with those of the declarations. The options themselves win, then a later declaration wins over an earlier one. Also
/// returns the layers of the declarations.
fn merge(options: TypedOptions, declarations: Vec<Declaration>) -> (TypedOptions, Vec<Layer>) {
    let mut defaults = TypedOptions::default();
    let mut layers = Vec::new();
    for declaration in declarations {
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    (options.over(defaults), layers)
}

/// Sets the format of all lines from here on, and prints the notes about options that are turned off and the warnings about arguments.
fn print_warnings(turned_off: Vec<String>, warnings: Vec<String>, options: &Options) {
    terminal::choose_format(options.log_format);
    if options.verbose {
        terminal::print_records(turned_off.into_iter().map(Record::note));
    }
    terminal::print_notices(warnings.into_iter().map(Record::warning), options);
}

/// Returns the error of a signal on rotation that would never tell the command of a new value.
fn signalled_for_nothing(options: &Options, plan: &Plan) -> Option<Problem> {
    let on_rotation = options.rotation.as_ref()?.on_rotation;
    if !matches!(on_rotation, OnRotation::Signal(_)) || plan.has_path() {
        return None;
    }
    let text = "--on-rotation signal=: no file with `path` is declared, and a running program never sees another value of a variable \
                or of a file in memory";
    let remedy = "declare a file with `path` under `files:`, or write --on-rotation restart";
    Some(Problem::usage(text).help(remedy))
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
            SourceOption::Aws => Ok(Self::Aws(Box::new(read_settings(aws, inherited)?))),
            SourceOption::Agent { url, fallback } => {
                let agent = AgentSettings::new(url.clone(), *fallback, inherited);
                match (read_settings(aws, inherited), agent) {
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
