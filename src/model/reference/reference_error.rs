//! The errors of a reference.

use super::locator::PathError;
use super::secret_id::SecretIdError;
use super::version::VersionError;

/// A defect of a reference.
#[derive(Clone, Debug, PartialEq)]
pub enum ReferenceError {
    Empty,
    /// A field after VERSION-ID.
    TooManyFields,
    /// A KEY that begins with `$` and is not a JSONPath.
    BadPath {
        path: String,
        /// Counted from 1, if the parser returns it.
        column: Option<usize>,
    },
    /// `${` without `}`, or without the name of a variable in it.
    BadVariable,
    /// `${NAME}` of a variable that is not set.
    Unset(String),
    /// `${NAME}` of a variable whose value is not UTF-8.
    NotText(String),
    /// `${NAME}` next to other text, of a variable that holds a colon.
    Colon(String),
    /// `${NAME}` of a variable whose value begins with `ssm:`.
    Prefix(String),
    /// White space or a control character in STAGE or VERSION-ID.
    IllegalCharacter(char),
    Id(SecretIdError),
    /// A SECRET that is no id after the expansion of `${NAME}`: [`SecretIdError::kind`], which quotes no variable.
    Expanded(&'static str),
    /// A version that no secret or parameter can have.
    Version {
        error: VersionError,
        /// The text to write instead, if a parameter's label is a number.
        instead: Option<String>,
    },
    /// A path of parameters in a place, or with fields, that it cannot have.
    Path(PathError),
    /// A name in a template that is no alias.
    NoAlias {
        name: String,
        /// The most similar alias.
        nearest: Option<String>,
    },
}
