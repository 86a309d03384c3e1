//! Parses the user's input into types of `model`: the command line, declarations, files for
//! `--local`, references in variables, and `.env` files for `migrate`.
//!
//! Errors are collected rather than returned one by one, so that a user sees every mistake in one
//! report.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod env_references;
pub mod local_secrets;
mod text_file;
mod yaml;

pub use text_file::find_local_file;
