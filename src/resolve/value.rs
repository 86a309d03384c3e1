//! Resolves one value source with the fetched documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex_lite::Regex;
use zeroize::Zeroizing;

use super::encoding;
use super::extract::{Json, ParsedDocument, find, text_of};
use super::template::{Input, render};
use crate::model::answer::{Document, FetchError, Fetched};
use crate::model::entry::template::{ENV, Template};
use crate::model::entry::{Part, Subject};
use crate::model::plan::{Plan, Planned, ValueSource};
use crate::model::problem::{About, Impact, Problem};
use crate::model::reference::{Locator, SecretRef, Selector, Store};
use crate::model::secret_value::SecretValue;

/// The fetched documents, each parsed as JSON at most once.
pub struct ParsedAnswers<'a> {
    pub plan: &'a Plan,
    pub fetched: &'a Fetched,
    parsed: BTreeMap<&'a Locator, ParsedDocument>,
}

impl<'a> ParsedAnswers<'a> {
    pub fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        Self {
            plan,
            fetched,
            parsed: BTreeMap::new(),
        }
    }

    /// Resolves the value of an entry.
    ///
    /// # Errors
    /// Every error of its references. The list is empty if all that fails is a reference whose locator was not requested.
    pub fn attempt(
        &mut self,
        entry: &'a Planned,
        source: &'a ValueSource,
    ) -> Result<SecretValue, Vec<Problem>> {
        let subject = &entry.subject;
        let value = match source {
            ValueSource::Literal(text) => SecretValue::new(text.as_str()),
            ValueSource::Secret(reference) => self.secret(reference, subject)?,
            ValueSource::Composed(parts) => self.composed(parts, subject)?,
            ValueSource::Template { template, inputs } => {
                self.template(template, inputs, subject)?
            }
        };
        let value = match entry.transform.decode {
            false => value,
            true => self.decoded(source, &value, subject)?,
        };
        if let Some(pattern) = &entry.pattern {
            check_pattern(pattern, source, &value, subject)?;
        }
        Ok(match entry.transform.encode {
            false => value,
            true => encoding::encode(&value),
        })
    }

    /// Decodes the value of a source.
    fn decoded(
        &self,
        source: &ValueSource,
        value: &SecretValue,
        subject: &Subject,
    ) -> Result<SecretValue, Vec<Problem>> {
        encoding::decode(value).ok_or_else(|| {
            let read = if let ValueSource::Secret(reference) = source {
                let document = self.document(reference, subject).ok();
                document.map(|document| (reference, document))
            } else {
                None
            };
            let what = match read {
                Some((reference, _)) => match &reference.selector {
                    Selector::Whole => "is".to_owned(),
                    selector => format!("has a value at {selector} that is"),
                },
                None => "the value is".to_owned(),
            };
            let why =
                Problem::configuration(format!("{what} not base64, which \"decode\" expects"))
                    .code("not-base64")
                    .help("remove \"decode\", or store the value as base64");
            vec![with_entry(why, read, subject)]
        })
    }

    fn secret(
        &mut self,
        reference: &'a SecretRef,
        subject: &Subject,
    ) -> Result<SecretValue, Vec<Problem>> {
        let document = self.document(reference, subject)?;
        self.selected(reference, document, subject).map_err(|why| {
            let problem = with_entry(why, Some((reference, document)), subject);
            vec![problem.replace_help(version_hint(reference, subject))]
        })
    }

    /// Returns the text of the value that a reference selects in its document.
    fn selected(
        &mut self,
        reference: &'a SecretRef,
        document: &Document,
        subject: &Subject,
    ) -> Result<SecretValue, Problem> {
        let selector = &reference.selector;
        if *selector == Selector::Whole {
            return Ok(SecretValue::new(document.body.expose()));
        }
        let rewrite = |key: &str| subject.write_field(&selector.to_string(), key);
        let parsed = self.parse(&reference.locator, document);
        text_of(find(parsed, selector, &rewrite)?).ok_or_else(|| {
            let text = match selector {
                Selector::Whole | Selector::Path(_) => format!("has only null at {selector}"),
                Selector::Key(key) => format!("has the key {key:?}, but its value is null"),
            };
            Problem::absence("null", text)
        })
    }

    /// Returns the parsed document of a locator.
    pub fn parse(&mut self, locator: &'a Locator, document: &Document) -> &ParsedDocument {
        self.parsed
            .entry(locator)
            .or_insert_with(|| Json::parse(document.body.expose()).map(Arc::new))
    }

    /// Returns the document of a reference.
    ///
    /// # Errors
    /// The failure of the request, of which only "does not exist" is an absence. The list is empty if there was no request.
    pub fn document(
        &self,
        reference: &SecretRef,
        subject: &Subject,
    ) -> Result<&'a Document, Vec<Problem>> {
        match self.fetched.get(&reference.locator) {
            Some(Ok(document)) => Ok(document),
            Some(Err(failure)) => Err(vec![Problem {
                is_absence: matches!(failure.error, FetchError::NotFound { .. }),
                ..failure.problem(reference, subject, &self.plan.aliases)
            }]),
            None => Err(Vec::new()),
        }
    }

    fn composed(
        &mut self,
        parts: &'a [Part],
        subject: &Subject,
    ) -> Result<SecretValue, Vec<Problem>> {
        let mut values = Vec::new();
        for part in parts {
            values.push(match part {
                Part::Text(text) => Ok(SecretValue::new(text.as_str())),
                Part::Reference(reference) => self.secret(reference, subject),
            });
        }
        let mut text = Zeroizing::new(Vec::new());
        for value in values_or_errors(values)? {
            text.extend_from_slice(value.expose());
        }
        Ok(SecretValue::new(text.as_slice()))
    }

    fn template(
        &mut self,
        template: &Template,
        aliases: &'a BTreeMap<String, SecretRef>,
        subject: &Subject,
    ) -> Result<SecretValue, Vec<Problem>> {
        let mut inputs = vec![Ok((ENV.to_owned(), Input::variables(&self.plan.inherited)))];
        for (alias, reference) in aliases {
            inputs.push(
                self.input(alias, reference, subject)
                    .map(|input| (alias.clone(), input)),
            );
        }
        let inputs = values_or_errors(inputs)?.into_iter().collect();
        render(template, &inputs, self.plan).map_err(|(alias, why)| {
            let reference = alias.and_then(|alias| aliases.get(&alias));
            let read = reference
                .and_then(|reference| Some((reference, self.document(reference, subject).ok()?)));
            vec![with_entry(why, read, subject)]
        })
    }

    /// Returns the document of an alias as a template reads it.
    fn input(
        &mut self,
        alias: &str,
        reference: &'a SecretRef,
        subject: &Subject,
    ) -> Result<Input, Vec<Problem>> {
        let document = self.document(reference, subject)?;
        Input::new(self.parse(&reference.locator, document), document).ok_or_else(|| {
            let text = format!("is binary, so the template can't use {alias}");
            let why = Problem::configuration(text).code("not-text");
            vec![with_entry(why, Some((reference, document)), subject)]
        })
    }
}

