//! The environment that secrets-exec was started with.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::retention::{Retained, Retention};

/// The inherited variables, byte for byte, each name once.
#[derive(Clone, Default)]
pub struct Inherited(Vec<(OsString, OsString)>);

impl Inherited {
    /// Keeps the first value of a name that occurs twice, which is the one that getenv(3) returns.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut seen = std::collections::HashSet::new();
        Self(variables.filter(|(name, _)| seen.insert(name.clone())).collect())
    }

    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_os_str())
    }

    /// Returns the value of a variable that is not empty. The AWS CLI treats an empty variable as unset.
    pub fn filled(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns the variables that the command inherits. secrets-exec itself still reads the others.
    pub fn retain(&self, retention: &Retention) -> Retained {
        Retained(self.0.iter().filter(|(name, _)| retention.keeps(name)).cloned().collect())
    }
}

/// Lists the names only, since values may be secrets.
impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
