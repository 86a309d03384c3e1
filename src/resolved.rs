//! What the plan came to: each variable and each file with its value.

use crate::binding::{EnvName, Origin, Subject};
use crate::reference::Locator;
use crate::secret::SecretValue;
use crate::target::FileTarget;

/// A variable and its value.
#[derive(Debug)]
pub struct Variable {
    /// The variable.
    pub name: EnvName,
    /// Its value, ready to be set.
    pub value: SecretValue,
    /// What messages call it.
    pub subject: Subject,
    /// What it was read from; nothing for a literal or a default.
    pub read_from: Vec<Locator>,
}

/// A file that is to be there, and what it holds.
#[derive(Debug)]
pub struct FileValue {
    /// Where it goes.
    pub target: FileTarget,
    /// What it holds.
    pub value: SecretValue,
    /// Where it was declared.
    pub origin: Origin,
}

/// Everything that is to be set, each name and each path once.
#[derive(Debug, Default)]
pub struct Resolved {
    /// The variables.
    pub variables: Vec<Variable>,
    /// The files.
    pub files: Vec<FileValue>,
    /// What is optional and absent.
    pub omitted: Vec<Subject>,
}

impl Resolved {
    /// Whether a variable of that name is to be set.
    pub fn sets(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name.as_str() == name)
    }
}
