//! The errors of the command line and of `SECRETS_EXEC_*`.

use std::path::PathBuf;

use crate::model::reference::ReferenceError;

/// An error of the command line or of a `SECRETS_EXEC_*` variable. `option` is an option with its hyphens.
#[derive(Debug, PartialEq)]
pub enum UsageError {
    /// The lines of clap's message.
    Syntax(Vec<String>),
    UnknownOption {
        option: String,
        /// The most similar option.
        nearest: Option<String>,
    },
    /// A word that is no option, without `--` anywhere.
    MissingSeparator(String),
    /// A word that is no option before `--`.
    StrayWord(String),
    /// A word that other programs take as a subcommand.
    Subcommand(String),
    /// An option whose URL follows it as a word of its own, and not after `=`.
    DetachedUrl { option: String, word: String },
    /// A word like `NAME=REF` after no option.
    MissingOption(String),
    /// `--env` or `--as-file` whose argument has no `=`, or nothing after it, and the word that follows.
    MissingEquals { option: String, name: String, word: String },
    /// No command.
    NoCommand { has_separator: bool },
    /// `--env` or `--as-file` without `=`.
    NoEquals { option: &'static str, text: String },
    /// A text that is no name of a variable.
    IllegalName { option: &'static str, name: String },
    /// A variable that two options set; the second one.
    Twice { option: &'static str, name: String },
    /// PATH, in which the command is looked up before any request.
    Path(&'static str),
    /// A malformed reference.
    Reference {
        option: &'static str,
        /// The argument of the option, which contains the reference.
        argument: String,
        reference: String,
        error: ReferenceError,
    },
    /// `--container` without a task definition.
    ContainerAlone,
    /// An illegal value of an option or variable.
    Value {
        /// The option or variable.
        name: String,
        text: String,
        expected: &'static str,
    },
    /// An illegal pattern of an option or variable.
    Pattern { name: String, pattern: String, expected: &'static str },
    /// A launch without entries.
    NothingToResolve {
        /// The declarations that were read.
        files: Vec<PathBuf>,
        /// The names that were looked for in the working directory; empty with `--no-file`.
        default_names: &'static [&'static str],
    },
    /// `-f -` twice.
    StdinTwice,
}
