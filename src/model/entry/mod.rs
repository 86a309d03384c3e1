//! Entries: the variables, files and credentials that the user declares, each with the source of its value.
//!
//! - `target`: the variable, file or credential, with the mode and owner of a file.
//! - `env_from`: the names of the variables that one JSON object gives.
//! - `template`: text with expressions over several secrets.
//! - `origin`: the place of an entry, for messages.

mod env_from;
mod origin;
mod target;
pub mod template;

pub use env_from::{Case, Naming, NamingError};
pub use origin::{Origin, Subject, SubjectKind, Written};
pub use target::{Account, Claim, FilePlace, FileTarget, Mode, Owner, Target};

use regex_lite::Regex;

use crate::model::reference::{Reference, SecretRef};
use template::Template;

/// A target and the source of its value, as written.
#[derive(Clone, Debug)]
pub struct Entry {
    pub target: Target,
    pub source: EntrySource,
    pub transform: Transform,
    /// `pattern`: matches the value between decoding and encoding, and the text of `default`.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    /// The name of the entry in messages.
    pub subject: Subject,
}

impl Entry {
    /// Returns an entry of `env-from`.
    pub fn of_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        Self::new(target, EntrySource::Object(reference, naming), origin)
    }

    /// Returns an entry whose value is taken as it is, and must exist.
    pub fn new(target: Target, source: EntrySource, origin: Origin) -> Self {
        let written = match &source {
            EntrySource::Reference(reference) | EntrySource::Object(reference, _) => {
                Some(Written::Reference(reference.to_string()))
            }
            EntrySource::Template(_) => Some(Written::Template),
            EntrySource::Literal(_) | EntrySource::Composed(_) => None,
        };
        let (kind, label) = match &target {
            Target::Env(_) | Target::File(_) | Target::Output => {
                (SubjectKind::Entry, target.to_string())
            }
            Target::Variables(_) => (SubjectKind::EnvFrom, "env-from".to_owned()),
            Target::Credential(_) => (SubjectKind::Credential, target.to_string()),
        };
        let subject = Subject {
            label,
            origin,
            kind,
            written,
        };
        Self {
            target,
            source,
            transform: Transform::default(),
            pattern: None,
            on_missing: OnMissing::Fail,
            subject,
        }
    }
}

/// The source of a value. Aliases and `${NAME}` are not looked up yet.
#[derive(Clone, Debug)]
pub enum EntrySource {
    Reference(Reference),
    Literal(String),
    /// Text with references that use neither aliases nor `${NAME}`.
    Composed(Vec<Part>),
    Template(Template),
    /// A JSON object, or all parameters below a path. Each key or parameter gives a variable.
    Object(Reference, Naming),
}

/// A piece of a composed value.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    Reference(SecretRef),
}

/// The codings that are applied to a value: it is decoded first, then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The result if the secret, its version or its key does not exist. A denial or an outage is not an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// An error: the command is not started.
    Fail,
    /// As if the entry were not written: an entry of an earlier layer applies.
    Omit,
    /// This text, without the entry's transform.
    Default(String),
}
