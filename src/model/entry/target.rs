//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

use std::fmt;
use std::path::PathBuf;

use super::file_access::{Mode, Owner};
use crate::model::env_name::EnvName;

/// What two entries of one layer must not share, and by what a later layer covers an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A variable.
    Variable(EnvName),
    /// A file's path.
    Path(PathBuf),
}

impl Claim {
    /// The variable's name.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name.as_str()),
            Self::Path(_) => None,
        }
    }
}

impl Target {
    /// The variable and the path that it needs for itself.
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Env(name) => vec![Claim::Variable(name.clone())],
            Self::File(FileTarget { place, env, .. }) => {
                let path = match place {
                    Place::Memory => None,
                    Place::Path(path) => Some(Claim::Path(path.clone())),
                };
                env.clone().map(Claim::Variable).into_iter().chain(path).collect()
            }
        }
    }

    /// The variable that is set.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) | Self::File(FileTarget { env: Some(name), .. }) => write!(f, "{name}"),
            Self::File(FileTarget { place: Place::Path(path), .. }) => write!(f, "{}", path.display()),
            Self::File(FileTarget { place: Place::Memory, .. }) => f.write_str("a file in memory"),
        }
    }
}

/// Where a value goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A variable.
    Env(EnvName),
    /// A file.
    File(FileTarget),
}

/// A file that holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    /// Where it is.
    pub place: Place,
    /// The variable that holds its path.
    pub env: Option<EnvName>,
    /// Its permissions.
    pub mode: Mode,
    /// Its owner, when that is not this process's.
    pub owner: Option<Owner>,
}

impl FileTarget {
    /// A file in memory that only its owner may read, with its path in a variable.
    pub fn in_memory(env: EnvName) -> Self {
        Self { place: Place::Memory, env: Some(env), mode: Mode::PRIVATE, owner: None }
    }
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory, as `/proc/self/fd/N`; nothing touches a filesystem.
    Memory,
    /// At this path.
    Path(PathBuf),
}
