//! The commands, one in a file, and what they share.

pub mod launch;
mod prepare;
mod read;
