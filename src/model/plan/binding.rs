//! Bindings: entries whose references are looked up.

use std::collections::BTreeMap;

use crate::model::entry::template::Template;
use crate::model::entry::{Naming, OnMissing, Part, Subject, Target, Transform};
use crate::model::reference::{Locator, SecretRef};

/// The number of an entry in its plan. The texts of two entries may be equal: two on one line, or a file that is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub usize);

/// An entry whose references are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub id: EntryId,
    pub target: Target,
    pub value_source: ValueSource,
    pub transform: Transform,
    pub on_missing: OnMissing,
    pub subject: Subject,
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
    Secret(SecretRef),
    Literal(String),
    Composed(Vec<Part>),
    Template {
        template: Template,
        /// The secrets by alias.
        inputs: BTreeMap<String, SecretRef>,
    },
}

impl ValueSource {
    /// Returns the locators to request for the value.
    pub fn locators(&self) -> Vec<&Locator> {
        self.references().into_iter().map(|reference| &reference.locator).collect()
    }

    /// The references that the value is made of.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Secret(reference) => vec![reference],
            Self::Literal(_) => Vec::new(),
            Self::Composed(parts) => parts.iter().filter_map(Part::reference).collect(),
            Self::Template { inputs, .. } => inputs.values().collect(),
        }
    }
}

/// An `env-from` entry whose reference is looked up.
#[derive(Clone, Debug)]
pub struct EnvFrom {
    pub id: EntryId,
    pub reference: SecretRef,
    pub naming: Naming,
    pub subject: Subject,
}
