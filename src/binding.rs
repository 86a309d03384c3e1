//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::reference::{Locator, Reference, SecretRef};
use crate::target::{FileTarget, Place, Target};
use crate::template::Template;

/// A target and how its value is made, as it was written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where the value goes.
    pub target: Target,
    /// Where it comes from.
    pub source: EntrySource,
    /// What is done to it.
    pub transform: Transform,
    /// What happens when there is none.
    pub absence: Absence,
    /// Where it was written.
    pub origin: Origin,
}

/// Where a value comes from, as it was written.
#[derive(Clone, Debug)]
pub enum EntrySource {
    /// A reference that is still to be looked up.
    Reference(Reference),
    /// The value itself.
    Literal(String),
    /// Text with references in it that need no looking up.
    Composed(Vec<Part>),
    /// Text made of the values of aliases.
    Template(Template),
}

/// A piece of a composed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// What a reference leads to.
    Reference(SecretRef),
}

/// An [`Entry`] whose references are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where the value goes.
    pub target: Target,
    /// Where it comes from.
    pub recipe: Recipe,
    /// What is done to it.
    pub transform: Transform,
    /// What happens when there is none.
    pub absence: Absence,
    /// What messages call it.
    pub subject: Subject,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// A secret, or a part of one.
    Secret(SecretRef),
    /// The value itself, from a declaration.
    Literal(String),
    /// Text with secrets in it.
    Composed(Vec<Part>),
    /// Text made of secrets, each by the name of its alias.
    Template {
        /// How it is made.
        template: Template,
        /// What it is made of.
        inputs: BTreeMap<String, SecretRef>,
    },
}

impl Recipe {
    /// What must be read for it.
    pub fn locators(&self) -> Vec<&Locator> {
        match self {
            Self::Secret(reference) => vec![&reference.locator],
            Self::Literal(_) => Vec::new(),
            Self::Composed(parts) => parts.iter().filter_map(Part::reference).map(|part| &part.locator).collect(),
            Self::Template { inputs, .. } => inputs.values().map(|input| &input.locator).collect(),
        }
    }
}

impl Part {
    fn reference(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Reference(reference) => Some(reference),
        }
    }
}

/// What messages call an entry: `DB_HOST (app.yaml:3, db:host)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The variable, or the file's path.
    pub label: String,
    /// Where it was written.
    pub origin: Origin,
    /// The reference as it was written; nothing for what has none.
    pub written: Option<String>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => write!(f, "{} ({}, {written})", self.label, self.origin),
            None => write!(f, "{} ({})", self.label, self.origin),
        }
    }
}

/// What two entries of one layer must not share, and by what a later layer covers an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A variable.
    Variable(EnvName),
    /// A file's path.
    Path(PathBuf),
}

impl Claim {
    /// The variable's name.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Variable(name) => Some(name.as_str()),
            Self::Path(_) => None,
        }
    }
}

impl Target {
    /// The variable and the path that it needs for itself.
    pub fn claims(&self) -> Vec<Claim> {
        match self {
            Self::Env(name) => vec![Claim::Variable(name.clone())],
            Self::File(FileTarget { place, env, .. }) => {
                let path = match place {
                    Place::Memory => None,
                    Place::Path(path) => Some(Claim::Path(path.clone())),
                };
                env.clone().map(Claim::Variable).into_iter().chain(path).collect()
            }
        }
    }

    /// The variable that is set.
    pub fn variable(&self) -> Option<&EnvName> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(file) => file.env.as_ref(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) | Self::File(FileTarget { env: Some(name), .. }) => write!(f, "{name}"),
            Self::File(FileTarget { place: Place::Path(path), .. }) => write!(f, "{}", path.display()),
            Self::File(FileTarget { place: Place::Memory, .. }) => f.write_str("a file in memory"),
        }
    }
}

/// The base64 codings of an entry: the value is decoded first, then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// What happens when a secret, its version or its key does not exist. A denial or an outage is never an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing is launched.
    Fail,
    /// The entry counts as not written.
    Omit,
    /// This text is set as it is.
    Default(String),
}

/// Where an entry was written; every message names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An option of the command line.
    Argument(&'static str),
    /// The inherited variable of the same name.
    Inherited,
    /// A line of a file.
    File {
        /// The file, as it was named.
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
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// The name of a variable: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// A text that is not the name of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvNameError;

impl EnvName {
    /// Checks that `text` is a name that every shell and program can use.
    ///
    /// # Errors
    /// For anything but `[A-Za-z_][A-Za-z0-9_]*`.
    pub fn parse(text: &str) -> Result<Self, EnvNameError> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(EnvNameError) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is `[A-Za-z_][A-Za-z0-9_]*`.
pub(crate) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
