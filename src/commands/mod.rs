//! The launch and the subcommands, with a file for each, and the steps that they share.
//!
//! A command returns a [`Report`] with everything that went wrong, and [`finish`] prints the report
//! and ends the process. Nothing else ends the process, except after a bug, a signal or the
//! deadline.

pub mod check;
pub mod credential;
pub mod export;
pub mod get;
pub mod launch;
pub mod migrate;
pub mod policy;
mod prepare;
mod read;
#[cfg(target_os = "linux")]
pub mod rotation;
mod worker;

pub use crate::deliver::install;

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::model::problem::Status;
use crate::report::{self, Report, terminal};
use crate::system::waiting::{End, end};

/// Makes a panic on any thread end the process with status 70, before it can unwind or write a core
/// file. The message names the line of the source, but it doesn't have the payload of the panic,
/// which may contain a value.
pub fn install_panic_hook() {
    static IS_FIRST: AtomicBool = AtomicBool::new(true);
    panic::set_hook(Box::new(|panic| {
        if !IS_FIRST.swap(false, Ordering::SeqCst) {
            // Another thread is already ending the process.
            thread::park();
        }
        end(End::Status(Status::Bug as u8), || {
            terminal::print_always([report::bug_error(panic)]);
        })
    }));
}

/// Ends this process with the exit status that a command has returned. If there is a report
/// instead, prints it and ends with its status.
pub fn finish(outcome: Result<u8, Report>) -> ! {
    match outcome {
        Ok(status) => end(End::Status(status), || ()),
        Err(report) => end(End::Status(report.exit_status()), || report.print()),
    }
}
