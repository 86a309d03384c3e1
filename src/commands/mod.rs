//! The launch and the subcommands, with a file for each, and the steps that they share.
//!
//! A launch or subcommand returns its exit status or a `Report` with everything that went wrong,
//! and `worker::finish` ends the process. Nothing else ends the process, except at the end of
//! a trial (`rotation`), and after a bug, a signal, the deadline or a closed connection.

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
pub mod worker;

// `install` has no file here, because `deliver::install` does all of its work.
pub use crate::deliver::install;
