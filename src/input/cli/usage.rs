//! What can be wrong with the command line and our variables: data, for the report to word.

use std::path::PathBuf;

use crate::model::reference::ReferenceError;

/// What is wrong with the command line or a variable of ours.
#[derive(Debug, PartialEq)]
pub enum UsageError {
    /// clap's own words, a line each.
    Syntax(Vec<String>),
    /// A word where only `--` and the command can follow.
    MissingSeparator(String),
    /// Nothing after `--`.
    NoCommand,
    /// `--env` or `--as-file` without `=`.
    NoEquals {
        /// The option.
        option: &'static str,
        /// What it was given.
        text: String,
    },
    /// A name that cannot be a variable's.
    IllegalName {
        /// The option.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// A name that was given twice.
    Twice {
        /// The option that gave it again.
        option: &'static str,
        /// The name.
        name: String,
    },
    /// PATH, which decides what is run before anything is read.
    Path(&'static str),
    /// A reference that is none.
    Reference {
        /// The option.
        option: &'static str,
        /// What it was given.
        argument: String,
        /// The reference in it.
        reference: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// `--container` without a task definition to choose from.
    ContainerAlone,
    /// An option, or the variable that stands for it, with a value that it does not take.
    Value {
        /// The option or variable.
        name: String,
        /// What was given.
        text: String,
        /// What it takes.
        expected: &'static str,
    },
    /// Nothing at all is to be resolved.
    NothingToResolve {
        /// The declarations that were read.
        files: Vec<PathBuf>,
        /// The names that were looked for in the working directory; none with `--no-file`.
        default_names: &'static [&'static str],
    },
    /// Standard input can be read once.
    StdinTwice,
}
