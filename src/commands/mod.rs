//! The commands, one in each file, and the steps that they share.

pub mod check;
pub mod export;
pub mod launch;
mod long_wait;
pub mod policy;
mod prepare;
mod read;
#[cfg(test)]
mod rotation;
mod runtime;
mod values;
