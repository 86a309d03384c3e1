//! Reasons why variables are not moved.

use crate::model::answer::FetchFailure;
use crate::model::env_name::EnvName;

/// The most bytes that AWS keeps in a secret.
pub const MOST_BYTES: usize = 65_536;

/// A value of a secret that variables cannot be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMergeable {
    /// Text that is no JSON object, or none that a launch can read.
    Text,
    /// SecretBinary, which other programs read as such.
    Binary,
}

/// A reason why the secret is not written, or not read back.
#[derive(Debug)]
pub enum MigrationError {
    /// A request that failed.
    Request { operation: Operation, failure: FetchFailure },
    /// A secret that does not suit the options or the file; nothing is changed.
    Unsuitable(Unsuitable),
    /// Another version took the place of the one that was written.
    Overtaken,
}

/// The reason why nothing is written to a secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Unsuitable {
    /// It exists, and `--update` is not given.
    Exists,
    /// It exists, but a request to read it says otherwise, as before AWS shows a new secret to every read.
    Unread,
    /// It is named by an ARN, and does not exist.
    NoSuchArn,
    /// It is named by an ARN, by which no secret can be created, and `--update` is not given.
    ArnWithoutUpdate,
    /// It has a value that variables cannot be added to.
    NotMergeable(NotMergeable),
    /// These keys have other values, and `--overwrite` is not given.
    OtherValues(Vec<EnvName>),
    /// It would have so many bytes.
    TooLarge(usize),
}

impl From<Unsuitable> for MigrationError {
    fn from(reason: Unsuitable) -> Self {
        Self::Unsuitable(reason)
    }
}

/// A request about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Create {
        /// Tags need a permission of their own.
        has_tags: bool,
    },
    Put,
    /// The secret is written already.
    ReadBack,
}
