//! The pages of `docs/` are held against the program.

pub mod console;

mod containers;
mod kubernetes;
mod lambda;
