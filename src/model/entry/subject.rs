//! The subject of an entry is its name in messages: its label, its reference, and its position on
//! the command line, in a file or in the environment.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::target::Target;
use crate::model::reference::Reference;
use crate::model::shown::{file_name, has_credential, shell_word, shown};

/// An entry as messages name it: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// The name of the target: a variable, a path, `env-from` or, for `get`, `the value`.
    pub label: Arc<str>,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// The source of the value, as the user wrote it. `None` for a literal, for references in an
    /// inherited variable, whose text may hold a password, and for a subject from [`Self::plain`].
    pub written: Option<Written>,
}

/// The kind of an entry, which decides what messages and tables say about the entry.
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
    /// Creates a subject that doesn't show the source of a value.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label: label.into(),
            origin,
            kind: SubjectKind::Entry,
            written: None,
        }
    }

    /// Creates the subject of an entry with this target. The subject doesn't show the source of the
    /// value.
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

    /// Creates the subject of a file that isn't an entry, but is named by this argument.
    pub fn for_file(path: &Path, argument: Argument) -> Self {
        Self::plain(path.display().to_string(), Origin::Argument(argument))
    }

    /// The entry's reference, as the user wrote it. `None` for an entry with a template or without
    /// a reference.
    pub fn written_reference(&self) -> Option<&Reference> {
        match &self.written {
            Some(Written::Reference(reference)) => Some(reference),
            Some(Written::Template) | None => None,
        }
    }

    /// [`Self::written_reference`] as messages show it: credentials in it are masked.
    pub fn shown_reference(&self) -> Option<String> {
        let reference = self.written_reference()?;
        Some(shown(&reference.to_string()))
    }

    /// [`Self::written_reference`], but `None` if messages mask a part of the reference.
    pub fn reference(&self) -> Option<&Reference> {
        self.written_reference()
            .filter(|reference| !has_credential(&reference.to_string()))
    }

    /// The text that a help suggests, in order to apply `change` to this entry's reference. For
    /// `--env` and `--as-file`, this is the whole option (`--env NAME=REFERENCE`), and for the
    /// argument of `get`, it is the whole command. For any other entry, it is only the reference,
    /// because a subject has neither the PATH of an `--as-file`, the prefix of an `--env-from`, nor
    /// the keys around a reference in a file. `None` if the entry has no reference, or if messages
    /// mask a part of the reference.
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
        // An object on the command line has no name, so messages name its option.
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

/// The place where the user has written an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Argument(Argument),
    /// The inherited variable with the entry's name, which `--resolve-env` resolves.
    Inherited,
    File {
        /// The path that `-f` or SECRETS_EXEC_FILE names, or the default name.
        path: Arc<PathBuf>,
        line: usize,
    },
}

/// A part of the command line that names an entry or a file: an option, or a subcommand with its
/// argument.
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
