//! Merges everything that a user has set, from the command line, variables and declarations, into
//! the options, the plan and the backend.
//!
//! All of this happens on the worker, because a declaration can be on a file system that hangs. No
//! request is sent here. Every mistake in every input ends up in one report.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::scope::EntryScope;
use super::worker::apply;
use crate::backend::agent::{Agent, AgentSettings};
use crate::backend::aws::Settings;
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{
    Declaration, load_declarations, replaced_declaration, working_directory,
};
use crate::input::env_references::{inherited_layer, unresolved_warnings};
use crate::model::env_variables::Inherited;
use crate::model::environment::CommandLine;
use crate::model::options::{OnRotation, Options, SourceOption, TypedOptions};
use crate::model::plan::{Layer, Plan};
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::report::{self, Record, Report, terminal};
use crate::time::Deadline;

/// The merged inputs of a command.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Inherited,
    pub backend: BackendConfig,
    pub plan: Plan,
}

/// Merges `options` with the options of the declarations, and also returns the layers of the
/// declarations. `options` wins over every declaration, and a later declaration wins over an
/// earlier one.
fn merge_declarations(
    options: TypedOptions,
    declarations: Vec<Declaration>,
) -> (TypedOptions, Vec<Layer>) {
    let mut defaults = TypedOptions::default();
    let mut layers = Vec::new();
    for declaration in declarations {
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    (options.over(defaults), layers)
}

/// Prints `warnings`, a warning about each option that is ignored and, with `--verbose`, a note
/// about each option that is turned off. Prints nothing with `--quiet`, which also turns off
/// `--verbose`.
fn print_option_notices(warnings: Vec<String>, typed: TypedOptions, options: &Options) {
    if options.verbose {
        terminal::print_always(typed.turned_off.into_iter().map(Record::note));
    }
    let warnings = warnings.into_iter().chain(typed.ignored);
    terminal::print_unless_hidden(warnings.map(Record::warning));
}

/// Returns the note about the declaration in the working directory that `-f` replaces.
fn unread_declaration(name: String) -> Record {
    Record::note(format!(
        "./{name} is not read, because -f is given; to read both, add -f {name}"
    ))
}

/// Returns the error about `--on-rotation signal=` if no new value could ever reach the running
/// command. Returns `None` if a file with a `path` could get one, and for any other option.
fn useless_signal(options: &Options, plan: &Plan) -> Option<Problem> {
    let on_rotation = options.rotation.as_ref()?.on_rotation;
    if !matches!(on_rotation, OnRotation::Signal(_)) || plan.has_path() {
        return None;
    }
    let text = "--on-rotation signal= has no effect without a file that has a `path`, because a running program can't see new values of its \
                variables or of files in memory";
    let remedy = "write --on-rotation restart, or declare a file with `path` under `files:`";
    Some(Problem::usage(text).help(remedy))
}

/// Returns the error for inputs without any entry, if the options for entries come after `--`.
fn misplaced_options() -> Problem {
    let text =
        "there is nothing to read: the options come after `--`, so they belong to the command";
    let help =
        "write the options before `--`: secrets-exec --env DB_PASSWORD=prod/db:password -- COMMAND";
    Problem::usage(text).help(help)
}

/// Returns the error for inputs without any entry. `declarations` has the names of the declarations
/// that were read.
fn nothing_to_resolve(declarations: &[String], find_file: bool) -> Problem {
    if !declarations.is_empty() {
        let text = format!(
            "there is nothing to read: there is no --env, and no entry in {}",
            declarations.join(" or ")
        );
        return Problem::configuration(text).help(
            "add an entry, as in env: { DB_PASSWORD: prod/db:password } (--help shows all options)",
        );
    }

    let example = "name a secret, as in --env DB_PASSWORD=prod/db:password, or a declaration with -f FILE (--help shows all options)";
    let nothing = "there is nothing to read: there is no --env, and";
    if !find_file {
        return Problem::usage(format!("{nothing} --no-file ignores secrets-exec.yaml"))
            .help(example);
    }
    let directory = working_directory();
    let text = format!(
        "{nothing} no secrets-exec.yaml, .yml or .json in {}",
        directory.display()
    );
    let help = if directory == Path::new("/") {
        "name the declaration with -f FILE, or set the working directory (WorkingDirectory= in a systemd unit, WORKDIR in a Dockerfile)"
    } else {
        example
    };
    Problem::usage(text).help(help)
}

/// Reads the declarations, merges all inputs, and makes the plan. Prints the warnings about the
/// inputs, and applies the merged options to `deadline` and to everything that is printed from then
/// on.
///
/// # Errors
/// Every error in the inputs. Each step goes on after an error, so that one report has all of them.
pub fn prepare(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
    deadline: &Deadline,
) -> Result<Prepared, Report> {
    let _awaited = deadline.progress().awaits("the declarations".to_owned());
    let Inputs {
        files, find_file, ..
    } = inputs;
    let mut report = Report::from_iter(inputs.errors);

    let (declarations, errors) = load_declarations(&files, find_file, scope.sections());
    report.extend(errors);
    let names = Vec::from_iter(
        declarations
            .iter()
            .map(|declaration| file_name(&declaration.path)),
    );

    let (typed, mut layers) = merge_declarations(inputs.options, declarations);
    layers.extend(report.value_of(inherited_layer(inherited, &inputs.resolve_env)));
    layers.push(inputs.layer);

    let (mut options, unmet_requirements) = typed.resolve(inherited);
    report.extend(unmet_requirements);
    // Only a launch has a command that can be restarted.
    if !inputs.is_for_launch {
        options.rotation = None;
    }
    apply(&options, deadline);
    if inputs.replaces_file {
        terminal::print_unless_hidden(replaced_declaration(&files).map(unread_declaration));
    }
    let mut warnings = inputs.warnings;
    // A pattern that is an error would be missing here.
    if !inputs.resolve_env.is_empty() && report.is_empty() {
        let is_replaced = |name: &OsStr| is_replaced(name, &layers, &options);
        warnings.extend(unresolved_warnings(
            inherited,
            &inputs.resolve_env,
            is_replaced,
        ));
    }
    print_option_notices(warnings, typed, &options);

    // Other errors may be the reason why a credential isn't declared, or why there isn't an entry.
    let narrowed = scope.narrow(&mut layers);
    if report.is_empty() {
        report.extend(narrowed.err());
    }
    // An image for general use has `--resolve-env '*'`, although not every task has references in
    // its variables. `check` reports that it has nothing to check.
    let is_check = inputs.is_for_launch && matches!(scope, EntryScope::Everything);
    let may_be_empty = !inputs.resolve_env.is_empty() && !is_check;
    let is_empty = layers.iter().all(|layer| layer.entries.is_empty());
    if report.is_empty() && is_empty && !may_be_empty {
        let mut problem = match inputs.has_misplaced_option {
            true => misplaced_options(),
            false => nothing_to_resolve(&names, find_file),
        };
        if !inputs.resolve_env.is_empty() {
            problem = problem.note("no variable that --resolve-env matches has a reference");
        }
        report.extend([problem]);
    }

    let backend = BackendConfig::new(&options, inputs.has_quiet_flag, inherited);
    let backend = backend.map_err(|errors| report.append(errors)).ok();
    let retained = inherited.retained(&options.retention);
    let existing = options.keep_existing.then_some(&retained);
    let plan = report.value_of(Plan::new(layers, inherited, existing));
    report.extend(
        plan.as_ref()
            .and_then(|plan| useless_signal(&options, plan)),
    );

    match (backend, plan) {
        (Some(backend), Some(plan)) if report.is_empty() => {
            print_plan_warnings(&plan);
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

/// True if the command doesn't get an inherited variable as it is, because an entry sets it or an
/// option removes it.
fn is_replaced(name: &OsStr, layers: &[Layer], options: &Options) -> bool {
    let entries = layers.iter().flat_map(|layer| &layer.entries);
    let mut set_names = entries.filter_map(|entry| entry.target.variable());
    let is_set = !options.keep_existing && set_names.any(|set| *name == *set.as_str());
    is_set || !options.retention.keeps(name)
}

/// Prints the warnings about texts and templates that are probably not what their author meant.
fn print_plan_warnings(plan: &Plan) {
    terminal::print_unless_hidden(report::unexpanded_warnings(plan));
    terminal::print_unless_hidden(report::plain_template_warnings(plan));
}

impl Prepared {
    /// Looks for the program of a command in the PATH that the command will get: the literal that
    /// an entry sets, or the inherited PATH. A secret can't set PATH.
    ///
    /// # Errors
    /// If the program isn't found or can't be executed.
    pub fn find_program(&self, command: &CommandLine) -> Result<Program, Problem> {
        let path = self
            .plan
            .literal("PATH")
            .map(AsRef::as_ref)
            .or_else(|| self.retained.get("PATH"));
        exec::find_program(command.program(), path)
    }
}

/// The configuration of the chosen backend.
#[derive(Clone)]
pub enum BackendConfig {
    /// AWS or, if there are settings for it, the Secrets Manager Agent.
    Aws(Box<Settings>, Option<AgentSettings>),
    Local {
        path: PathBuf,
        /// True if secrets-exec warns that the values come from this file. `-q` hides this warning.
        is_announced: bool,
    },
}

impl BackendConfig {
    /// Chooses the backend. Reads AWS's variables, unless the backend is a local file.
    /// `has_quiet_flag` hides the warning about a local file.
    ///
    /// # Errors
    /// An error for each variable with an invalid value.
    fn new(options: &Options, has_quiet_flag: bool, inherited: &Inherited) -> Result<Self, Report> {
        let mut report = Report::default();
        let agent = match &options.source {
            SourceOption::Local(path) => {
                return Ok(Self::Local {
                    path: path.clone(),
                    is_announced: !has_quiet_flag,
                });
            }
            SourceOption::Aws => Ok(None),
            SourceOption::Agent { url, fallback } => {
                AgentSettings::new(url.clone(), *fallback, inherited).map(Some)
            }
        };
        let settings = report.value_of(Settings::new(&options.aws, inherited));
        match (settings, report.value_of(agent)) {
            (Some(settings), Some(agent)) => Ok(Self::Aws(Box::new(settings), agent)),
            (_, _) => Err(report),
        }
    }
    /// Creates the agent. Returns `None` for any other backend. Neither its profile nor its token
    /// has been read.
    pub fn agent(&self, deadline: &Deadline) -> Option<Agent> {
        let Self::Aws(settings, Some(agent)) = self else {
            return None;
        };
        Some(Agent::new(
            agent.clone(),
            (**settings).clone(),
            deadline.clone(),
        ))
    }
}
