//! The target of an entry: a variable, a file and the variable with its path, the variables of `env-from`, a credential of a unit, or the
//! output of `get`.

use std::fmt;
use std::path::PathBuf;

use super::file_access::{Mode, Owner};
use crate::model::credential::Credential;
use crate::model::env_name::EnvName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Env(EnvName),
    File(FileTarget),
    /// Variables that the keys of an object give, by the beginning of their names.
    Variables(String),
    Credential(Credential),
    /// Standard output, for `get`.
    Output,
}

/// A file that holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTarget {
    pub place: FilePlace,
    /// The variable for the path.
    pub env: Option<EnvName>,
    pub mode: Mode,
    /// `None` for the user and group of this process.
    pub owner: Option<Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// A memfd, with the path `/proc/self/fd/N`.
    Memory,
    Path(PathBuf),
}

/// A variable, a path or a credential that an entry sets.
///
/// Two entries of one layer must not share a claim. An entry overrides those of earlier layers that share one with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    Variable(EnvName),
    Path(PathBuf),
    Credential(Credential),
}

impl Target {
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Env(name) => vec![Claim::Variable(name.clone())],
            Self::File(FileTarget { place, env, .. }) => {
                let path = match place {
                    FilePlace::Memory => None,
                    FilePlace::Path(path) => Some(Claim::Path(path.clone())),
                };
                env.clone()
                    .map(Claim::Variable)
                    .into_iter()
                    .chain(path)
                    .collect()
            }
            // Each key claims its variable once it is known.
            Self::Variables(_) => Vec::new(),
            Self::Credential(credential) => vec![Claim::Credential(credential.clone())],
            Self::Output => Vec::new(),
        }
    }

    /// True if both set the same variable, path or credential.
    pub fn overlaps(&self, other: &Self) -> bool {
        let claims = other.claims();
        self.claims().iter().any(|claim| claims.contains(claim))
    }

    /// Returns the variable that is set to the value, or to the path of the file.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
            Self::Variables(_) | Self::Credential(_) | Self::Output => None,
        }
    }
}

/// Writes the variable, or the path of a file without a variable, or the unit and the credential, or the pattern of several variables.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name)
            | Self::File(FileTarget {
                env: Some(name), ..
            }) => write!(f, "{name}"),
            Self::File(FileTarget {
                place: FilePlace::Path(path),
                ..
            }) => write!(f, "{}", path.display()),
            Self::File(FileTarget {
                place: FilePlace::Memory,
                ..
            }) => f.write_str("a file in memory"),
            Self::Variables(prefix) => write!(f, "{prefix}*"),
            Self::Credential(credential) => write!(f, "{credential}"),
            Self::Output => f.write_str("the value"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Path(path) => write!(f, "the file {}", path.display()),
            Self::Credential(Credential { unit, name }) => {
                write!(f, "the credential {name} of {unit}")
            }
        }
    }
}
