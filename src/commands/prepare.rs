//! `secrets-exec -- COMMAND`: resolve everything, then become the command.

use std::path::PathBuf;

use crate::backend::agent::AgentSettings;
use crate::backend::aws::{Settings, VariableError};
use crate::input::cli::{Invocation, UsageError};
use crate::input::{declaration, env_references};
use crate::model::inherited::Inherited;
use crate::model::options::{AgentChoice, Options};
use crate::model::plan::{Layer, Plan};
use crate::model::retention::{Retained, Retention};
use crate::report::{Failure, Report};

/// What is known before anything is read.
pub struct Prepared {
    pub plan: Plan,
    pub retained: Retained,
    pub store: Store,
    pub is_verbose: bool,
    pub is_quiet: bool,
}

/// Options that make no sense together, or alone.
fn contradictions(options: &Options) -> impl Iterator<Item = UsageError> + use<> {
    let has_agent = matches!(options.agent, Some(AgentChoice::Standard | AgentChoice::At(_)));
    let found = [
        (options.external_id.is_some() && options.role_arn.is_none())
            .then_some(UsageError::Alone { option: "--external-id", without: "--role-arn" }),
        (options.agent_fallback == Some(true) && !has_agent)
            .then_some(UsageError::Alone { option: "--agent-fallback", without: "--agent" }),
        (options.endpoint_url.is_some()
            && options.fallback_regions.as_ref().is_some_and(|regions| !regions.is_empty()))
        .then_some(UsageError::Together {
            options: ["--endpoint-url", "--fallback-region"],
            why: "one endpoint serves one region",
        }),
    ];
    found.into_iter().flatten()
}

/// Where secrets are read.
pub enum Store {
    Aws(Box<Settings>),
    Agent(Box<Settings>, AgentSettings),
    Local { path: PathBuf, is_silent: bool },
}

/// Command line, variables and declarations, merged; everything that is wrong with them is told at once.
pub fn prepare(invocation: Invocation, inherited: &Inherited) -> Result<Prepared, Report> {
    let Invocation { options, is_silent, layer, files, find_file, resolve_env, container, command: _, mistakes } =
        invocation;
    let mut failures: Vec<Failure> = mistakes.into_iter().map(Failure::Usage).collect();
    let (declarations, errors) = declaration::load(&files, find_file, container.as_deref());
    let is_readable = errors.is_empty();
    failures.extend(errors.into_iter().map(Failure::Declaration));
    let has_task_definition = declarations.iter().any(|declaration| declaration.from_task_definition);
    if container.is_some() && is_readable && !has_task_definition {
        failures.push(Failure::Usage(UsageError::ContainerAlone));
    }
    let mut defaults = Options::default();
    let mut layers = Vec::new();
    for declaration in declarations {
        defaults = declaration.options.over(defaults);
        layers.push(declaration.layer);
    }
    match env_references::layer(inherited, &resolve_env) {
        Ok(layer) => layers.push(layer),
        Err(errors) => failures.extend(errors.into_iter().map(Failure::EnvReference)),
    }
    layers.push(layer);
    let options = options.over(defaults);
    failures.extend(contradictions(&options).map(Failure::Usage));
    if failures.is_empty() && layers.iter().all(Layer::is_empty) {
        failures.push(Failure::Usage(UsageError::NothingToResolve { files, find_file }));
    }
    let store = match &options.local {
        Some(path) => Ok(Store::Local { path: path.clone(), is_silent }),
        None => remote(&options, inherited),
    };
    let retention = Retention {
        clean: options.clean_env == Some(true),
        pass: options.pass.unwrap_or_default(),
        unset: options.unset.unwrap_or_default(),
    };
    let retained = inherited.retain(&retention);
    let kept = (options.keep_existing == Some(true)).then_some(&retained);
    match (store, Plan::new(layers, inherited, kept)) {
        (Ok(store), Ok(plan)) if failures.is_empty() => {
            let (is_verbose, is_quiet) = (options.verbose == Some(true), options.quiet == Some(true));
            Ok(Prepared { plan, retained, store, is_verbose, is_quiet })
        }
        (store, plan) => {
            failures.extend(store.err().into_iter().flatten().map(Failure::Variable));
            failures.extend(plan.err().into_iter().flatten().map(Failure::Plan));
            Err(failures.into_iter().collect())
        }
    }
}

/// AWS itself, or its agent.
fn remote(options: &Options, inherited: &Inherited) -> Result<Store, Vec<VariableError>> {
    match (Settings::new(options, inherited), AgentSettings::new(options, inherited)) {
        (Ok(settings), Ok(None)) => Ok(Store::Aws(Box::new(settings))),
        (Ok(settings), Ok(Some(agent))) => Ok(Store::Agent(Box::new(settings), agent)),
        (settings, agent) => Err(settings.err().into_iter().chain(agent.err()).flatten().collect()),
    }
}
