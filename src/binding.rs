//! What becomes of a variable: where its value comes from, what is done to it, and what happens when it is absent.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::reference::{Reference, SecretRef};

/// A variable and how its value is made, as it was written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The variable.
    pub name: EnvName,
    /// Where its value comes from.
    pub source: EntrySource,
    /// What is done to the value.
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
}

/// An [`Entry`] whose reference is looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The variable.
    pub name: EnvName,
    /// Where its value comes from.
    pub recipe: Recipe,
    /// What is done to the value.
    pub transform: Transform,
    /// What happens when there is none.
    pub absence: Absence,
    /// Where it was written.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// A secret, or a part of one.
    Secret {
        /// What is read.
        reference: SecretRef,
        /// The reference as it was written, for messages.
        written: String,
    },
    /// The value itself, from a declaration.
    Literal(String),
}

/// What is done to a value before it is set: first decoded, then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// How the value is decoded.
    pub decode: Option<Encoding>,
    /// How the result is encoded.
    pub encode: Option<Encoding>,
}

/// A way to write bytes as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 4648 section 4, with padding.
    Base64,
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
