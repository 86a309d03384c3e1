//! The commands, one in each file, and the steps that they share.

pub mod launch;
mod prepare;
mod read;
