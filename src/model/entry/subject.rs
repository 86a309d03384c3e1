//! The subject of an entry, which is how messages name it: its label, its reference, and its
//! position on the command line, in a file or in the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::target::Target;
use crate::model::reference::Reference;
use crate::model::shown::{file_name, has_credential, shell_word, shown};

/// The name of an entry in messages: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The name of the target: a variable, a path, `env-from` or, for `get`, `the value`.
    pub label: Arc<str>,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// The source of the value, as the user wrote it. `None` for a literal, and for an inherited
    /// variable, whose text may include a password. Also `None` in a subject created by
    /// [`Self::plain`].
    pub written: Option<Written>,
}

/// The kind of an entry, which determines how messages and tables describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectKind {
    /// A variable, a file, or the value that `get` prints.
    Entry,
    EnvFrom,
    /// A key of an `env-from` object, or a parameter below a path.
    EnvFromKey,
    /// A part of a declaration that isn't an entry, such as an alias or a line.
    Section,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Reference(Arc<Reference>),
    Template,
}

impl Subject {
    /// Creates a subject without the source of a value, so messages show only
    /// `DB_HOST (app.yaml:3)`.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label: label.into(),
            origin,
            kind: SubjectKind::Entry,
            written: None,
        }
    }

    /// Creates an entry's subject, which is named after its target, but doesn't show the source of
    /// the value.
    pub fn for_target(target: &Target, origin: Origin) -> Self {
        let (kind, label) = match target {
            Target::Variables(_) => (SubjectKind::EnvFrom, "env-from".to_owned()),
            Target::Env(_) | Target::File(_) | Target::Output => {
                (SubjectKind::Entry, target.to_string())
            }
        };
        Self {
            kind,
            ..Self::plain(label, origin)
        }
    }

    /// Creates a subject for a file that isn't an entry but is named on the command line, such as
    /// the FILE of `--output`.
    pub fn for_file(path: &Path, argument: Argument) -> Self {
        Self::plain(path.display().to_string(), Origin::Argument(argument))
    }

    /// The entry's reference, as the user wrote it.
    pub fn written_reference(&self) -> Option<&Reference> {
        match &self.written {
            Some(Written::Reference(reference)) => Some(reference),
            Some(Written::Template) | None => None,
        }
    }

    /// Like [`Self::written_reference`], but as text for messages, with credentials masked.
    pub fn shown_reference(&self) -> Option<String> {
        let reference = self.written_reference()?;
        Some(shown(&reference.to_string()))
    }

    /// Like [`Self::written_reference`], but `None` if the reference may contain a credential.
    pub fn reference(&self) -> Option<&Reference> {
        self.written_reference()
            .filter(|reference| !has_credential(&reference.to_string()))
    }

    /// Changes the entry's reference with `change`, and returns what the user should write instead:
    ///
    /// - for `get`, the whole command
    /// - for `--env`, or `--as-file` without a PATH, the whole option: `--env NAME=REFERENCE`
    /// - for any other entry, only the reference
    ///
    /// `None` if the entry has no reference, or if the reference may contain a credential.
    pub fn rewritten(&self, change: impl FnOnce(&mut Reference)) -> Option<String> {
        use SubjectKind::{Entry, EnvFrom, EnvFromKey, Section};
        let mut reference = self.reference()?.clone();
        change(&mut reference);
        let reference = reference.to_string();
        Some(match (self.kind, &self.origin) {
            (_, Origin::Argument(Argument::Get)) => {
                format!("secrets-exec get {}", shell_word("REFERENCE", &reference))
            }
            (Entry, Origin::Argument(Argument::AsFileAtPath)) => reference,
            (Entry, Origin::Argument(option)) => {
                let assignment = format!("{}={reference}", self.label);
                format!("{option} {}", shell_word("NAME=REFERENCE", &assignment))
            }
            (Entry | EnvFrom | EnvFromKey | Section, _) => reference,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An object on the command line has no name of its own, so show its option instead.
        if let (Origin::Argument(option), SubjectKind::EnvFrom) = (&self.origin, self.kind) {
            return match self.shown_reference() {
                Some(reference) => write!(f, "{option} {reference}"),
                None => write!(f, "{option}"),
            };
        }
        let Self { label, origin, .. } = self;
        match (&self.written, self.shown_reference()) {
            (_, Some(reference)) => write!(f, "{label} ({origin}, {reference})"),
            (Some(Written::Template), None) => write!(f, "{label} ({origin}, template)"),
            (_, None) => write!(f, "{label} ({origin})"),
        }
    }
}

/// The place where the user wrote an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Argument(Argument),
    /// An inherited variable, whose references `--resolve-env` resolves.
    Inherited,
    File {
        /// The path of the declaration: from `-f` or SECRETS_EXEC_FILE, or the default name.
        path: Arc<PathBuf>,
        line: usize,
    },
}

/// The option or subcommand that names an entry or a file on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// `--as-file NAME=REF`
    AsFile,
    /// `--as-file NAME:PATH=REF`
    AsFileAtPath,
    Env,
    EnvFrom,
    OnRotation,
    Output,
    Get,
    Install,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsFile | Self::AsFileAtPath => "--as-file",
            Self::Env => "--env",
            Self::EnvFrom => "--env-from",
            Self::OnRotation => "--on-rotation",
            Self::Output => "--output",
            Self::Get => "get",
            Self::Install => "install",
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(argument) => argument.fmt(f),
            Self::Inherited => f.write_str("--resolve-env"),
            Self::File { path, line } => write!(f, "{}:{line}", file_name(path)),
        }
    }
}
