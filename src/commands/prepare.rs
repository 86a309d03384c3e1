//! The merged inputs of a command: options and layers from the command line, variables and declarations.

use std::path::PathBuf;

use super::long_wait::awaiting;
use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, VariableError};
use crate::input::cli::{Inputs, UsageError};
use crate::input::declaration::{DEFAULT_NAMES, DeclarationProblem};
use crate::input::{declaration, env_references};
use crate::model::inherited::Inherited;
use crate::model::options::{Options, SourceOption, TypedOptions};
use crate::model::plan::{Layer, Plan, PlanError};
use crate::model::retention::Retained;
use crate::report::{Failure, Report};

/// The merged inputs.
pub struct Prepared {
    pub options: Options,
    /// The inherited variables that the command keeps.
    pub retained: Retained,
    /// `-q` on the command line.
    pub has_quiet_flag: bool,
    /// A later layer takes precedence.
    layers: Vec<Layer>,
}

/// Reads the declarations and merges all inputs. Adds every error in them to `report`.
pub fn prepare(inputs: Inputs, inherited: &Inherited, report: &mut Report) -> Prepared {
    let Inputs { options, has_quiet_flag, layer, files, find_file, resolve_env, container, errors } = inputs;
    report.extend(errors, Failure::Usage);
    let load = || declaration::load(&files, find_file, container.as_deref());
    // A pipe may block.
    let (declarations, mut errors) = awaiting("the declarations", load);
    if !layer.is_empty() || !resolve_env.is_empty() {
        // The default declaration is not needed, so the working directory need not be accessible.
        errors.retain(|error| error.problem != DeclarationProblem::NoEntry);
    }
    let has_task_definition = declarations.iter().any(|declaration| declaration.from_task_definition);
    let needs_task_definition = container.is_some() && errors.is_empty() && !has_task_definition;
    report.extend(errors, Failure::Declaration);
    report.extend(needs_task_definition.then_some(UsageError::ContainerAlone), Failure::Usage);
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
    report.extend(conflicts, Failure::Options);
    // A generic image carries `--resolve-env '*'`, and not every task has references.
    if report.is_empty() && resolve_env.is_empty() && layers.iter().all(Layer::is_empty) {
        let default_names = if find_file { DEFAULT_NAMES } else { &[] };
        report.extend([UsageError::NothingToResolve { files: read, default_names }], Failure::Usage);
    }
    let retained = inherited.retain(&options.retention);
    Prepared { options, retained, has_quiet_flag, layers }
}

impl Prepared {
    /// Makes a plan of the layers, which are moved into it.
    ///
    /// # Errors
    /// One for each invalid reference.
    pub fn plan(&mut self, inherited: &Inherited) -> Result<Plan, Vec<PlanError>> {
        let kept = self.options.keep_existing.then_some(&self.retained);
        Plan::new(std::mem::take(&mut self.layers), inherited, kept)
    }
}

/// The configuration of the chosen backend.
pub enum BackendConfig {
    Aws(Box<Settings>),
    Agent(Box<Settings>, AgentSettings),
    Local { path: PathBuf, is_announced: bool },
}

impl BackendConfig {
    /// Chooses the backend by the options, and reads AWS's variables unless it is a local file.
    ///
    /// # Errors
    /// One for each variable with an invalid value.
    pub fn new(prepared: &Prepared, inherited: &Inherited) -> Result<Self, Vec<VariableError>> {
        let settings = || Settings::new(&prepared.options.aws, inherited);
        match &prepared.options.source {
            SourceOption::Local(path) => Ok(Self::Local { path: path.clone(), is_announced: !prepared.has_quiet_flag }),
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
