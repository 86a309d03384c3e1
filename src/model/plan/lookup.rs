//! Looks up the references of entries: aliases, and `${NAME}`.

use std::collections::BTreeMap;

use crate::model::claims::Holder;
use crate::model::entry::template::Template;
use crate::model::entry::{EntrySource, Naming, Origin, Part, Subject};
use crate::model::inherited::Inherited;
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Aliases, Reference, ReferenceError, SecretRef};
use crate::model::suggest::{self, MOST_SUGGESTIONS};

/// The source from which an entry sets its target, with its references looked up.
#[derive(Debug)]
pub enum PlannedSource {
    Value(ValueSource),
    Object(ObjectSource),
    /// Nothing, whatever is read: the target is held already. References are not even looked up.
    Overridden(Holder),
}

/// An object of `env-from`, whose keys give variables.
#[derive(Debug)]
pub struct ObjectSource {
    pub reference: SecretRef,
    pub naming: Naming,
}

impl PlannedSource {
    /// The references that the entry reads.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Value(source) => source.references(),
            Self::Object(object) => vec![&object.reference],
            Self::Overridden(_) => Vec::new(),
        }
    }
}

/// The source of a value, with its references looked up.
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
    /// The references that the value is made of.
    pub fn references(&self) -> Vec<&SecretRef> {
        match self {
            Self::Secret(reference) => vec![reference],
            Self::Literal(_) => Vec::new(),
            Self::Composed(parts) => {
                let references = parts.iter().filter_map(|part| {
                    if let Part::Reference(reference) = part {
                        Some(reference)
                    } else {
                        None
                    }
                });
                references.collect()
            }
            Self::Template { inputs, .. } => inputs.values().collect(),
        }
    }
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
    pub fn source(&mut self, source: EntrySource, subject: &Subject) -> Option<PlannedSource> {
        let value = match source {
            EntrySource::Literal(text) => ValueSource::Literal(text),
            EntrySource::Reference(reference) => {
                ValueSource::Secret(self.locate(&reference, subject)?)
            }
            EntrySource::Composed(parts) => ValueSource::Composed(parts),
            EntrySource::Template(template) => {
                let mut inputs = BTreeMap::new();
                for name in &template.names {
                    if let Some(reference) = self.alias(name, &template, subject) {
                        inputs.insert(name.clone(), reference);
                    }
                }
                if inputs.len() < template.names.len() {
                    return None;
                }
                ValueSource::Template { template, inputs }
            }
            EntrySource::Object(reference, naming) => {
                // An object may be a path.
                let located = reference.locate(self.aliases, self.inherited);
                let reference = located.map_err(|error| self.refuse(subject, &error)).ok()?;
                return Some(PlannedSource::Object(ObjectSource { reference, naming }));
            }
        };
        Some(PlannedSource::Value(value))
    }

    /// Looks up a reference to one secret or parameter.
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Option<SecretRef> {
        let located = reference.locate(self.aliases, self.inherited);
        let single = located.and_then(SecretRef::single);
        single.map_err(|error| self.refuse(subject, &error)).ok()
    }

    /// Adds an error: of the command line for a reference there, which is not quoted, else of the declaration.
    fn refuse(&mut self, subject: &Subject, error: &ReferenceError) {
        let (problem, subject) = match subject.origin {
            Origin::Argument(_) => (Problem::usage(error.hidden()), subject.hidden()),
            Origin::File { .. } | Origin::Inherited => {
                (Problem::configuration(&error.text), subject.clone())
            }
        };
        self.errors.push(
            problem
                .replace_help(error.help.clone())
                .of(subject, Impact::None),
        );
    }

    /// Looks up a name in a template, which must be an alias.
    fn alias(&mut self, name: &str, template: &Template, subject: &Subject) -> Option<SecretRef> {
        match (self.aliases.get(name), Reference::parse(name)) {
            (Some(_), Ok(reference)) => self.locate(&reference, subject),
            (None, _) | (_, Err(_)) => {
                let text = format!(
                    "the template uses {name:?}, but there is no {name:?} under \"secrets\""
                );
                let nearest = if self.errors.len() < MOST_SUGGESTIONS {
                    suggest::nearest(name, self.aliases.keys().map(String::as_str))
                } else {
                    None
                };
                let help = match nearest {
                    Some(nearest) => {
                        let mut lookups = template.lookups.iter();
                        let keys =
                            lookups.find_map(|lookup| lookup.strip_prefix(&format!("{name}.")));
                        let keys = keys.map(|keys| format!(".{keys}")).unwrap_or_default();
                        format!("did you mean {nearest:?}? Write {{{{ {nearest}{keys} }}}}")
                    }
                    None if template.text.contains(&format!("{name}(")) => {
                        "the functions of templates are \"range\", \"dict\" and \"namespace\""
                            .to_owned()
                    }
                    None if template.text.contains(&format!("set {name} ")) => {
                        format!("write {{% set {name} = '' %}} before the {{% if %}}")
                    }
                    None if self.inherited.get(name).is_some() => {
                        format!("for the inherited variable, write {{{{ env.{name} }}}}")
                    }
                    None => format!("add it there, as in secrets: {{ {name}: prod/db }}"),
                };
                self.errors.push(
                    Problem::configuration(text)
                        .help(help)
                        .of(subject.clone(), Impact::None),
                );
                None
            }
        }
    }
}
