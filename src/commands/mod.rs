//! The commands, one in each file, and the steps that they share.

pub mod check;
pub mod credential;
pub mod export;
pub mod launch;
mod long_wait;
pub mod policy;
mod prepare;
mod read;
mod runtime;
mod values;
