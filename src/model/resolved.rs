//! The result of resolving a plan: one list of values, of which the environment, the files and the rows of `check` are views.

use std::time::Duration;

use super::entry::{EntryId, FileTarget, Subject, Target};
use super::env_name::EnvName;
use super::plan::Override;
use super::reference::Locator;
use super::secret_value::SecretValue;

/// The value of a target, and where it comes from. Its target identifies it: two values may have the same label in messages.
#[derive(Debug)]
pub struct ResolvedValue {
    pub entry: EntryId,
    pub target: Target,
    pub subject: Subject,
    pub value: SecretValue,
    /// Empty for a value without a secret.
    pub read_from: Vec<ReadFrom>,
    /// True if the value is that of `default`.
    pub is_default: bool,
}

impl ResolvedValue {
    /// True for an empty value that was read, which is legal and often a slip.
    pub fn is_read_empty(&self) -> bool {
        !self.read_from.is_empty() && self.value.len() == 0
    }

    /// The remark on a value that was read and is often a slip.
    pub fn remark(&self) -> Option<&'static str> {
        match self.value.expose() {
            [] if self.is_read_empty() => Some("empty"),
            // As `aws secretsmanager put-secret-value --secret-string file://…` leaves one.
            [.., b'\n'] if !self.read_from.is_empty() => Some("ends with a newline"),
            _ => None,
        }
    }
}

/// A variable and the bytes that it is set to.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    /// The entry that sets it, also of a file whose path it has.
    pub subject: &'a Subject,
}

/// A file and its content.
#[derive(Clone, Copy, Debug)]
pub struct FileValue<'a> {
    pub target: &'a FileTarget,
    pub value: &'a SecretValue,
    pub subject: &'a Subject,
}

/// The source of a value.
#[derive(Debug)]
pub struct ReadFrom {
    pub locator: Locator,
    /// Of a path, the rest of the parameter's name.
    pub parameter_name: Option<String>,
}

/// The values of a plan, each variable, each path and each credential once.
#[derive(Debug, Default)]
pub struct Resolved {
    pub values: Vec<ResolvedValue>,
    /// The optional entries that are absent.
    pub omitted: Vec<OmittedEntry>,
    /// The entries, and the keys of objects, whose variable or path another entry sets.
    pub overridden: Vec<Override>,
    /// The time that the resolution took; zero if nothing was to be read.
    pub elapsed: Duration,
    /// The attempts at requests that it took.
    pub requests: usize,
}

/// An optional entry that is absent.
#[derive(Debug)]
pub struct OmittedEntry {
    pub entry: EntryId,
    pub target: Target,
    pub subject: Subject,
}

impl Resolved {
    /// The variables that hold a value; not those with the path of a file.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        self.values.iter().filter_map(
            |ResolvedValue {
                 target,
                 value,
                 subject,
                 ..
             }| match target {
                Target::Env(name) => Some(Variable {
                    name,
                    value: value.expose(),
                    subject,
                }),
                Target::File(_) | Target::Credential(_) | Target::Output => None,
            },
        )
    }

    pub fn files(&self) -> impl Iterator<Item = FileValue<'_>> {
        self.values.iter().filter_map(
            |ResolvedValue {
                 target,
                 value,
                 subject,
                 ..
             }| match target {
                Target::File(target) => Some(FileValue {
                    target,
                    value,
                    subject,
                }),
                Target::Env(_) | Target::Credential(_) | Target::Output => None,
            },
        )
    }

    /// True if a value sets the variable, the path or the credential of `target`.
    pub fn sets(&self, target: &Target) -> bool {
        self.values
            .iter()
            .any(|value| value.target.overlaps(target))
    }
}
