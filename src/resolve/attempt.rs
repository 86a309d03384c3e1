//! One recipe, with the answers there are: a value, what is still to be read, or why there is none.

use std::collections::BTreeMap;

use super::extract::Extractor;
use super::resolve_error::Problem;
use super::template::{Input, RenderError, render};
use crate::model::answer::Fetched;
use crate::model::entry::Part;
use crate::model::plan::ValueSource;
use crate::model::reference::{Locator, SecretRef};
use crate::model::secret_value::SecretValue;
use crate::model::template::Template;

/// The answers, each parsed once.
pub struct Answers<'a> {
    pub fetched: &'a Fetched,
    pub extractor: Extractor<'a>,
}

/// What is known of a value.
pub enum Attempt<'a> {
    Value(SecretValue),
    Wants(Vec<&'a Locator>),
    Fails(Vec<Failing>),
}

/// Why there is no value, and what was to be read for it.
pub struct Failing {
    pub reference: Option<SecretRef>,
    pub problem: Problem,
}

impl<'a> Attempt<'a> {
    pub fn fails(reference: Option<SecretRef>, problem: Problem) -> Self {
        Self::Fails(vec![Failing { reference, problem }])
    }
}

/// What several inputs of one value lack.
#[derive(Default)]
struct Gathered<'a> {
    wants: Vec<&'a Locator>,
    failing: Vec<Failing>,
}

impl<'a> Gathered<'a> {
    /// Everything is asked for before anything is told, and everything that is wrong is told together.
    fn or_else(self, value: impl FnOnce() -> Attempt<'a>) -> Attempt<'a> {
        match (self.wants.is_empty(), self.failing.is_empty()) {
            (false, _) => Attempt::Wants(self.wants),
            (true, false) => Attempt::Fails(self.failing),
            (true, true) => value(),
        }
    }
}

/// Whether nothing is wrong but that something does not exist.
pub fn are_absences(failing: &[Failing]) -> bool {
    failing.iter().all(|failing| failing.problem.is_absence())
}

impl<'a> Answers<'a> {
    pub fn attempt(&mut self, value_source: &'a ValueSource) -> Attempt<'a> {
        match value_source {
            ValueSource::Literal(text) => Attempt::Value(SecretValue::new(text.as_str())),
            ValueSource::Secret(reference) => self.secret(reference),
            ValueSource::Composed(parts) => self.composed(parts),
            ValueSource::Template { template, inputs } => self.template(template, inputs),
        }
    }

    fn secret(&mut self, reference: &'a SecretRef) -> Attempt<'a> {
        let fails = |problem| Attempt::fails(Some(reference.clone()), problem);
        match self.fetched.get(&reference.locator) {
            None => Attempt::Wants(vec![&reference.locator]),
            Some(Err(failure)) => fails(Problem::Fetch(failure.clone())),
            Some(Ok(document)) => match self.extractor.extract(&reference.locator, document, &reference.selector) {
                Ok(value) => Attempt::Value(value),
                Err(error) => fails(Problem::Extract { region: document.region.clone(), error }),
            },
        }
    }

    fn composed(&mut self, parts: &'a [Part]) -> Attempt<'a> {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let mut gathered = Gathered::default();
        for part in parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part.as_bytes()),
                Part::Reference(reference) => match self.secret(reference) {
                    Attempt::Value(value) => text.extend_from_slice(value.expose()),
                    Attempt::Wants(locators) => gathered.wants.extend(locators),
                    Attempt::Fails(failing) => gathered.failing.extend(failing),
                },
            }
        }
        gathered.or_else(|| Attempt::Value(SecretValue::new(text.as_slice())))
    }

    /// One request for each alias, however often the template names it.
    fn template(&mut self, template: &Template, inputs: &'a BTreeMap<String, SecretRef>) -> Attempt<'a> {
        let mut read = BTreeMap::new();
        let mut gathered = Gathered::default();
        for (name, reference) in inputs {
            let locator = &reference.locator;
            let problem = match self.fetched.get(locator) {
                None => {
                    gathered.wants.push(locator);
                    continue;
                }
                Some(Err(failure)) => Problem::Fetch(failure.clone()),
                Some(Ok(document)) => match Input::new(self.extractor.object(locator, document), document) {
                    Some(input) => {
                        read.insert(name.clone(), input);
                        continue;
                    }
                    None => {
                        let error = RenderError::NotText { alias: name.clone() };
                        Problem::Render { region: document.region.clone(), error }
                    }
                },
            };
            gathered.failing.push(Failing { reference: Some(reference.clone()), problem });
        }
        gathered.or_else(|| match render(template, &read) {
            Ok(value) => Attempt::Value(value),
            Err(error) => self.not_rendered(inputs, error),
        })
    }

    fn not_rendered(&self, inputs: &BTreeMap<String, SecretRef>, error: RenderError) -> Attempt<'a> {
        let reference = error.alias().and_then(|alias| inputs.get(alias));
        let document = reference.and_then(|reference| self.fetched.get(&reference.locator)?.as_ref().ok());
        let region = document.and_then(|document| document.region.clone());
        Attempt::fails(reference.cloned(), Problem::Render { region, error })
    }
}

/// What a message about the whole of a value names.
pub fn reference(value_source: &ValueSource) -> Option<SecretRef> {
    match value_source {
        ValueSource::Secret(reference) => Some(reference.clone()),
        ValueSource::Literal(_) | ValueSource::Composed(_) | ValueSource::Template { .. } => None,
    }
}
