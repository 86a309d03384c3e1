//! TODO

pub mod cli;
pub mod declaration;
pub mod env_references;
pub mod local_file;
pub mod syntax;
