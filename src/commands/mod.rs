//! The commands, one in each file, and the steps that they share.

pub mod check;
pub mod credential;
pub mod export;
pub mod install;
pub mod launch;
mod long_wait;
pub mod migrate;
pub mod policy;
mod prepare;
mod read;
#[cfg(target_os = "linux")]
mod rotation;
mod runtime;
mod values;
