//! Resolves one value source with the documents fetched so far.

use std::collections::BTreeMap;

use super::extract::Extractor;
use super::resolve_error::ResolveProblem;
use super::template::{Input, RenderError, render};
use crate::model::answer::Fetched;
use crate::model::entry::Part;
use crate::model::entry::template::{ENV, Template};
use crate::model::inherited::Inherited;
use crate::model::plan::ValueSource;
use crate::model::reference::{Locator, SecretRef};
use crate::model::secret_value::SecretValue;

/// The fetched documents, each parsed as JSON at most once.
pub struct ParsedAnswers<'a> {
    pub fetched: &'a Fetched,
    pub extractor: Extractor<'a>,
    /// The variables that a template reads as `env`.
    pub inherited: &'a Inherited,
}

/// The result of resolving a value source.
pub enum Attempt<'a> {
    Value(SecretValue),
    /// These locators must be fetched first.
    Pending(Vec<&'a Locator>),
    Failed(Vec<InputError>),
}

/// An input of a value that failed. `reference` is `None` for an error about the whole of a template.
pub struct InputError {
    pub reference: Option<SecretRef>,
    pub problem: ResolveProblem,
}

impl<'a> Attempt<'a> {
    pub fn failed(reference: Option<SecretRef>, problem: ResolveProblem) -> Self {
        Self::Failed(vec![InputError { reference, problem }])
    }
}

/// The inputs of a composed value or a template that have no value.
#[derive(Default)]
struct UnresolvedInputs<'a> {
    pending: Vec<&'a Locator>,
    errors: Vec<InputError>,
}

impl<'a> UnresolvedInputs<'a> {
    /// Returns `value` if every input has one. Errors are returned once nothing is pending, so that all are reported
    /// together.
    fn unless_any(self, value: impl FnOnce() -> Attempt<'a>) -> Attempt<'a> {
        match (self.pending.is_empty(), self.errors.is_empty()) {
            (false, _) => Attempt::Pending(self.pending),
            (true, false) => Attempt::Failed(self.errors),
            (true, true) => value(),
        }
    }
}

/// True if every error is an absence.
pub fn are_absences(errors: &[InputError]) -> bool {
    errors.iter().all(|error| error.problem.is_absence())
}

impl<'a> ParsedAnswers<'a> {
    pub fn attempt(&mut self, value_source: &'a ValueSource) -> Attempt<'a> {
        match value_source {
            ValueSource::Literal(text) => Attempt::Value(SecretValue::new(text.as_str())),
            ValueSource::Secret(reference) => self.secret(reference),
            ValueSource::Composed(parts) => self.composed(parts),
            ValueSource::Template { template, inputs } => self.template(template, inputs),
        }
    }

    fn secret(&mut self, reference: &'a SecretRef) -> Attempt<'a> {
        let failed = |problem| Attempt::failed(Some(reference.clone()), problem);
        match self.fetched.get(&reference.locator) {
            None => Attempt::Pending(vec![&reference.locator]),
            Some(Err(failure)) => failed(ResolveProblem::Fetch(failure.clone())),
            Some(Ok(document)) => match self.extractor.extract(&reference.locator, document, &reference.selector) {
                Ok(value) => Attempt::Value(value),
                Err(error) => failed(ResolveProblem::Extract { region: document.region.clone(), error }),
            },
        }
    }

    fn composed(&mut self, parts: &'a [Part]) -> Attempt<'a> {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let mut unresolved = UnresolvedInputs::default();
        for part in parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part.as_bytes()),
                Part::Reference(reference) => match self.secret(reference) {
                    Attempt::Value(value) => text.extend_from_slice(value.expose()),
                    Attempt::Pending(locators) => unresolved.pending.extend(locators),
                    Attempt::Failed(errors) => unresolved.errors.extend(errors),
                },
            }
        }
        unresolved.unless_any(|| Attempt::Value(SecretValue::new(text.as_slice())))
    }

    fn template(&mut self, template: &Template, aliases: &'a BTreeMap<String, SecretRef>) -> Attempt<'a> {
        let mut inputs = BTreeMap::new();
        let mut unresolved = UnresolvedInputs::default();
        for (alias, reference) in aliases {
            match self.template_input(alias, reference) {
                None => unresolved.pending.push(&reference.locator),
                Some(Ok(input)) => {
                    inputs.insert(alias.clone(), input);
                }
                Some(Err(problem)) => {
                    unresolved.errors.push(InputError { reference: Some(reference.clone()), problem });
                }
            }
        }
        inputs.insert(ENV.to_owned(), Input::variables(self.inherited));
        unresolved.unless_any(|| match render(template, &inputs) {
            Ok(value) => Attempt::Value(value),
            Err(error) => self.not_rendered(aliases, error),
        })
    }

    /// Returns the document of an alias as a template reads it; `None` if it is not fetched yet.
    fn template_input(&mut self, alias: &str, reference: &'a SecretRef) -> Option<Result<Input, ResolveProblem>> {
        let locator = &reference.locator;
        let document = match self.fetched.get(locator)? {
            Ok(document) => document,
            Err(failure) => return Some(Err(ResolveProblem::Fetch(failure.clone()))),
        };
        let input = Input::new(self.extractor.object(locator, document), document);
        Some(input.ok_or_else(|| {
            let error = RenderError::NotText { alias: alias.to_owned() };
            ResolveProblem::Render { region: document.region.clone(), error }
        }))
    }

    fn not_rendered(&self, aliases: &BTreeMap<String, SecretRef>, error: RenderError) -> Attempt<'a> {
        let reference = error.alias().and_then(|alias| aliases.get(alias));
        let document = reference.and_then(|reference| self.fetched.get(&reference.locator)?.as_ref().ok());
        let region = document.and_then(|document| document.region.clone());
        Attempt::failed(reference.cloned(), ResolveProblem::Render { region, error })
    }
}

/// The reference that an error about the whole value names; `None` for a literal, a composed value and a template.
pub fn reference(value_source: &ValueSource) -> Option<SecretRef> {
    match value_source {
        ValueSource::Secret(reference) => Some(reference.clone()),
        ValueSource::Literal(_) | ValueSource::Composed(_) | ValueSource::Template { .. } => None,
    }
}
