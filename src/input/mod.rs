//! Parses the user's input into types of `model`: the command line, declarations, files for
//! `--local`, references in variables, and `.env` files for `migrate`.
//!
//! Errors in files and variables are collected, so that one report shows every mistake.

pub mod cli;
pub mod declaration;
pub mod env_file;
pub mod inherited;
pub mod local_secrets;
mod text_file;
mod yaml;
