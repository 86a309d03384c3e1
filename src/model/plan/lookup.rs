//! Turns entries into bindings: looks up aliases and expands `${NAME}`.

use super::binding::{Binding, EntryId, EnvFrom, ValueSource};
use crate::model::entry::{Entry, EntrySource, EnvFromEntry, Subject};
use crate::model::inherited::Inherited;
use crate::model::reference::{Aliases, Reference, ReferenceError, SecretRef};
use crate::model::suggest;

/// A reference that cannot be looked up.
#[derive(Debug, PartialEq)]
pub struct PlanError {
    pub subject: Subject,
    /// The reference as written.
    pub written: String,
    pub error: ReferenceError,
}

/// The aliases and variables for the references of one layer.
pub struct Lookup<'a> {
    pub aliases: &'a Aliases,
    pub inherited: &'a Inherited,
    /// The errors of all layers so far.
    pub errors: &'a mut Vec<PlanError>,
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
                let names =
                    template.required_names(|name| self.aliases.get(name).is_some()).into_iter().map(str::to_owned);
                let inputs = names.map(|name| self.alias(&name, &subject).map(|reference| (name, reference)));
                // Collected first, so that every unknown name is reported.
                let inputs: Vec<_> = inputs.collect();
                let inputs = inputs.into_iter().collect::<Option<_>>()?;
                ValueSource::Template { template, inputs }
            }
        };
        Some(Binding { id, target, value_source, transform, on_missing, subject })
    }

    pub fn bind_env_from(&mut self, id: EntryId, entry: EnvFromEntry) -> Option<EnvFrom> {
        let subject = entry.subject();
        let EnvFromEntry { reference, naming, origin: _ } = entry;
        let located = reference.locate(self.aliases, self.inherited);
        let reference = self.found(located, &reference, &subject)?;
        Some(EnvFrom { id, reference, naming, subject })
    }

    /// Looks up a reference to one secret or parameter.
    fn locate(&mut self, reference: &Reference, subject: &Subject) -> Option<SecretRef> {
        let located = reference.locate(self.aliases, self.inherited);
        let single = located.and_then(|found| found.single().map_err(ReferenceError::Path));
        self.found(single, reference, subject)
    }

    /// Returns what is found, or adds the error.
    fn found(
        &mut self,
        located: Result<SecretRef, ReferenceError>,
        reference: &Reference,
        subject: &Subject,
    ) -> Option<SecretRef> {
        let error = |error| PlanError { subject: subject.clone(), written: reference.to_string(), error };
        located.map_err(|problem| self.errors.push(error(problem))).ok()
    }

    /// Looks up a name in a template, which must be an alias.
    fn alias(&mut self, name: &str, subject: &Subject) -> Option<SecretRef> {
        match (self.aliases.get(name), Reference::parse(name)) {
            (Some(_), Ok(reference)) => self.locate(&reference, subject),
            (None, _) | (_, Err(_)) => {
                let nearest = suggest::nearest(name, self.aliases.names()).map(str::to_owned);
                let error = ReferenceError::NoAlias { name: name.to_owned(), nearest };
                self.errors.push(PlanError { subject: subject.clone(), written: name.to_owned(), error });
                None
            }
        }
    }
}
