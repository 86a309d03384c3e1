//! The target's environment: what it inherits, what is taken from that, and what is added.
//!
//! In this order: inherited; `--clean-env` and `--pass`; `--unset`; `--keep-existing`; resolved.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::retention::{Retained, Retention};

/// The environment that secrets-exec was started with, byte for byte; each name once.
#[derive(Default)]
pub struct Inherited(Vec<(OsString, OsString)>);

impl Inherited {
    /// Of a name that occurs twice the first one counts, as it does for `getenv`.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut seen = std::collections::HashSet::new();
        Self(variables.filter(|(name, _)| seen.insert(name.clone())).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// The value of a variable that is not empty, which for the AWS CLI counts as not set.
    pub fn filled(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// Every variable.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// What the target keeps of it. What it loses is still read by secrets-exec itself.
    pub fn retain(&self, retention: &Retention) -> Retained {
        Retained(self.0.iter().filter(|(name, _)| retention.keeps(name)).cloned().collect())
    }
}

/// Values are other people's secrets as often as not.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
