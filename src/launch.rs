//! `secrets-exec -- COMMAND`: resolve everything, then become the command.

use std::convert::Infallible;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

use crate::cli::{Invocation, UsageError};
use crate::command::CommandLine;
use crate::deliver::{Files, deliver};
use crate::environment::{self, Environment, Inherited, Retained, Retention};
use crate::exec::{self, Program};
use crate::fetched::Fetched;
use crate::inherited;
use crate::manifest;
use crate::options::{AgentChoice, Options};
use crate::plan::{Layer, Plan};
use crate::report::{self, Failure, Report};
use crate::resolve::{Outcome, Progress, resolve};
use crate::source::{Agent, AgentSettings, Aws, LocalFile, Settings, Source, VariableError, Waiting};

/// Everything is there before anything is started, or nothing is started.
///
/// # Errors
/// Every reason why the command does not run.
pub fn launch(invocation: Invocation, inherited: &Inherited) -> Result<Infallible, Report> {
    let command = invocation.command.clone();
    let Prepared { plan, retained, store, is_verbose, is_quiet } = prepare(invocation, inherited)?;
    // Found before any request, since not finding it costs nothing.
    let program = find(&command, &plan, &retained)?;
    let mut fetched = Fetched::default();
    let Outcome { resolved, errors } = fetch(store, &plan, &mut fetched, is_quiet)?;
    let limits = exec::limits();
    let unfit = resolved.variables.iter().filter_map(|variable| environment::unfit(variable, limits)).collect();
    let report = Report::of_resolving(errors, unfit, &plan, &command);
    if !report.is_empty() {
        return Err(report);
    }
    if is_verbose {
        report::say(report::provenance(&resolved, &fetched));
    }
    let files = Files::find(resolved.files);
    if !is_quiet {
        report::say(files.persistent().map(|(path, origin)| report::disk_notice(path, origin)));
    }
    // A signal must not leave delivered files behind: hold it until they are undone or the command runs.
    let signals = files.hold_signals();
    let mut delivered = deliver(files, &signals).map_err(gather(Failure::Deliver))?;
    let environment = Environment::new(retained, &resolved.variables, delivered.variables());
    let mut failures = match environment.check(&command, program.as_path(), limits) {
        Err(error) => vec![Failure::Environment(error)],
        Ok(()) => match delivered.commit(&signals) {
            Err(errors) => errors.into_iter().map(Failure::Deliver).collect(),
            Ok(()) => {
                let Err(error) = exec::exec(&program, &command, &environment);
                signals.hold_again();
                vec![Failure::Exec { program: program.as_path().to_owned(), error }]
            }
        },
    };
    // Nothing runs, so nothing stays.
    failures.extend(delivered.undo().into_iter().map(Failure::Deliver));
    Err(failures.into_iter().collect())
}

/// What is known before anything is read.
struct Prepared {
    plan: Plan,
    retained: Retained,
    store: Store,
    is_verbose: bool,
    is_quiet: bool,
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
enum Store {
    Aws(Box<Settings>),
    Agent(Box<Settings>, AgentSettings),
    Local { path: PathBuf, is_silent: bool },
}

/// Command line, variables and declarations, merged; everything that is wrong with them is told at once.
fn prepare(invocation: Invocation, inherited: &Inherited) -> Result<Prepared, Report> {
    let Invocation { options, is_silent, layer, files, find_file, resolve_env, container, command: _, mistakes } =
        invocation;
    let mut failures: Vec<Failure> = mistakes.into_iter().map(Failure::Usage).collect();
    let (declarations, errors) = manifest::load(&files, find_file, container.as_deref());
    let is_readable = errors.is_empty();
    failures.extend(errors.into_iter().map(Failure::Manifest));
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
    match inherited::layer(inherited, &resolve_env) {
        Ok(layer) => layers.push(layer),
        Err(errors) => failures.extend(errors.into_iter().map(Failure::Inherited)),
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

fn find(command: &CommandLine, plan: &Plan, retained: &Retained) -> Result<Program, Report> {
    let path = plan.literal("PATH").map(AsRef::as_ref).or_else(|| retained.get("PATH"));
    exec::find(command.program(), path)
        .map_err(|error| Failure::Program { command: command.program().to_string_lossy().into_owned(), error }.into())
}

/// Asks until everything is decided. The runtime lives here and nowhere else.
fn fetch(store: Store, plan: &Plan, fetched: &mut Fetched, is_quiet: bool) -> Result<Outcome, Report> {
    // Connections are not taken apart piece by piece: they end with the process, or in execve.
    let mut source = ManuallyDrop::new(open(store, is_quiet)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Runtime(error.to_string()))?;
    let watch = source.clock().map(|clock| clock.watch(report::overdue));
    let outcome = runtime.block_on(async {
        loop {
            let answers = match resolve(plan, fetched) {
                Progress::Done(outcome) => return Ok(outcome),
                Progress::Wants(locators) => source.fetch(&locators).await?,
            };
            fetched.extend(answers);
        }
    });
    drop(watch);
    // Dropping the runtime would wait for a name that may never be resolved.
    runtime.shutdown_background();
    Ok(outcome.map_err(Failure::Setup)?)
}

/// Opens the source, with the process's memory hidden from then on.
fn open(store: Store, is_quiet: bool) -> Result<Source, Report> {
    let tell: fn(&Waiting) = if is_quiet { |_| {} } else { report::waiting };
    match store {
        Store::Aws(settings) => {
            exec::hide_memory();
            Ok(Source::Aws(Box::new(Aws::new(*settings, tell))))
        }
        Store::Agent(settings, agent) => {
            exec::hide_memory();
            Ok(Source::Agent(Box::new(Agent::new(agent, *settings, tell))))
        }
        Store::Local { path, is_silent } => {
            let file = LocalFile::open(&path).map_err(Failure::Local)?;
            exec::hide_memory();
            let local = LocalFile::read(&path, file).map_err(gather(Failure::Local))?;
            if !is_silent {
                report::say([report::local_notice(&path)]);
            }
            Ok(Source::Local(local))
        }
    }
}

fn gather<E>(failure: fn(E) -> Failure) -> impl Fn(Vec<E>) -> Report {
    move |errors| errors.into_iter().map(failure).collect()
}
