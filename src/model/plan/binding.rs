//! What becomes of a variable or file: where its value comes from, what is done to it, and what happens when it is absent.

use std::collections::BTreeMap;

use crate::model::entry::{Naming, OnMissing, Part, Subject, Target, Transform};
use crate::model::reference::{Locator, SecretRef};
use crate::model::template::Template;

/// An [`Entry`] whose references are looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where the value goes.
    pub target: Target,
    /// Where it comes from.
    pub value_source: ValueSource,
    /// What is done to it.
    pub transform: Transform,
    /// What happens when there is none.
    pub on_missing: OnMissing,
    /// What messages call it.
    pub subject: Subject,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueSource {
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

impl ValueSource {
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

/// An [`EnvFromEntry`] whose reference is looked up.
#[derive(Clone, Debug)]
pub struct EnvFrom {
    /// The object.
    pub reference: SecretRef,
    /// What its keys are called.
    pub naming: Naming,
    /// What messages call it.
    pub subject: Subject,
}
