//! The errors of declarations, each with the position that it is about.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::entry::Claim;
use crate::model::entry::template::TemplateError;
use crate::model::reference::{AliasNameError, ReferenceError};
use crate::model::tree::Position;
use crate::system::os_error::ReadFailure;

#[derive(Debug, PartialEq)]
pub struct DeclarationError {
    /// The file, as it was named on the command line.
    pub path: Arc<PathBuf>,
    pub position: Option<Position>,
    /// The key, variable or file that the error is about.
    pub subject: Option<String>,
    pub problem: DeclarationProblem,
}

#[derive(Debug, PartialEq)]
pub enum DeclarationProblem {
    /// The system's error for reading the file.
    Unreadable(ReadFailure),
    NotUtf8,
    /// The working directory, where a default file is looked for, may not be entered.
    NoEntry,
    /// Several default files exist, and none was named.
    Several(Vec<&'static str>),
    /// The default file, which was not named, can be changed by other users.
    Untrusted {
        /// The file or its directory.
        what: &'static str,
        /// The reason, as a predicate.
        why: &'static str,
    },
    /// The message, without the position.
    Syntax(String),
    /// A file in TOML, which is not read.
    Toml,
    /// A task definition of ECS, which is not read.
    TaskDefinition,
    UnknownKey {
        key: String,
        nearest: Option<&'static str>,
        /// All legal keys.
        known: Vec<&'static str>,
    },
    /// A node of another type.
    Expected {
        expected: &'static str,
        found: &'static str,
    },
    /// A number or boolean in the place of a reference.
    Literal(String),
    /// A text that is no name of a variable.
    IllegalName(String),
    AliasName(String, AliasNameError),
    /// An alias of a reference with more than a secret's id.
    AliasWithKey(String),
    /// An entry with none, or more than one, of `from`, `value` and `template`.
    NotOneSource,
    /// A credential with neither or both of `from` and `template`.
    NotOneCredentialSource,
    Template(TemplateError),
    DefaultAndOptional,
    /// A variable or a path that two entries set.
    DuplicateTarget(Claim),
    /// A file with neither `path` nor `env`.
    FileWithoutTarget,
    /// PATH with any source but `value`.
    PathOnlyValue,
    Reference {
        text: String,
        error: ReferenceError,
    },
    /// An illegal value of an option or a key.
    Value {
        text: String,
        expected: &'static str,
    },
    /// An illegal pattern in the list of an option.
    Pattern {
        pattern: String,
        why: &'static str,
    },
    /// `external-id` without `role-arn`.
    ExternalIdAlone,
    /// An option that `defaults:` does not take.
    NotInDeclaration,
}
