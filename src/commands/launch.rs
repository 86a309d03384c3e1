//! `secrets-exec -- COMMAND`: resolve everything, then become the command.

use std::convert::Infallible;
use std::mem::ManuallyDrop;

use super::prepare::{Prepared, Store, prepare};
use crate::backend::Source;
use crate::backend::agent::Agent;
use crate::backend::aws::Aws;
use crate::backend::local_file::LocalFile;
use crate::deliver::{Files, deliver};
use crate::exec::Program;
use crate::input::cli::Invocation;
use crate::input::local_file;
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::environment;
use crate::model::environment::Environment;
use crate::model::inherited::Inherited;
use crate::model::plan::Plan;
use crate::model::retention::Retained;
use crate::report::{Failure, Report};
use crate::resolve::{Outcome, Progress, resolve};
use crate::time::deadline::Waiting;
use crate::time::watchdog::Watchdog;
use crate::{exec, report};

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
    let check_variable =
        resolved.variables.iter().filter_map(|variable| environment::check_variable(variable, limits)).collect();
    let report = Report::of_resolving(errors, check_variable, &plan, &command);
    if !report.is_empty() {
        return Err(report);
    }
    if is_verbose {
        report::say(report::provenance(&resolved, &fetched));
    }
    let files = Files::find(resolved.files);
    if !is_quiet {
        report::say(files.persistent_files().map(|(path, origin)| report::disk_notice(path, origin)));
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
    let watchdog = source.deadline().map(|deadline| Watchdog::start(deadline.clone(), report::overdue));
    let outcome = runtime.block_on(async {
        loop {
            let answers = match resolve(plan, fetched) {
                Progress::Done(outcome) => return Ok(outcome),
                Progress::Pending(locators) => source.fetch(&locators).await?,
            };
            fetched.extend(answers);
        }
    });
    drop(watchdog);
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
            let file = local_file::open(&path).map_err(Failure::Local)?;
            exec::hide_memory();
            let local = local_file::read(&path, file).map_err(gather(Failure::Local))?;
            if !is_silent {
                report::say([report::local_notice(&path)]);
            }
            Ok(Source::Local(LocalFile::new(local)))
        }
    }
}

fn gather<E>(failure: fn(E) -> Failure) -> impl Fn(Vec<E>) -> Report {
    move |errors| errors.into_iter().map(failure).collect()
}
