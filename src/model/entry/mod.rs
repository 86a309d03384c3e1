//! Entries: the variables, files and systemd credentials that the user wants, each with the source
//! of its value.
//!
//! An entry is what the user has written: it names secrets by aliases and `${NAME}`, which the plan
//! looks up later.
//!
//! - `target` is the variable, the file or the systemd credential, and decides which entry wins if
//!   several entries have the same one.
//! - `naming` has the names of the variables that `env-from` sets, and those that it refuses.
//! - `template` is text with expressions over several secrets.
//! - `origin` is the position at which the user has written an entry, for messages.

mod naming;
mod origin;
mod target;
pub mod template;

pub use naming::{Case, Naming, NamingError, expect_safe_value};
pub use origin::{Origin, Subject, SubjectKind, Written, shell_quoted};
pub use target::{
    Account, Claims, FileTarget, Holder, MAX_CREDENTIAL_LENGTH, Mode, Owner, SystemdCredential,
    Target, is_credential_name, parse_unit,
};

use regex_lite::Regex;

use crate::model::reference::{Aliases, Reference, SecretRef};
use template::Template;

/// A target and the source of its value, as the user wrote them.
#[derive(Clone, Debug)]
pub struct Entry {
    pub target: Target,
    pub source: EntrySource,
    pub transform: Transform,
    /// `pattern`: a regular expression that must match the value, after it is decoded and before it
    /// is encoded, and the text of `default`.
    pub pattern: Option<Regex>,
    pub on_missing: OnMissing,
    /// The name of the entry in messages.
    pub subject: Subject,
}

impl Entry {
    /// Creates an entry of `env-from`, which sets a variable for each key of an object.
    pub fn for_object(reference: Reference, naming: Naming, origin: Origin) -> Self {
        let target = Target::Variables(naming.prefix.clone());
        Self::new(target, EntrySource::Object(reference, naming), origin)
    }

    /// Creates an entry whose value must exist, and isn't decoded, encoded or checked against a
    /// pattern. A reference with an alias may be hidden until the plan, which has the aliases,
    /// decides about it.
    pub fn new(target: Target, source: EntrySource, origin: Origin) -> Self {
        let written = match (source.reference(), &source) {
            (Some(reference), _) if reference.may_be_shown(&Aliases::default()) => {
                Some(Written::Reference(reference.to_string()))
            }
            (Some(reference), _) => Some(Written::Hidden(reference.to_string())),
            (None, EntrySource::Template(_)) => Some(Written::Template),
            (None, _) => None,
        };

        let (kind, label) = match &target {
            Target::Env(_) | Target::File(_) => (SubjectKind::Entry, target.to_string()),
            Target::Output => (SubjectKind::GetArgument, target.to_string()),
            Target::Credential(_) => (SubjectKind::Credential, target.to_string()),
            Target::Variables(_) => (SubjectKind::EnvFrom, "env-from".to_owned()),
        };
        let subject = Subject {
            label,
            origin,
            kind,
            written,
            expanded: Default::default(),
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

/// The source of a value. Aliases and `${NAME}` haven't been looked up.
#[derive(Clone, Debug)]
pub enum EntrySource {
    Reference(Reference),
    Literal(String),
    /// Text with references, from an inherited variable. These references can't use aliases and
    /// `${NAME}`.
    Composed(Vec<Part>),
    Template(Template),
    /// A JSON object, or all parameters below a path. Each key or parameter sets a variable.
    Object(Reference, Naming),
}

impl EntrySource {
    /// Returns the only reference of this source, as it was written. `None` for other sources.
    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) | Self::Object(reference, _) => Some(reference),
            Self::Literal(_) | Self::Composed(_) | Self::Template(_) => None,
        }
    }

    /// True if the only reference of this source uses an alias, and messages [may
    /// show](Reference::may_be_shown) the reference.
    pub fn is_shown_alias(&self, aliases: &Aliases) -> bool {
        self.reference().is_some_and(|reference| {
            aliases.contains_key(&reference.secret) && reference.may_be_shown(aliases)
        })
    }
}

/// A piece of a value that consists of text and references.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    Reference(SecretRef),
}

/// The changes to a value before it is delivered. A value is decoded first, and then encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// `decode: base64`
    pub decode: bool,
    /// `encode: base64`
    pub encode: bool,
}

/// The reaction to a secret, a version or a key that doesn't exist. A denial or an outage is never
/// an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnMissing {
    /// This is an error, and the command isn't started.
    Fail,
    /// `optional: true`: the entry is treated as if it weren't there, so an entry of an earlier
    /// layer applies.
    Omit,
    /// `default`: this text is the value. It isn't decoded or encoded.
    Default(String),
}
