//! The commands, one in each file, and the steps that they share.

pub mod launch;
mod long_wait;
mod prepare;
mod read;
