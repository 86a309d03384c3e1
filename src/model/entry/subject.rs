//! The subject of an entry, by which messages name it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::target::Target;
use crate::model::reference::Reference;
use crate::model::shown::{file_name, has_credential, shell_word, shown};

/// The name of an entry in messages: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// A variable, a path, `env-from` or, for `get`, `the value`.
    pub label: Arc<str>,
    pub origin: Origin,
    pub kind: SubjectKind,
    /// The source of the value. `None` for a literal, and for an inherited variable, whose text may
    /// include a password.
    pub written: Option<Written>,
}

/// The kind of an entry in messages and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A variable, a file, or the value that `get` prints.
    Entry,
    EnvFrom,
    /// A key of an `env-from` object or, if `env-from` reads a path such as `ssm:/prod/`, one of
    /// the parameters below it.
    EnvFromKey,
    /// A section of a declaration or one of its settings, whose name is in quotes.
    Section,
    /// Another part of a declaration, such as an alias or a line.
    Part,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    Reference(Arc<Reference>),
    Template,
}

impl Subject {
    /// A subject without the source of a value: `DB_HOST (app.yaml:3)`.
    pub fn plain(label: String, origin: Origin) -> Self {
        Self {
            label: label.into(),
            origin,
            kind: SubjectKind::Entry,
            written: None,
        }
    }

    /// A subject that is named after the target, without the source of the value.
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

    /// A subject for a file on the command line that isn't an entry, such as the FILE of
    /// `--output`.
    pub fn for_file(path: &Path, argument: Argument) -> Self {
        Self::plain(path.display().to_string(), Origin::Argument(argument))
    }

    /// The reference, as the user wrote it.
    pub fn written_reference(&self) -> Option<&Reference> {
        match &self.written {
            Some(Written::Reference(reference)) => Some(reference),
            Some(Written::Template) | None => None,
        }
    }

    /// The reference for messages, with credentials masked.
    pub fn shown_reference(&self) -> Option<String> {
        let reference = self.written_reference()?;
        Some(shown(&reference.to_string()))
    }

    /// The reference, unless it may contain a credential.
    pub fn reference(&self) -> Option<&Reference> {
        self.written_reference()
            .filter(|reference| !has_credential(&reference.to_string()))
    }

    /// The text that a help suggests: the reference after `change`. For `get`, the text is the
    /// whole command, and for an option `NAME=REF`, the whole option. `None` if the reference may
    /// contain a credential.
    pub fn rewritten(&self, change: impl FnOnce(&mut Reference)) -> Option<String> {
        use Argument::{AsFile, AsFileAtPath, Env, EnvFrom, Get, Install, OnRotation, Output};
        let mut changed = self.reference()?.clone();
        change(&mut changed);
        let reference = changed.to_string();
        let Origin::Argument(argument) = self.origin else {
            return Some(reference);
        };
        Some(match argument {
            Get => format!("secrets-exec get {}", shell_word("REFERENCE", &reference)),
            Env | AsFile => {
                let assignment = format!("{}={reference}", self.label);
                format!("{argument} {}", shell_word("NAME=REFERENCE", &assignment))
            }
            AsFileAtPath | EnvFrom | OnRotation | Output | Install => reference,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An object on the command line has no name of its own, so messages show the option.
        if let Origin::Argument(option) = &self.origin
            && self.kind == SubjectKind::EnvFrom
        {
            return match self.shown_reference() {
                Some(reference) => write!(f, "{option} {reference}"),
                None => write!(f, "{option}"),
            };
        }
        let Self { label, origin, .. } = self;
        match &self.written {
            Some(Written::Reference(reference)) => {
                write!(f, "{label} ({origin}, {})", shown(&reference.to_string()))
            }
            Some(Written::Template) => write!(f, "{label} ({origin}, template)"),
            None => write!(f, "{label} ({origin})"),
        }
    }
}

/// The place where the user wrote an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Argument(Argument),
    /// An inherited variable, whose references `--resolve-env` resolves.
    Inherited,
    File {
        /// The path of the declaration: from `-f`, from SECRETS_EXEC_FILE, or the default one.
        path: Arc<PathBuf>,
        line: usize,
    },
}

/// The option or subcommand that names an entry or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
