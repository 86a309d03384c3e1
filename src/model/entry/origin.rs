//! The place of an entry on the command line, in a file or in the environment, for messages.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::quoting::file_name;

/// The name of an entry in messages: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The variable, or the file's path.
    pub label: String,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// `None` for a literal and for references in inherited variables.
    pub written: Option<Written>,
}

/// The part of a declaration that an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A variable or a file.
    Entry,
    EnvFrom,
    Credential,
}

/// The source of a value as an entry names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    Reference(String),
    /// A reference that may be a value, so that no message shows it.
    Hidden(String),
    Template,
}

impl Subject {
    pub fn of_path(path: &Path, origin: Origin) -> Self {
        Self::plain(path.display().to_string(), origin)
    }

    /// Returns the subject of an entry without a reference.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label,
            origin,
            kind: SubjectKind::Entry,
            written: None,
        }
    }

    /// Returns the same subject, whose reference is not shown.
    #[must_use]
    pub fn hidden(&self) -> Self {
        let mut subject = self.clone();
        if let Some(Written::Reference(reference)) = subject.written {
            subject.written = Some(Written::Hidden(reference));
        }
        subject
    }

    /// True if the reference is not shown.
    pub fn is_hidden(&self) -> bool {
        matches!(self.written, Some(Written::Hidden(_)))
    }

    /// The reference as written; `None` for an entry without one, and for one that is not shown.
    pub fn reference(&self) -> Option<&str> {
        let Some(Written::Reference(reference)) = &self.written else {
            return None;
        };
        Some(reference)
    }

    /// Returns `reference` as the user would write it for this entry: `--env NAME=REFERENCE` on the command line.
    pub fn write(&self, reference: &str) -> String {
        match (&self.origin, self.kind) {
            (Origin::Argument("get"), _) => format!("secrets-exec get {}", quoted(reference)),
            (Origin::Argument(option), SubjectKind::Entry) => {
                format!(
                    "{option} {}",
                    quoted(&format!("{}={reference}", self.label))
                )
            }
            (Origin::Argument(_) | Origin::Inherited | Origin::File { .. }, _) => {
                reference.to_owned()
            }
        }
    }

    /// Returns what to write for this entry with `new` instead of the fields `old` after the secret. `None` if no reference is shown.
    pub fn write_field(&self, old: &str, new: &str) -> Option<String> {
        let written = self.reference()?;
        let old = format!(":{old}");
        let after = |at: usize| &written[at + old.len()..];
        let (at, _) = written
            .rmatch_indices(&old)
            .find(|(at, _)| after(*at).is_empty() || after(*at).starts_with(':'))?;
        let (before, after) = (&written[..at], after(at));
        Some(match (new, after) {
            ("", "") => self.write(before),
            (new, after) => self.write(&format!("{before}:{new}{after}")),
        })
    }

    /// The advice for a value that need not exist; `None` for an `env-from` entry, which cannot have a default.
    pub fn default_hint(&self) -> Option<&'static str> {
        match (self.kind, &self.origin) {
            (SubjectKind::EnvFrom, _) => None,
            (SubjectKind::Credential, _) => Some("give the credential a \"default\""),
            (SubjectKind::Entry, Origin::File { .. }) => {
                Some("give the entry a \"default\" or \"optional: true\"")
            }
            (SubjectKind::Entry, Origin::Argument("get")) => None,
            (SubjectKind::Entry, Origin::Argument(_) | Origin::Inherited) => {
                Some("declare the entry in a file, with a \"default\" or \"optional: true\"")
            }
        }
    }
}

/// Returns an argument in quotes for a shell, if it needs them.
fn quoted(argument: &str) -> String {
    if argument.contains('\'') {
        format!("\"{}\"", argument.replace('$', "\\$"))
    } else if argument.contains(['$', '[', '*', '"', ' ']) {
        format!("'{argument}'")
    } else {
        argument.to_owned()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(Written::Reference(reference)) => {
                write!(f, "{} ({}, {reference})", self.label, self.origin)
            }
            Some(Written::Template) => write!(f, "{} ({}, template)", self.label, self.origin),
            Some(Written::Hidden(_)) | None => write!(f, "{} ({})", self.label, self.origin),
        }
    }
}

/// The place of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An option of the command line.
    Argument(&'static str),
    /// The inherited variable of the same name.
    Inherited,
    File {
        /// The path as given to `-f` or SECRETS_EXEC_FILE, or the default name.
        path: Arc<PathBuf>,
        /// Counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(option) => f.write_str(option),
            Self::Inherited => f.write_str("--resolve-env"),
            Self::File { path, line } => write!(f, "{}:{line}", file_name(path)),
        }
    }
}
