//! The launch and the subcommands, with a file for each, and the steps that they share.
//!
//! A subcommand returns the warnings and notes to print after its output. A launch returns only if
//! the command couldn't be started or, with `--on-rotation`, has ended. If anything fails, both
//! return a `Report` with everything that went wrong. Then `worker::finish` ends the process. Only
//! a trial (`rotation`) ends itself, and so does any process after a bug, a signal, the deadline or
//! a closed connection.

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

// `install` has no file here, because `deliver::install` does all of its work.
pub use crate::deliver::install;
