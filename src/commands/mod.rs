//! The commands, one in each file, and the steps that they share.

pub mod check;
pub mod export;
pub mod install;
pub mod launch;
mod long_wait;
pub mod migrate;
pub mod policy;
mod prepare;
mod read;
mod runtime;
mod values;
