//! The result of resolving a plan: a value for each variable and each file.

use super::entry::{FileTarget, Subject};
use super::env_name::EnvName;
use super::plan::{EntryId, Override};
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
    pub subject: Subject,
}

/// The value of a unit's credential.
#[derive(Debug)]
pub struct CredentialValue {
    pub value: SecretValue,
    pub subject: Subject,
}

/// The source of a value.
#[derive(Debug)]
pub struct ReadFrom {
    pub locator: Locator,
    /// Of a path, the rest of the parameter's name.
    pub parameter_name: Option<String>,
}

/// An entry, or a key of an object, with the sources of its value.
#[derive(Debug)]
pub struct ResolvedEntry {
    pub entry: EntryId,
    pub subject: Subject,
    /// Empty for a value without a secret.
    pub read_from: Vec<ReadFrom>,
    /// True if the value is that of `default`.
    pub is_default: bool,
    pub oddity: Option<Oddity>,
}

/// A property of a value that was read, which is legal and often a slip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    Empty,
    /// As `aws secretsmanager put-secret-value --secret-string file://…` leaves one.
    EndsWithNewline,
}

impl Oddity {
    pub fn of(value: &SecretValue) -> Option<Self> {
        match value.expose() {
            [] => Some(Self::Empty),
            [.., b'\n'] => Some(Self::EndsWithNewline),
            _ => None,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::EndsWithNewline => "ends with a newline",
        }
    }
}

/// The values of a plan, each variable, each path and each credential once.
#[derive(Debug, Default)]
pub struct Resolved {
    pub variables: Vec<ResolvedVariable>,
    pub files: Vec<FileValue>,
    pub credentials: Vec<CredentialValue>,
    /// The entry of each value.
    pub entries: Vec<ResolvedEntry>,
    /// The optional entries that are absent.
    pub omitted: Vec<(EntryId, Subject)>,
    /// The entries, and the keys of objects, whose variable or path another entry sets.
    pub overridden: Vec<Override>,
}

impl Resolved {
    /// True if a variable or a file of this label has a value.
    pub fn has(&self, label: &str) -> bool {
        self.entries.iter().any(|entry| entry.subject.label == label)
    }
}