/// Returns every value, or the errors of all results.
fn values_or_errors<T>(results: Vec<Result<T, Vec<Problem>>>) -> Result<Vec<T>, Vec<Problem>> {
    if results.iter().all(Result::is_ok) {
        return results.into_iter().collect();
    }
    Err(results
        .into_iter()
        .filter_map(Result::err)
        .flatten()
        .collect())
}

/// Checks a value, decoded and not yet encoded, against the pattern of its entry.
///
/// # Errors
/// When the value doesn't match, or isn't text. The error has the pattern, and not the value.
fn check_pattern(
    pattern: &Regex,
    source: &ValueSource,
    value: &SecretValue,
    subject: &Subject,
) -> Result<(), Vec<Problem>> {
    let help = match str::from_utf8(value.expose()) {
        Ok(text) if pattern.is_match(text) => return Ok(()),
        Ok(text) if pattern.is_match(text.trim_end()) => {
            "remove the newline or the spaces at the end of the value"
        }
        Ok(_) => "store the right value, or correct the pattern",
        Err(_) => "remove \"pattern\", because the value is binary, and only text can match",
    };
    let about = match source {
        ValueSource::Secret(reference) => Some(About {
            before: Some(match reference.selector {
                Selector::Whole => "the value of ",
                Selector::Key(_) | Selector::Path(_) => "a value in ",
            }),
            ..About::new(reference)
        }),
        ValueSource::Literal(_) | ValueSource::Composed(_) | ValueSource::Template { .. } => None,
    };
    // The headline begins with the secret, if there is one.
    let subject_of_text = if about.is_some() { "" } else { "the value " };
    let text = format!("{subject_of_text}does not match the pattern \"{pattern}\"");
    let problem = Problem {
        about,
        ..Problem::configuration(text)
            .code("does-not-match")
            .help(help)
    };
    Err(vec![problem.of(subject.clone(), Impact::Mismatched)])
}

/// Names the entry, and the secret whose document was read. The text of the problem is then a predicate about the secret.
pub fn with_entry(
    problem: Problem,
    read: Option<(&SecretRef, &Document)>,
    subject: &Subject,
) -> Problem {
    let default = subject
        .default_hint()
        .filter(|_| problem.is_absence && problem.help.is_none());
    let about = read.map(|(reference, _)| About::new(reference));
    let problem = Problem { about, ..problem }.replace_help(default);
    problem.of(subject.clone(), Impact::Unread)
}

/// Returns the hint for a KEY that is a number: AWS writes `NAME:3` for version 3 of a parameter.
fn version_hint(SecretRef { locator, selector }: &SecretRef, subject: &Subject) -> Option<String> {
    let key = selector.to_string();
    let is_number = key.parse::<u64>().is_ok_and(|version| version > 0);
    let is_parameter = locator.store == Store::ParameterStore;
    (is_number && is_parameter).then(|| {
        let write = subject.write(&format!("{}:::{key}", locator.written_id()));
        format!("for version {key} write {write}")
    })
}
