//! The inputs of a command, merged on the worker: the plan, the options and the backend from the command line, variables and declarations.

use std::path::{Path, PathBuf};

use super::scope::EntryScope;
use super::worker::{apply, run};
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, read_settings, remove_empty_variables};
use crate::exec::{self, Program};
use crate::input::cli::Inputs;
use crate::input::declaration::{Declaration, in_parent, replaced_by, working_directory};
use crate::input::{declaration, env_references};
use crate::model::environment::CommandLine;
use crate::model::inherited::Inherited;
use crate::model::options::{OnRotation, Options, SourceOption, TypedOptions};
use crate::model::plan::{Layer, Plan};
use crate::model::problem::Problem;
use crate::model::quoting::file_name;
use crate::report::{self, Record, Report, terminal};
use crate::system::systemd::Notifier;
use crate::time::Deadline;

/// The merged inputs.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Inherited,
    pub backend: BackendConfig,
    pub plan: Plan,
}

/// Prepares the inputs, and does `work` with them, both on one worker. The timeout counts from the beginning, so it also ends a wait for
/// a declaration.
///
/// # Errors
/// Every error in the inputs, and those of `work`.
pub fn run_prepared<T: Send>(
    inputs: Inputs,
    scope: EntryScope<'_>,
    inherited: &Inherited,
    work: impl FnOnce(Prepared, &Deadline) -> Result<T, Report> + Send,
) -> Result<T, Report> {
    // No other thread runs yet.
    remove_empty_variables(inherited);
    // These apply until the declarations are read.
    let (options, _) = inputs.options.clone().resolve(inherited);
    run(&options, &Notifier::new(inherited), |deadline| {
        let prepared = Prepared::new(inputs, scope, inherited, deadline)?;
        work(prepared, deadline)
    })
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

/// Prints the notes about options that are turned off, and the warnings about arguments, variables and ignored options.
fn print_warnings(turned_off: Vec<String>, warnings: Vec<String>, options: &Options) {
    if options.verbose {
        terminal::print(turned_off.into_iter().map(Record::note));
    }
    terminal::print_notices(warnings.into_iter().map(Record::warning));
}

/// Returns the note about the declaration in the working directory, which `-f` replaces.
fn unread_declaration(name: String) -> Record {
    Record::note(format!(
        "./{name} is not read, because -f is given; to read both, add -f {name}"
    ))
}

/// Returns the error of a signal on rotation that would never tell the command of a new value.
fn signalled_for_nothing(options: &Options, plan: &Plan) -> Option<Problem> {
    let on_rotation = options.rotation.as_ref()?.on_rotation;
    if !matches!(on_rotation, OnRotation::Signal(_)) || plan.has_path() {
        return None;
    }
    let text = "--on-rotation signal= has no effect without a file that has a `path`, because a running program can't see new values of its \
                variables or of files in memory";
    let remedy = "write --on-rotation restart, or declare a file with `path` under `files:`";
    Some(Problem::usage(text).help(remedy))
}

/// Returns the error of inputs without any entry, in which these declarations were read.
fn nothing_to_resolve(read: &[String], find_file: bool) -> Problem {
    if !read.is_empty() {
        let have = if read.len() == 1 { "has" } else { "have" };
        let text = format!(
            "{} {have} no entries, and no --env was given",
            read.join(" and ")
        );
        return Problem::configuration(text).help(
            "add an entry, as in env: { DB_PASSWORD: prod/db:password } (--help shows all options)",
        );
    }

    let example = "name a secret, as in --env DB_PASSWORD=prod/db:password, or a declaration with -f FILE (--help shows all options)";
    let nothing = "there is nothing to read from AWS: no --env was given, and";
    if !find_file {
        return Problem::usage(format!("{nothing} --no-file ignores secrets-exec.yaml"))
            .help(example);
    }
    let directory = working_directory();
    let text = format!(
        "{nothing} {} has no secrets-exec.yaml (.yml, .json)",
        directory.display()
    );
    let help = match in_parent() {
        Some(file) => format!("to use the declaration in a parent directory, write -f {file}"),
        None if directory == Path::new("/") => {
            "name the declaration with -f FILE, or set WorkingDirectory= in the systemd unit (--help shows all options)".to_owned()
        }
        None => example.to_owned(),
    };
    Problem::usage(text).help(help)
}

impl Prepared {
    /// Reads the declarations, merges all inputs, and makes the plan. From then on the merged options apply to `deadline` and to what is
    /// printed. Prints the warnings about the inputs.
    ///
    /// # Errors
    /// Every error in the inputs.
    fn new(
        inputs: Inputs,
        scope: EntryScope<'_>,
        inherited: &Inherited,
        deadline: &Deadline,
    ) -> Result<Self, Report> {
        let _awaited = deadline.progress().awaits("the declarations".to_owned());
        // `get` has an entry of its own, so that an entry of a declaration does not matter, even if it is wrong.
        let reads_entries = !matches!(scope, EntryScope::Argument);
        let (declarations, errors) =
            declaration::load(&inputs.files, inputs.find_file, reads_entries);
        let files: Vec<String> = declarations
            .iter()
            .map(|declaration| file_name(&declaration.path))
            .collect();
        let mut report = Report::from_iter(inputs.errors);
        report.extend(errors);

        let (typed, mut layers) = merge(inputs.options, declarations);
        layers.extend(report.value_of(env_references::layer(inherited, &inputs.resolve_env)));
        layers.push(inputs.layer);

        let turned_off = typed.turned_off.clone();
        let warnings = [inputs.warnings, typed.ignored.clone()].concat();
        let (mut options, conflicts) = typed.resolve(inherited);
        if !inputs.supervises {
            options.rotation = None;
        }
        report.extend(conflicts);
        apply(&options, deadline);
        if inputs.replaces_file {
            terminal::print_notices(replaced_by(&inputs.files).map(unread_declaration));
        }
        print_warnings(turned_off, warnings, &options);

        let narrowed = scope.narrow(&mut layers);
        // An error before may be the reason that a credential is not declared.
        if report.is_empty() {
            report.extend(narrowed.err());
        }
        // A generic image carries `--resolve-env '*'`, and not every task has references.
        let is_empty =
            inputs.resolve_env.is_empty() && layers.iter().all(|layer| layer.entries.is_empty());
        if report.is_empty() && is_empty {
            report.extend([if inputs.has_misplaced_option {
                let text = "there is nothing to read: the options come after `--`, so they belong to the command";
                let help = "write them before it: secrets-exec --env DB_PASSWORD=prod/db:password -- COMMAND";
                Problem::usage(text).help(help)
            } else {
                nothing_to_resolve(&files, inputs.find_file)
            }]);
        }

        let retained = inherited.retained(&options.retention);
        let kept = options.keep_existing.then_some(&retained);
        let backend = BackendConfig::new(&options, inputs.has_quiet_flag, inherited);
        let backend = backend.map_err(|errors| report.append(errors)).ok();
        let plan = report.value_of(Plan::new(layers, inherited, kept));
        if let Some(plan) = &plan {
            report.extend(signalled_for_nothing(&options, plan));
        }

        match (backend, plan) {
            (Some(backend), Some(plan)) if report.is_empty() => {
                terminal::print_notices(report::unexpanded(&plan));
                terminal::print_notices(report::plain_templates(&plan));
                Ok(Self {
                    options,
                    retained,
                    backend,
                    plan,
                })
            }
            (_, _) => Err(report),
        }
    }

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
    /// AWS, or with the settings of the agent AWS's agent.
    Aws(Box<Settings>, Option<AgentSettings>),
    Local {
        path: PathBuf,
        is_announced: bool,
    },
}

impl BackendConfig {
    /// Reads AWS's variables unless the backend is a local file, which `has_quiet_flag` keeps from being announced.
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
        let settings = report.value_of(read_settings(&options.aws, inherited));
        match (settings, report.value_of(agent)) {
            (Some(settings), Some(agent)) => Ok(Self::Aws(Box::new(settings), agent)),
            (_, _) => Err(report),
        }
    }
}
