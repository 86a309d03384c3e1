//! `secrets-exec -- COMMAND`: resolves every value, delivers the files, and executes the command in place of this process.

use std::process::ExitCode;

use super::prepare::{Prepared, Scope, prepare};
use super::read::read;
#[cfg(target_os = "linux")]
use super::rotation::{Launch, supervise};
use super::values::{print_disk_notices, unusable};
use crate::deliver::{Delivery, Files, undeliverable};
use crate::exec;
use crate::input::cli::Inputs;
use crate::model::answer::Fetched;
use crate::model::command_line::CommandLine;
use crate::model::environment::Environment;
use crate::model::inherited::Inherited;
use crate::report::{self, Failure, Report, terminal};
use crate::resolve::Outcome;
use crate::system::notify::NotifySocket;

/// Replaces this process with the command, after every value is resolved and every file delivered. With `--on-rotation`, runs it as a
/// child and returns its exit status.
///
/// # Errors
/// Every reason why the command does not run.
pub fn launch(inputs: Inputs, command: &CommandLine, inherited: &Inherited) -> Result<ExitCode, Report> {
    let prepared = prepare(inputs, Scope::Launch, inherited)?;
    // Before any request, so that a mistyped command fails at once.
    let program = prepared.find(command).map_err(|error| Failure::program(command, error))?;
    let Prepared { options, retained, backend, plan } = prepared;
    let mut fetched = Fetched::default();
    #[cfg(target_os = "linux")]
    let read_again = options.rotation.map(|rotation| {
        exec::wipe_freed_memory();
        (rotation, backend.clone())
    });
    let Outcome { resolved, errors } = read(backend, &options, &plan, inherited, &mut fetched)?;
    let limits = exec::limits();
    let unusable = unusable(&resolved, limits).into_iter().map(|(_, error)| error).collect();
    let consequence = format!("{} was not started", command.program().to_string_lossy());
    let mut report = Report::of_values(errors, unusable, &plan, consequence);
    if !report.is_empty() {
        report.extend(undeliverable(Files::find(resolved.files)), Failure::Deliver);
        return Err(report);
    }
    if options.verbose {
        terminal::print_lines(report::provenance(&resolved, &fetched));
    }
    #[cfg(target_os = "linux")]
    if let Some((rotation, backend)) = read_again {
        let launch = Launch { command, program, retained, backend, plan, resolved, fetched };
        return supervise(&rotation, &options, launch, inherited);
    }
    let files = Files::find(resolved.files);
    print_disk_notices(&files, &options);
    let ready = inherited.filled("NOTIFY_SOCKET").filter(|_| options.notify_ready);
    let ready = ready.and_then(NotifySocket::open);
    // A signal must not leave temporary files behind: it is held until all have their names.
    let signals = files.hold_signals();
    let of_files = |errors: Vec<_>| errors.into_iter().map(Failure::Deliver).collect::<Report>();
    // Dropped before the signals are raised: the command does not run, so no new file may stay.
    let mut delivery = Delivery::stage(files).map_err(of_files)?;
    let environment = Environment::new(retained, &resolved.variables, delivery.variables());
    environment.check(command, program.as_path(), limits).map_err(Failure::Environment)?;
    delivery.place_unless_interrupted(&signals).map_err(of_files)?;
    if let Some(socket) = ready {
        socket.send("READY=1");
    }
    let Err(error) = exec::exec(&program, command, &environment, delivery.descriptors().collect());
    Err(Failure::Exec { program: program.as_path().to_owned(), error }.into())
}
