//! The result of resolving a plan: a value for each variable and each file.

use super::entry::{FileTarget, Origin, Subject};
use super::env_name::EnvName;
use super::reference::Locator;
use super::secret_value::SecretValue;

#[derive(Debug)]
pub struct ResolvedVariable {
    pub name: EnvName,
    pub value: SecretValue,
    pub subject: Subject,
}

#[derive(Debug)]
pub struct FileValue {
    pub target: FileTarget,
    pub value: SecretValue,
    pub origin: Origin,
}

/// The source of a value.
#[derive(Debug)]
pub struct ReadFrom {
    pub locator: Locator,
    /// Of a path, the rest of the parameter's name.
    pub parameter_name: Option<String>,
}

/// The values of a plan, each variable and each path once.
#[derive(Debug, Default)]
pub struct Resolved {
    pub variables: Vec<ResolvedVariable>,
    pub files: Vec<FileValue>,
    /// The sources of each value; empty for a literal or a default.
    pub sources: Vec<(Subject, Vec<ReadFrom>)>,
    /// The optional entries that are absent.
    pub omitted: Vec<Subject>,
}

impl Resolved {
    /// True if a variable or a file of this label has a value.
    pub fn has(&self, label: &str) -> bool {
        self.sources.iter().any(|(subject, _)| subject.label == label)
    }
}
