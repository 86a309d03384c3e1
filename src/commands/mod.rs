//! The launch and the subcommands, with a file for each, and the steps that they share.
//!
//! A subcommand returns the notices to print after its output. A launch returns only if the command
//! couldn't be started or, with `--on-rotation`, has ended. If anything fails, both return a
//! `Report`. `worker::finish` then ends the process.
//!
//! A few things end the process earlier: a bug, a termination signal, the deadline and, in a trial
//! (`rotation`), a parent that ends or doesn't need the trial any more. A trial that ends normally
//! doesn't call `finish`.

pub mod check;
pub mod export;
pub mod export_formats;
pub mod get;
pub mod launch;
pub mod migrate;
mod output;
pub mod policy;
mod prepare;
mod read;
#[cfg(target_os = "linux")]
pub mod rotation;
mod task;
pub mod worker;

// `install` has no module in this folder: `deliver::install` does all of its work.
pub use crate::deliver::install;
