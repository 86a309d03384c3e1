//! Reasons why variables are not moved.

use super::object::NotMergeable;
use crate::model::answer::FetchFailure;
use crate::model::env_name::EnvName;

/// A reason why the secret is not written, or the declaration is not.
#[derive(Debug)]
pub enum MigrationError {
    /// A request that failed.
    Request { operation: Operation, failure: FetchFailure },
    /// A secret that exists, without `--update`.
    Exists,
    /// An ARN of a secret that does not exist.
    NoSuchArn,
    /// An ARN, by which no secret can be created, without `--update`.
    ArnWithoutUpdate,
    /// A value of the secret that variables cannot be added to.
    NotMergeable(NotMergeable),
    /// Keys that have other values, without `--overwrite`.
    OtherValues(Vec<EnvName>),
    /// The secret would have so many bytes.
    TooLarge(usize),
    /// Another version took the place of the one that was written.
    Overtaken,
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
