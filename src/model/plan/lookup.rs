//! Turns entries into bindings: looks up aliases and expands `${NAME}`.

use std::collections::BTreeMap;

use crate::model::entry::template::Template;
use crate::model::entry::{
    Entry, EntrySource, EnvFromEntry, Naming, OnMissing, Origin, Part, Subject, Target, Transform,
};
use crate::model::inherited::Inherited;
use crate::model::problem::{Lacks, Problem};
use crate::model::reference::{Aliases, Locator, Reference, ReferenceError, SecretRef};
use crate::model::suggest::{self, did_you_mean};

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
            Self::Composed(parts) => {
                let references = parts
                    .iter()
                    .filter_map(|part| if let Part::Reference(reference) = part { Some(reference) } else { None });
                references.collect()
            }
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

/// The aliases and variables for the references of one layer.
pub struct Lookup<'a> {
    pub aliases: &'a Aliases,
    pub inherited: &'a Inherited,
    /// The errors of all layers so far.
    pub errors: &'a mut Vec<Problem>,
}

impl Lookup<'_> {
    /// Returns `None`, and adds the errors, if a reference cannot be looked up.
    pub fn bind(&mut self, id: EntryId, entry: Entry) -> Option<Binding> {
        let subject = entry.subject();
        let Entry { target, source, transform, on_missing, origin: _ } = entry;
        let value_source = match source {
            EntrySource::Literal(text) => ValueSource::Literal(text),
            EntrySource::Reference(reference) => ValueSource::Secret(self.locate(&reference, &subject)?),
            EntrySource::Composed(parts) => ValueSource::Composed(parts),
            EntrySource::Template(template) => {
                let mut inputs = BTreeMap::new();
                for name in &template.names {
                    if let Some(reference) = self.alias(name, &template, &subject) {
                        inputs.insert(name.clone(), reference);
                    }
                }
                if inputs.len() < template.names.len() {
                    return None;
                }
                ValueSource::Template { template, inputs }
            }
        };
        Some(Binding { id, target, value_source, transform, on_missing, subject })
    }

    pub fn bind_env_from(&mut self, id: EntryId, entry: EnvFromEntry) -> Option<EnvFrom> {
        let subject = entry.subject();
        let EnvFromEntry { reference, naming, origin: _ } = entry;
        let located = reference.locate(self.aliases, self.inherited);
        let reference = located.map_err(|error| self.refuse(&subject, &error)).ok()?;
        Some(EnvFrom { id, reference, naming, subject })
    }

    /// Looks up a reference to one secret or parameter.
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Option<SecretRef> {
        let located = reference.locate(self.aliases, self.inherited);
        let single = located.and_then(|found| found.single().map_err(ReferenceError::of_reference));
        single.map_err(|error| self.refuse(subject, &error)).ok()
    }

    /// Adds an error: of the command line for a reference there, which is not quoted, else of the declaration.
    fn refuse(&mut self, subject: &Subject, error: &ReferenceError) {
        let (problem, subject) = match subject.origin {
            Origin::Argument(_) => (Problem::usage(error.hidden()), Subject { written: None, ..subject.clone() }),
            Origin::File { .. } | Origin::Inherited => (Problem::configuration(&error.text), subject.clone()),
        };
        self.errors.push(problem.help_if(error.help).of(subject, Lacks::Nothing));
    }

    /// Looks up a name in a template, which must be an alias.
    fn alias(&mut self, name: &str, template: &Template, subject: &Subject) -> Option<SecretRef> {
        match (self.aliases.get(name), Reference::parse(name)) {
            (Some(_), Ok(reference)) => self.locate(&reference, subject),
            (None, _) | (_, Err(_)) => {
                let text = format!(
                    "the template uses {name:?}, which is not an alias under `secrets` here or in an earlier file"
                );
                let help = match suggest::nearest(name, self.aliases.keys().map(String::as_str)) {
                    Some(nearest) => did_you_mean(nearest),
                    None if template.text.contains(&format!("{name}(")) => {
                        "a template has the functions range, dict and namespace".to_owned()
                    }
                    None => format!(
                        "declare the alias under `secrets`, as in {name}: prod/db; a name that an {{% if %}} assigns needs a {{% set %}} \
                         before it"
                    ),
                };
                self.errors.push(Problem::configuration(text).help(help).of(subject.clone(), Lacks::Nothing));
                None
            }
        }
    }
}
