//! What the plan came to: each variable and each file with its value.

use super::entry::{FileTarget, Origin, Subject};
use super::env_name::EnvName;
use super::reference::Locator;
use super::secret_value::SecretValue;

/// A variable and its value.
#[derive(Debug)]
pub struct Variable {
    /// The variable.
    pub name: EnvName,
    /// Its value, ready to be set.
    pub value: SecretValue,
    /// What messages call it.
    pub subject: Subject,
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
    /// What each of them was read from; nothing for a literal or a default.
    pub sources: Vec<(Subject, Vec<Locator>)>,
    /// What is optional and absent.
    pub omitted: Vec<Subject>,
}

impl Resolved {
    /// Whether something of that name has a value.
    pub fn has(&self, label: &str) -> bool {
        self.sources.iter().any(|(subject, _)| subject.label == label)
    }
}
