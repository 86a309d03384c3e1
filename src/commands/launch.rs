//! `secrets-exec -- COMMAND`: resolves every value, delivers the files, and executes the command in place of this process.

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

/// Replaces this process with the command, after every value is resolved and every file delivered. With `--on-rotation`, runs it as a
/// child and returns its exit status.
///
/// # Errors
/// Every reason why the command does not run.
pub fn launch(inputs: Inputs, command: &CommandLine, inherited: &Inherited) -> Result<u8, Report> {
    let read = |prepared: Prepared, deadline: &Deadline| {
        let launch = Launch::new(prepared, command)?;
        // Each forked launch of a rotation reads the values itself.
        let values = match launch.prepared.options.rotation {
            None => Some(launch.resolve(Pass::First, deadline)?),
            Some(_) => None,
        };
        Ok((launch, values))
    };
    let (launch, values) = run_prepared(inputs, EntryScope::Launch, inherited, read)?;

    #[cfg(target_os = "linux")]
    if let Some(rotation) = launch.prepared.options.rotation {
        return supervise(&rotation, launch, inherited);
    }
    // Only a rotation gets here without values, and it has returned above.
    let Some(values) = values else {
        return Err(Report::default());
    };

    let (delivery, environment) = launch.stage(Pass::First, values)?;
    let placed = delivery.place()?.unless_interrupted();
    if launch.prepared.options.notify_ready {
        Notifier::new(inherited).send("READY=1");
    }
    match exec::exec(&launch.program, command, &environment, placed.descriptors())? {}
}
