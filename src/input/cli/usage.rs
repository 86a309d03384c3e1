//! The errors of the command line and of `SECRETS_EXEC_*`.

use std::path::PathBuf;

use super::subcommand::Subcommand;
use crate::model::options::OptionConflict;
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
    /// An option that this command line lacks and others have.
    OptionOfOthers {
        option: String,
        /// The commands that have it; `None` is a launch.
        owners: Vec<Option<Subcommand>>,
        /// The command whose line it is.
        line: Option<Subcommand>,
    },
    /// A word that is neither an option nor an option's argument.
    StrayWord { word: String, remedy: Remedy },
    /// Words after `--`, for a command that takes none.
    NoProgram { subcommand: Subcommand, program: String },
    /// An option or argument without its value.
    NoValue {
        name: String,
        /// The value's name in `--help`.
        value: String,
        /// The possible values, if they are limited.
        known: Vec<String>,
    },
    /// A flag with a value.
    UnexpectedValue(String),
    /// A value that is none of the possible ones.
    NotOneOf { name: String, text: String, known: Vec<String> },
    /// An argument that is not UTF-8, with replacement characters.
    NotUtf8(String),
    /// A command without an argument that it requires.
    MissingArgument {
        subcommand: Subcommand,
        /// As in the usage, ending with the value's name.
        argument: &'static str,
        known: Vec<&'static str>,
    },
    /// An option whose URL follows it as a word of its own, and not after `=`.
    DetachedUrl { option: String, word: String },
    /// A word like `NAME=REF` after no option.
    MissingOption(String),
    /// `--env` or `--as-file` whose argument has no `=`, or nothing after it, and the word that follows.
    MissingEquals { option: String, name: String, word: String },
    /// No command; `line` is the command that wants one after `--`, `None` a launch.
    NoCommand { has_separator: bool, line: Option<Subcommand> },
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
    /// An illegal value of an option or variable.
    Value {
        /// The option or variable.
        name: String,
        text: String,
        expected: &'static str,
    },
    /// A value of `--kms-key` that is no key's ARN.
    KmsKey(String),
    /// An illegal pattern of an option or variable.
    Pattern { name: String, pattern: String, why: &'static str },
    /// A launch without entries.
    NothingToResolve {
        /// The declarations that were read.
        files: Vec<PathBuf>,
        /// The names that were looked for in the working directory; empty with `--no-file`.
        default_names: &'static [&'static str],
        /// The command that has nothing to resolve; `None` is a launch.
        line: Option<Subcommand>,
    },
    /// Options of one command that exclude each other.
    Conflict(OptionConflict),
    /// `--on-rotation signal=` without a file that has a `path`.
    SignalWithoutFile,
    /// `-f -` twice.
    StdinTwice,
    /// `-f -` of `credential`.
    StdinIsConnection,
    /// `export` or `migrate --values` to a terminal without `--reveal`.
    ValuesOnTerminal(Subcommand),
}

/// The most likely correction of a stray word.
#[derive(Debug, PartialEq)]
pub enum Remedy {
    /// It begins the command, without `--` anywhere.
    Separator,
    /// It stands before `--`, where only options do.
    OptionsBeforeSeparator,
    /// Other programs have such a subcommand.
    NoSubcommand,
    /// It is the name of a command, or similar to one.
    Subcommand {
        subcommand: Subcommand,
        /// The whole command line with that name in front.
        corrected: String,
        /// It may also be the program of a launch without `--`.
        may_be_program: bool,
    },
    /// `--help` of a command, or of a launch.
    Help(Option<Subcommand>),
    /// `--version`.
    Version,
    /// It is a reference without an option.
    Reference,
    /// It is a declaration's file.
    Declaration,
    /// It is a format of `export`.
    Format,
    /// It is a program to look up.
    Program(Subcommand),
    /// The command takes no such words.
    TooMany(Subcommand),
}

impl UsageError {
    /// The command whose name belongs in front of all other words.
    pub fn command_first(&self) -> Option<Subcommand> {
        let Self::StrayWord { remedy: Remedy::Subcommand { subcommand, .. }, .. } = self else { return None };
        Some(*subcommand)
    }

    /// True for a stray word whose hint does not depend on the word.
    pub fn has_general_hint(&self) -> bool {
        matches!(self, Self::StrayWord { remedy: Remedy::OptionsBeforeSeparator, .. })
    }

    /// True for a stray word that does not begin a command, so that options may follow.
    pub fn is_before_separator(&self) -> bool {
        matches!(
            self,
            Self::StrayWord {
                remedy: Remedy::OptionsBeforeSeparator
                    | Remedy::Reference
                    | Remedy::Declaration
                    | Remedy::Format
                    | Remedy::TooMany(_),
                ..
            }
        )
    }
}
