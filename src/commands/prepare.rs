//! The inputs of a command, merged: the plan, the options and the backend from the command line, variables and declarations.

use std::path::PathBuf;

use super::long_wait::awaiting;
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Reading, Settings, VariableError};
use crate::exec::{self, Program, ProgramError};
use crate::input::cli::{Inputs, Subcommand, UsageError};
use crate::input::declaration::{DEFAULT_NAMES, DeclarationProblem};
use crate::input::{declaration, env_references};
use crate::model::command_line::CommandLine;
use crate::model::credential::{CredentialRequest, select};
use crate::model::entry::EntrySource;
use crate::model::inherited::Inherited;
use crate::model::options::{AwsOptions, OnRotation, Options, SourceOption, TypedOptions};
use crate::model::plan::{Layer, Plan};
use crate::model::retention::Retained;
use crate::report::{CredentialFailure, Failure, Report, terminal};

/// The merged inputs.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Retained,
    pub backend: BackendConfig,
    pub plan: Plan,
}

/// The part of the declarations that a command needs.
#[derive(Clone, Copy)]
pub enum Scope<'a> {
    /// The variables and files of a launch.
    Launch,
    /// These and all credentials.
    Everything,
    Credential(&'a CredentialRequest),
}

/// The inputs of all places in one, before references are looked up.
struct Merged {
    command: Option<Subcommand>,
    options: Options,
    /// A later one takes precedence.
    layers: Vec<Layer>,
    has_quiet_flag: bool,
}

/// Reads the declarations and merges all inputs.
///
/// # Errors
/// Every error in them.
pub fn prepare(inputs: Inputs, scope: Scope<'_>, inherited: &Inherited) -> Result<Prepared, Report> {
    let mut report = Report::default();
    let merged = merge(inputs, scope, inherited, &mut report);
    complete(merged, inherited, report)
}

/// Does the same as [`prepare`] for [`Scope::Everything`], and looks up a command even if an input is wrong.
///
/// # Errors
/// Every error in the inputs.
pub fn prepare_and_find(
    inputs: Inputs,
    command: &CommandLine,
    inherited: &Inherited,
) -> (Result<Prepared, Report>, Result<Program, ProgramError>) {
    let mut report = Report::default();
    let merged = merge(inputs, Scope::Everything, inherited, &mut report);
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
    let Merged { command, mut options, layers, has_quiet_flag } = merged;
    options.rotation = options.rotation.filter(|_| supervises(command));
    let retained = inherited.retain(&options.retention);
    let backend = BackendConfig::new(&options.aws, &options.source, has_quiet_flag, inherited);
    let backend = report.value_of(backend, Failure::Variable);
    let backend =
        backend.map(|backend| if options.rotation.is_some() { backend.for_reading(Reading::First) } else { backend });
    let kept = options.keep_existing.then_some(&retained);
    let plan = report.value_of(Plan::new(layers, inherited, kept), Failure::Plan);
    if signals_without_file(&options, plan.as_ref()) {
        report.extend([UsageError::SignalWithoutFile], Failure::Usage);
    }
    match (backend, plan) {
        (Some(backend), Some(plan)) if report.is_empty() => Ok(Prepared { options, retained, backend, plan }),
        (_, _) => Err(report),
    }
}

/// True for a launch, and for `check`, which checks one: to the other commands, the options of `--on-rotation` mean nothing.
fn supervises(command: Option<Subcommand>) -> bool {
    match command {
        None | Some(Subcommand::Check) => true,
        Some(
            Subcommand::Policy
            | Subcommand::Export
            | Subcommand::Migrate
            | Subcommand::Install
            | Subcommand::Credential
            | Subcommand::Completions
            | Subcommand::Man,
        ) => false,
    }
}

/// True if a signal would be sent about a file that does not exist.
fn signals_without_file(options: &Options, plan: Option<&Plan>) -> bool {
    let signals = options.rotation.is_some_and(|rotation| matches!(rotation.on_rotation, OnRotation::Signal(_)));
    signals && plan.is_some_and(|plan| !plan.has_path())
}

/// Merges the inputs, and adds the errors to `report`.
fn merge(inputs: Inputs, scope: Scope<'_>, inherited: &Inherited, report: &mut Report) -> Merged {
    let Inputs { command, options, has_quiet_flag, layer, files, find_file, resolve_env, errors } = inputs;
    report.extend(errors, Failure::Usage);
    let load = || declaration::load(&files, find_file);
    // A pipe may block.
    let (declarations, mut errors) = awaiting("the declarations", load);
    if !layer.is_empty() || !resolve_env.is_empty() {
        // The default declaration is not needed, so the working directory need not be accessible.
        errors.retain(|error| error.problem != DeclarationProblem::NoEntry);
    }
    report.extend(errors, Failure::Declaration);
    let mut defaults = TypedOptions::default();
    let (mut layers, mut read) = (Vec::new(), Vec::new());
    for declaration in declarations {
        read.push(declaration.path);
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    layers.extend(report.value_of(env_references::layer(inherited, &resolve_env), Failure::EnvReference));
    layers.push(layer);
    let (options, conflicts) = options.over(defaults).resolve(inherited);
    terminal::choose_format(options.log_format);
    report.extend(conflicts, Failure::Options);
    narrow(&mut layers, scope, report);
    // A generic image carries `--resolve-env '*'`, and not every task has references.
    if report.is_empty() && resolve_env.is_empty() && layers.iter().all(Layer::is_empty) {
        let default_names = if find_file { DEFAULT_NAMES } else { &[] };
        let error = UsageError::NothingToResolve { files: read, default_names, line: command };
        report.extend([error], Failure::Usage);
    }
    Merged { command, options, layers, has_quiet_flag }
}

/// Leaves the part of the layers that is needed. Adds the error of a credential that is not declared, unless an error before may be
/// the reason.
fn narrow(layers: &mut [Layer], scope: Scope<'_>, report: &mut Report) {
    match scope {
        Scope::Launch => {}
        Scope::Everything => layers.iter_mut().for_each(Layer::include_credentials),
        Scope::Credential(request) => {
            let selected = select(layers, request);
            if let (Err(reason), true) = (selected, report.is_empty()) {
                let failure = CredentialFailure::NotSelected { request: request.clone(), reason };
                report.extend([failure], Failure::Credential);
            }
        }
    }
}

impl Prepared {
    /// Looks up a command in the PATH that it gets.
    ///
    /// # Errors
    /// When it is not found or cannot be executed.
    pub fn find(&self, command: &CommandLine) -> Result<Program, ProgramError> {
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
    /// Returns the same configuration for the first reading of several, or for a later one, of which no notice is printed.
    #[must_use]
    pub fn for_reading(mut self, reading: Reading) -> Self {
        match &mut self {
            Self::Local { is_announced, .. } => *is_announced &= reading != Reading::Again,
            Self::Aws(settings) | Self::Agent(settings, _) => settings.reading = reading,
        }
        self
    }

    /// Reads AWS's variables unless the backend is a local file, which `has_quiet_flag` keeps from being announced.
    ///
    /// # Errors
    /// One for each variable with an invalid value.
    fn new(
        aws: &AwsOptions,
        source: &SourceOption,
        has_quiet_flag: bool,
        inherited: &Inherited,
    ) -> Result<Self, Vec<VariableError>> {
        let settings = || Settings::new(aws, inherited);
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
