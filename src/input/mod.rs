//! Parses the user's input: the command line, declarations, files for `--local`, references in
//! variables, and `.env` files for `migrate`. Entries, options and secrets become types of `model`.
//!
//! Errors in files and variables are collected, so that one report shows every mistake.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod inherited;
pub mod local_secrets;
mod text_file;
mod yaml;
