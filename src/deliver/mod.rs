//! Delivery of files, all or none: each is complete, with its owner and mode, before the first gets its name.

mod access;
mod directory;
mod disk;
pub mod export;
#[cfg_attr(target_os = "macos", path = "no_memory.rs")]
mod memory;
mod problem;
mod program;
mod signals;
mod staging;
#[cfg(test)]
mod testing;
#[cfg(target_os = "linux")]
mod written;

pub use problem::{DeliverError, DeliverProblem, FailedStep, Step};
pub use program::install;
pub use staging::{Delivery, Files, undeliverable};
#[cfg(target_os = "linux")]
pub use written::Written;
