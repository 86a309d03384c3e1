//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

mod env_from;
mod file_access;
mod on_missing;
mod origin;
mod target;
mod transform;

pub use env_from::{Case, EnvFromEntry, Naming, NamingError};
pub use file_access::{Account, Mode, Owner};
pub use on_missing::OnMissing;
pub use origin::{Origin, Subject};
pub use target::{Claim, FileTarget, Place, Target};
pub use transform::Transform;

use crate::model::reference::{Reference, SecretRef};
use crate::model::template::Template;

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
    pub on_missing: OnMissing,
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

impl Part {
    pub fn reference(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Reference(reference) => Some(reference),
        }
    }
}
