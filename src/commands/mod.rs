//! The commands, one in each file, the steps that they share, and the end of the process by a bug.

pub mod check;
pub mod credential;
pub mod export;
pub mod get;
pub mod launch;
mod launch_steps;
pub mod migrate;
pub mod policy;
mod prepare;
mod read;
#[cfg(target_os = "linux")]
mod rotation;
mod scope;
mod worker;

use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::deliver;
use crate::model::problem::Status;
use crate::report::{self, Record, Report, terminal};
use crate::system::ending::{End, end};

/// Runs `secrets-exec install`: copies the running program to a directory, for images that cannot be rebuilt. Warns of another user's
/// directory.
///
/// # Errors
/// The reason why it cannot be read or written; nothing is changed then.
pub fn install(directory: &Path) -> Result<(), Report> {
    if let Some(warning) = deliver::install(directory)? {
        terminal::print([Record::warning(warning)]);
    }
    Ok(())
}

/// Lets a panic on any thread end the process with status 70, before it could unwind or dump core. The line has the place and no payload,
/// which may hold a value.
pub fn install_panic_hook() {
    static IS_FIRST: AtomicBool = AtomicBool::new(true);
    panic::set_hook(Box::new(|panic| {
        if !IS_FIRST.swap(false, Ordering::SeqCst) {
            // Another thread ends the process.
            thread::park();
        }
        end(End::Status(Status::Bug as u8), || {
            terminal::print([report::bug(panic)]);
        })
    }));
}

/// Ends this process with the exit status that a command has returned, or prints its failures and ends with theirs.
pub fn finish(outcome: Result<u8, Report>) -> ! {
    match outcome {
        Ok(status) => end(End::Status(status), || ()),
        Err(report) => end(End::Status(report.exit_status()), || report.print()),
    }
}
