//! The errors of the file that `migrate` moves.

use std::path::PathBuf;

use crate::system::os_error::ReadFailure;

/// An error of the file. It contains no value, and no name that may be a part of one.
#[derive(Debug, PartialEq, Eq)]
pub struct EnvFileError {
    /// The file as named.
    pub path: PathBuf,
    /// Counted from 1.
    pub line: Option<usize>,
    pub problem: EnvFileProblem,
}

#[derive(Debug, PartialEq, Eq)]
pub enum EnvFileProblem {
    Unreadable(ReadFailure),
    NotUtf8,
    /// The message of the JSON parser.
    Syntax(String),
    NotAnObject,
    /// A list or an object in the object of this key.
    Nested(String),
    /// A name with characters that no variable in a declaration has.
    IllegalName,
    /// PEM that is not in quotes, so that its other lines are taken for names.
    Pem,
    /// More than this number of bytes.
    TooLarge(u64),
    /// A value with a NUL byte, of the variable of this name.
    Nul(String),
    /// No variable is left to move.
    Nothing(Nothing),
}

/// The reason why no variable is left to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// The file has no other than those that are never moved.
    LeftOut,
    /// `--only` chooses none.
    NotChosen,
    Empty,
}

/// A line, if it is known, and what is wrong there.
pub type Found = (Option<usize>, EnvFileProblem);
