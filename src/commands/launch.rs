//! `secrets-exec -- COMMAND`: reads every value, writes the files, and replaces this process with the command.
//!
//! [`launch()`] has all of a launch in order, so it is a good place to start reading.

use super::launch_steps::Launch;
use super::prepare::{Prepared, run_prepared};
use super::read::Pass;
#[cfg(target_os = "linux")]
use super::rotation::supervise;
use super::scope::EntryScope;
use crate::exec;
use crate::input::cli::Inputs;
use crate::model::environment::CommandLine;
use crate::model::inherited::Inherited;
use crate::report::Report;
use crate::system::systemd::Notifier;
use crate::time::Deadline;

/// Replaces this process with the command, once every value has been read and every file has been written. With `--on-rotation`, runs the command as
/// a child process instead, waits for its end, and returns its exit status.
///
/// # Errors
/// Every reason why the command can't be started.
pub fn launch(inputs: Inputs, command: &CommandLine, inherited: &Inherited) -> Result<u8, Report> {
    let read = |prepared: Prepared, deadline: &Deadline| {
        let launch = Launch::new(prepared, command)?;
        // In a rotation, each forked launch reads the values itself.
        let values = match launch.prepared.options.rotation {
            None => Some(launch.read_values(Pass::First, deadline)?),
            Some(_) => None,
        };
        Ok((launch, values))
    };
    let (launch, values) = run_prepared(inputs, EntryScope::Launch, inherited, read)?;

    #[cfg(target_os = "linux")]
    if let Some(rotation) = launch.prepared.options.rotation {
        return supervise(&rotation, launch, inherited);
    }
    // Only a rotation doesn't have values here, and the call of `supervise` has returned above.
    let Some(values) = values else {
        return Err(Report::default());
    };

    let (delivery, environment) = launch.stage(Pass::First, values)?;
    let placed = delivery.rename_all()?.unless_interrupted();
    if launch.prepared.options.notify_ready {
        Notifier::new(inherited).send("READY=1");
    }
    match exec::exec(&launch.program, command, &environment, placed.descriptors())? {}
}
