//! `secrets-exec -- COMMAND`: resolves every value, delivers the files, and executes the command in place of this process.

use super::launch_steps::Launch;
use super::prepare::prepare;
use super::read::Pass;
#[cfg(target_os = "linux")]
use super::rotation::supervise;
use super::scope::EntryScope;
use super::worker::{Reporter, ThisProcess};
use crate::input::cli::Inputs;
use crate::model::environment::CommandLine;
use crate::model::inherited::Inherited;
use crate::report::Report;

/// Replaces this process with the command, after every value is resolved and every file delivered. With `--on-rotation`, runs it as a
/// child and returns its exit status.
///
/// # Errors
/// Every reason why the command does not run.
pub fn launch(inputs: Inputs, command: &CommandLine, inherited: &Inherited) -> Result<u8, Report> {
    let launch = Launch::new(prepare(inputs, EntryScope::Launch, inherited)?, command)?;
    #[cfg(target_os = "linux")]
    if let Some(rotation) = launch.prepared.options.rotation {
        return supervise(&rotation, launch, inherited);
    }
    let options = &launch.prepared.options;
    let here = ThisProcess::new(inherited);
    let values = launch.resolve(Pass::First, &here)?;
    let (delivery, environment) = launch.stage(Pass::First, values)?;
    let placed = delivery.place()?.unless_interrupted();
    if options.notify_ready {
        here.notify("READY=1");
    }
    match launch.execute(&launch.program, &placed, &environment)? {}
}
