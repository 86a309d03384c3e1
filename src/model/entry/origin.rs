//! The name of an entry in messages: its label, its reference, and its position on the command
//! line, in a file or in the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::quoting::file_name;
use crate::model::reference::SecretRef;

/// An entry as messages name it: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The variable, the path of the file, or the systemd credential.
    pub label: String,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// The source of the value, as the user wrote it. `None` for a literal, and for references in
    /// an inherited variable, whose text may hold a password.
    pub written: Option<Written>,
    /// The beginning of a file's path up to its last variable, and the same as it was written.
    /// Both are empty if the path doesn't have variables.
    pub expanded: [String; 2],
}

/// The kind of an entry. What can be written instead of a reference depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A variable or a file.
    Entry,
    EnvFrom,
    Credential,
    /// The argument of `get`.
    GetArgument,
}

/// The source of a value, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    Reference(String),
    /// A reference that may be a misplaced password, so messages don't show it.
    Hidden(String),
    Template,
}

impl Subject {
    /// Creates the subject of something that doesn't have a reference.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label,
            origin,
            kind: SubjectKind::Entry,
            written: None,
            expanded: Default::default(),
        }
    }

    /// Returns a text with the path of the file as it was written, because a variable in it may be
    /// a password.
    pub fn as_written(&self, text: &str) -> String {
        let [path, written] = &self.expanded;
        text.replace(path, written)
    }

    /// Lets messages show the reference if it is known not to be a password.
    pub fn reveal_if(&mut self, is_known: impl FnOnce() -> bool) {
        if let Some(Written::Hidden(reference)) = &self.written
            && is_known()
        {
            self.written = Some(Written::Reference(reference.clone()));
        }
    }

    /// Returns the subject for messages about the secret of `reference`, which exists.
    #[must_use]
    pub fn revealed_by(&self, reference: &SecretRef) -> Self {
        let mut subject = self.clone();
        subject.reveal_if(|| reference.may_be_revealed());
        subject
    }

    /// Returns what messages name instead of a secret whose name they may not show: `DB_PASSWORD`.
    pub fn owner_name(&self) -> String {
        match (self.kind, &self.origin) {
            (SubjectKind::GetArgument, _) => "the argument".to_owned(),
            (SubjectKind::EnvFrom, Origin::Argument(option)) => (*option).to_owned(),
            (SubjectKind::Entry | SubjectKind::EnvFrom | SubjectKind::Credential, _) => {
                self.label.clone()
            }
        }
    }

    /// Returns the reference as written, or `None` for an entry without a reference, and for a
    /// reference that isn't shown.
    pub fn reference(&self) -> Option<&str> {
        let Some(Written::Reference(reference)) = &self.written else {
            return None;
        };
        Some(reference)
    }

    /// Returns what to write so that this entry has another reference. For `--env` and `--as-file`,
    /// this is the whole option (`--env NAME=REFERENCE`), and for the argument of `get` the whole
    /// command, both quoted for a shell if necessary. For any other entry, it is only the
    /// reference, because a subject has neither the prefix of an `--env-from` nor the keys around a
    /// reference in a file.
    pub fn rewritten_with(&self, reference: &str) -> String {
        match (self.kind, &self.origin) {
            (SubjectKind::GetArgument, _) => {
                format!("secrets-exec get {}", shell_quoted(reference))
            }
            (SubjectKind::Entry, Origin::Argument(option)) => {
                let assignment = format!("{}={reference}", self.label);
                format!("{option} {}", shell_quoted(&assignment))
            }
            (SubjectKind::Entry | SubjectKind::EnvFrom | SubjectKind::Credential, _) => {
                reference.to_owned()
            }
        }
    }

    /// Returns what to write for this entry with `new` instead of the fields `old`, which come
    /// after the secret. If `new` is empty, the fields are left out, and so is the colon before
    /// them, unless other fields follow: `prod/db:user` becomes `prod/db`, but
    /// `prod/db:user:AWSPREVIOUS` becomes `prod/db::AWSPREVIOUS`. The result is `None` if the
    /// reference isn't shown, or doesn't have these fields.
    pub fn rewritten_with_fields(&self, old: &str, new: &str) -> Option<String> {
        let written = self.reference()?;
        let old_fields = format!(":{old}");
        for (at, _) in written.rmatch_indices(&old_fields) {
            let (before, after) = (&written[..at], &written[at + old_fields.len()..]);
            if new.is_empty() && after.is_empty() {
                return Some(self.rewritten_with(before));
            }
            // The match must end where a field ends. Otherwise, it ends in the middle of a longer
            // field.
            if after.is_empty() || after.starts_with(':') {
                return Some(self.rewritten_with(&format!("{before}:{new}{after}")));
            }
        }
        None
    }
}

/// Returns an argument as it has to be written in a shell, in quotes if it needs them.
pub fn shell_quoted(argument: &str) -> String {
    if argument.contains('\'') {
        format!("\"{}\"", argument.replace('$', "\\$"))
    } else if argument.contains(['$', '[', '*', '"', ' ', '!']) {
        format!("'{argument}'")
    } else {
        argument.to_owned()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An object on the command line has no name, so its option is the name.
        if let Origin::Argument(option) = self.origin
            && self.label == "env-from"
        {
            let reference = self.reference().map(|text| format!(" {text}"));
            return write!(f, "{option}{}", reference.unwrap_or_default());
        }
        match &self.written {
            Some(Written::Reference(reference)) => {
                write!(f, "{} ({}, {reference})", self.label, self.origin)
            }
            Some(Written::Template) => write!(f, "{} ({}, template)", self.label, self.origin),
            Some(Written::Hidden(_)) | None => write!(f, "{} ({})", self.label, self.origin),
        }
    }
}

/// The position at which the user has written an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An option of the command line.
    Argument(&'static str),
    /// The inherited variable with the same name.
    Inherited,
    File {
        /// The path that `-f` or SECRETS_EXEC_FILE names, or the default name.
        path: Arc<PathBuf>,
        /// The line. The first one has the number 1.
        line: usize,
    },
}

impl Origin {
    /// Returns the path of the declaration.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Argument(_) | Self::Inherited => None,
        }
    }
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
