//! Facts about the file and the secret that are said without any value.

use crate::model::env_name::EnvName;

/// Something about the file that its owner should know.
#[derive(Debug, PartialEq, Eq)]
pub enum FileNotice {
    /// A statement that python-dotenv cannot read and passes over, on this line.
    Illegal(usize),
    /// A name without a value on this line.
    NoValue(usize),
    /// A name without a value on this line, after a value on the earlier one.
    TakenBack { name: EnvName, line: usize, earlier: usize },
    /// A variable that is set again on the second line.
    Twice(EnvName, usize),
    /// Variables that are not moved, each with its line.
    LeftOut(Left, Vec<(EnvName, usize)>),
    /// Variables that Docker's `--env-file` reads otherwise, each with its line.
    Docker(Vec<(EnvName, usize)>),
    /// Variables with a `$` in their value, each with its line.
    Dollar(Vec<(EnvName, usize)>),
}

/// The reason why variables are not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// The variables of the AWS CLI, with whose credentials the secret is read.
    Aws,
    /// PATH, in which the command is looked up before any request.
    Path,
    /// Options of secrets-exec.
    Own,
}

/// The change of the secret, made or planned.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// True for a new secret.
    pub is_new: bool,
    pub added: Vec<EnvName>,
    pub changed: Vec<EnvName>,
    pub unchanged: Vec<EnvName>,
    /// The version that was written; `None` if nothing was written.
    pub version_id: Option<String>,
}
