//! Resolves one value source with the documents fetched so far.

use std::collections::BTreeMap;

use super::encoding::{self, NotBase64};
use super::extract::{Extractor, NoValue};
use super::template::{Input, RenderError, render};
use crate::model::answer::{Document, FetchError, FetchFailure, Fetched};
use crate::model::entry::template::{ENV, Template};
use crate::model::entry::{Part, Subject};
use crate::model::inherited::Inherited;
use crate::model::plan::{Binding, ValueSource};
use crate::model::problem::{About, Lacks, Problem};
use crate::model::reference::{Aliases, Locator, SecretRef, Store};
use crate::model::secret_value::SecretValue;

/// The fetched documents, each parsed as JSON at most once.
pub struct ParsedAnswers<'a> {
    pub fetched: &'a Fetched,
    pub extractor: Extractor<'a>,
    /// The variables that a template reads as `env`.
    pub inherited: &'a Inherited,
    /// For suggestions.
    pub aliases: &'a Aliases,
}

/// The reason that there is no value yet, or none at all.
#[derive(Default)]
pub struct Unresolved<'a> {
    /// These locators must be fetched first.
    pub pending: Vec<&'a Locator>,
    pub errors: Vec<NoValue>,
}

impl<'a> From<NoValue> for Unresolved<'a> {
    fn from(error: NoValue) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

impl<'a> Unresolved<'a> {
    fn add(&mut self, Self { pending, errors }: Self) {
        self.pending.extend(pending);
        self.errors.extend(errors);
    }

    /// True if every error is an absence.
    pub fn is_absent(&self) -> bool {
        self.errors.iter().all(|error| error.is_absent)
    }

    /// # Errors
    /// Unless every input has a value.
    fn check(self) -> Result<(), Self> {
        if self.pending.is_empty() && self.errors.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl<'a> ParsedAnswers<'a> {
    /// Resolves the value of a binding.
    ///
    /// # Errors
    /// The locators to fetch first, and every error in its inputs.
    pub fn attempt(&mut self, binding: &'a Binding) -> Result<SecretValue, Unresolved<'a>> {
        let subject = &binding.subject;
        let value = match &binding.value_source {
            ValueSource::Literal(text) => SecretValue::new(text.as_str()),
            ValueSource::Secret(reference) => self.secret(reference, subject)?,
            ValueSource::Composed(parts) => self.composed(parts, subject)?,
            ValueSource::Template { template, inputs } => self.template(template, inputs, subject)?,
        };
        encoding::apply(binding.transform, value).map_err(|NotBase64| not_base64(binding).into())
    }

    fn secret(&mut self, reference: &'a SecretRef, subject: &Subject) -> Result<SecretValue, Unresolved<'a>> {
        let document = self.document(reference, subject)?;
        let found = self.extractor.extract(&reference.locator, document, &reference.selector);
        found.map_err(|why| {
            let NoValue { is_absent, problem } = told_of(why, Some((reference, document)), subject);
            NoValue { is_absent, problem: problem.help_if(version_hint(reference)) }.into()
        })
    }

    fn document(&self, reference: &'a SecretRef, subject: &Subject) -> Result<&'a Document, Unresolved<'a>> {
        match self.fetched.get(&reference.locator) {
            None => Err(Unresolved { pending: vec![&reference.locator], ..Unresolved::default() }),
            Some(Err(failure)) => Err(self.unread(failure, reference, subject).into()),
            Some(Ok(document)) => Ok(document),
        }
    }

    /// Returns the reason why a document was not fetched. A denial or an outage is no absence.
    pub fn unread(&self, failure: &FetchFailure, reference: &SecretRef, subject: &Subject) -> NoValue {
        let is_absent = matches!(failure.error, FetchError::NotFound { .. });
        NoValue { is_absent, problem: failure.problem(reference, subject, self.aliases) }
    }

    fn composed(&mut self, parts: &'a [Part], subject: &Subject) -> Result<SecretValue, Unresolved<'a>> {
        let mut text = zeroize::Zeroizing::new(Vec::new());
        let mut unresolved = Unresolved::default();
        for part in parts {
            match part {
                Part::Text(part) => text.extend_from_slice(part.as_bytes()),
                Part::Reference(reference) => match self.secret(reference, subject) {
                    Ok(value) => text.extend_from_slice(value.expose()),
                    Err(other) => unresolved.add(other),
                },
            }
        }
        unresolved.check()?;
        Ok(SecretValue::new(text.as_slice()))
    }

    fn template(
        &mut self,
        template: &Template,
        aliases: &'a BTreeMap<String, SecretRef>,
        subject: &Subject,
    ) -> Result<SecretValue, Unresolved<'a>> {
        let mut inputs = BTreeMap::from([(ENV.to_owned(), Input::variables(self.inherited))]);
        let mut unresolved = Unresolved::default();
        for (alias, reference) in aliases {
            match self.input(alias, reference, subject) {
                Ok(input) => drop(inputs.insert(alias.clone(), input)),
                Err(other) => unresolved.add(other),
            }
        }
        unresolved.check()?;
        render(template, &inputs).map_err(|RenderError { alias, why }| {
            let reference = alias.and_then(|alias| aliases.get(&alias));
            let document = |reference: &SecretRef| self.fetched.get(&reference.locator)?.as_ref().ok();
            let read = reference.and_then(|reference| Some((reference, document(reference)?)));
            told_of(why, read, subject).into()
        })
    }

    /// Returns the document of an alias as a template reads it.
    fn input(&mut self, alias: &str, reference: &'a SecretRef, subject: &Subject) -> Result<Input, Unresolved<'a>> {
        let document = self.document(reference, subject)?;
        Input::new(self.extractor.object(&reference.locator, document), document).ok_or_else(|| {
            let why = NoValue::failed("not-text", format!("the template's {alias} is binary, not text"));
            told_of(why, Some((reference, document)), subject).into()
        })
    }
}

/// Names the entry, and the secret whose document was read.
fn told_of(why: NoValue, read: Option<(&SecretRef, &Document)>, subject: &Subject) -> NoValue {
    let NoValue { is_absent, problem } = why;
    let default = subject.default_hint().filter(|_| is_absent && problem.help.is_none());
    let scheme = read.and_then(|(reference, _)| reference.scheme_hint());
    let about = read.map(|(reference, document)| About::new(reference, document.region.as_ref(), false));
    let problem = Problem { about, ..problem }.help_if(default).help_if(scheme);
    NoValue { is_absent, problem: problem.of(subject.clone(), Lacks::Value) }
}

/// Returns the hint for a KEY that is a number: AWS writes `NAME:3` for version 3 of a parameter.
fn version_hint(SecretRef { locator, selector }: &SecretRef) -> Option<String> {
    let key = selector.to_string();
    let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let is_parameter = locator.store == Store::ParameterStore;
    (is_number && is_parameter).then(|| format!("for version {key} write {}:::{key}", locator.written_id()))
}

fn not_base64(Binding { value_source, subject, .. }: &Binding) -> NoValue {
    let why = NoValue::failed("not-base64", "the value is not base64, which `decode` expects".to_owned());
    let about = match value_source {
        ValueSource::Secret(reference) => Some(About::new(reference, None, false)),
        ValueSource::Literal(_) | ValueSource::Composed(_) | ValueSource::Template { .. } => None,
    };
    let problem = Problem { about, ..why.problem }.help("leave `decode` out, or correct the value");
    NoValue { problem: problem.of(subject.clone(), Lacks::Value), ..why }
}
