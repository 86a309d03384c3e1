//! Resolves the value of one entry with the documents that were fetched.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex_lite::Regex;
use zeroize::Zeroizing;

use super::extract::{
    Json, NULL_HELP, ParsedDocument, Resolved, ResolvedAll, Unresolved, find_value, text_of,
    with_entry,
};
use super::template::{Input, Rendering, looked_up_texts};
use crate::model::answer::{Cause, Document, Fetched, SecretValue};
use crate::model::entry::template::{ENV, Template};
use crate::model::entry::{Part, Subject};
use crate::model::plan::{Plan, Planned, PlannedSource, TemplateInputs, ValueSource};
use crate::model::problem::{About, Impact, Problem, unless_errors};
use crate::model::reference::{AWS_STAGES, Locator, SecretRef, Selector, Store};
use crate::model::shown::pattern_mismatch;
use crate::model::url::percent_encode;

/// The documents that were fetched. Each of them is parsed as JSON when an entry needs its JSON for
/// the first time.
pub struct ParsedAnswers<'a> {
    pub plan: &'a Plan,
    pub fetched: &'a Fetched,
    /// What the value that was resolved last is made of, for
    /// [`EntryOutcome::parts`](crate::model::outcome::EntryOutcome::parts).
    pub parts: Vec<SecretValue>,
    parsed_documents: BTreeMap<&'a Locator, ParsedDocument>,
}

impl<'a> ParsedAnswers<'a> {
    /// Creates the answers. No document has been parsed yet.
    pub fn new(plan: &'a Plan, fetched: &'a Fetched) -> Self {
        Self {
            plan,
            fetched,
            parts: Vec::new(),
            parsed_documents: BTreeMap::new(),
        }
    }

    /// Resolves the value of an entry: reads it, decodes it, checks its pattern and encodes it.
    ///
    /// # Errors
    /// Every reason why the value is missing.
    pub fn resolve_value(
        &mut self,
        entry: &'a Planned,
        source: &'a ValueSource,
    ) -> ResolvedAll<SecretValue> {
        let subject = &entry.subject;
        let read = match source {
            ValueSource::Literal(text) => SecretValue::new(text.as_str()),
            ValueSource::Secret(reference) => {
                let selected = self.read_value(reference, subject);
                selected.map_err(|reason| vec![reason])?
            }
            ValueSource::Composed(parts) => self.composed_value(parts, subject)?,
            ValueSource::Template { template, inputs } => {
                self.rendered_template(template, inputs, subject)?
            }
        };

        let named = |problem, impact| vec![about_value(problem, entry, impact).into()];
        let decoded = match entry.transform.decode {
            false => read,
            true => decode(&read).map_err(|problem| named(problem, Impact::Unread))?,
        };
        if let Some(pattern) = &entry.pattern {
            let checked = check_pattern(pattern, &decoded);
            checked.map_err(|problem| named(problem, Impact::Mismatched))?;
        }
        if !entry.transform.encode {
            return Ok(decoded);
        }
        let encoded = decoded.base64_encoded();
        self.add_part(decoded);
        Ok(encoded)
    }

    /// Adds a part of a value to `parts`, as it is and URL-encoded, so that `export` can hide it in
    /// the log of a GitHub job. Skips a number and a text of fewer than eight characters: a port or
    /// the name of a database would disappear from every log.
    fn add_part(&mut self, part: SecretValue) {
        let text = String::from_utf8_lossy(part.expose());
        if text.chars().count() >= 8 && text.parse::<f64>().is_err() {
            let encoded = SecretValue::new(percent_encode(&text));
            self.parts.extend([encoded, part]);
        }
    }

    /// Returns the value that a reference selects.
    ///
    /// # Errors
    /// The failure of the request, or the reason why the document doesn't have the value, or has
    /// null.
    fn read_value(&mut self, reference: &'a SecretRef, subject: &Subject) -> Resolved<SecretValue> {
        let document = self.document(reference, subject)?;
        let selector = &reference.selector;
        if *selector == Selector::Whole {
            return Ok(SecretValue::new(document.body.expose()));
        }

        let revealed = || subject.revealed_by(reference);
        let rewrite = |key: &str| revealed().rewritten_with_fields(&selector.to_string(), key);
        let parsed = self.parsed(&reference.locator, document);
        let found = find_value(document, parsed, selector, &rewrite);
        let text = found.and_then(|value| text_of(value).ok_or_else(|| null_value(selector)));
        text.map_err(|why| {
            let subject = &revealed();
            why.reworded(|problem| {
                let problem = with_entry(problem, Some(reference), subject);
                problem.help_if_some(version_hint(reference, subject))
            })
        })
    }

    /// Returns the document of a locator as JSON. The document is parsed when this is called for
    /// the first time.
    pub fn parsed(&mut self, locator: &'a Locator, document: &Document) -> &ParsedDocument {
        let parse = || Json::parse(document.body.expose()).map(Arc::new);
        self.parsed_documents.entry(locator).or_insert_with(parse)
    }

    /// Returns the document of a reference.
    ///
    /// # Errors
    /// The failure of the request. It is an absence only if the secret or the version doesn't
    /// exist, or if the secret doesn't have a name.
    pub fn document(&self, reference: &SecretRef, subject: &Subject) -> Resolved<&'a Document> {
        if let Some(name) = reference.locator.empty_variable() {
            let problem = Problem::configuration(format!("the variable {name} is empty"));
            return Err(Unresolved::Absent(problem));
        }
        match self.fetched.get(&reference.locator) {
            None => Err(Unresolved::Unread),
            Some(Ok(document)) => Ok(document),
            Some(Err(failure)) => {
                let problem = failure.problem(reference, subject);
                let is_absent = matches!(failure.error.cause, Cause::Absent(_));
                Err(match is_absent {
                    true => Unresolved::Absent(problem),
                    false => Unresolved::Failed(problem),
                })
            }
        }
    }

    /// Returns a value that consists of text and of the values of references.
    ///
    /// # Errors
    /// Every reason why the value of a reference is missing.
    fn composed_value(&mut self, parts: &'a [Part], subject: &Subject) -> ResolvedAll<SecretValue> {
        let (mut composed, mut errors) = (Zeroizing::new(Vec::new()), Vec::new());
        for part in parts {
            match part {
                Part::Text(text) => composed.extend_from_slice(text.as_bytes()),
                Part::Reference(reference) => match self.read_value(reference, subject) {
                    Ok(value) => {
                        composed.extend_from_slice(value.expose());
                        self.add_part(value);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        unless_errors(errors, SecretValue::new(composed.as_slice()))
    }

    /// Renders a template with the secrets of its aliases, and with the inherited variables as
    /// `env`.
    ///
    /// # Errors
    /// Every reason why a secret is missing or, if there isn't one, the errors of the template.
    fn rendered_template(
        &mut self,
        template: &Template,
        aliases: &'a TemplateInputs,
        subject: &Subject,
    ) -> ResolvedAll<SecretValue> {
        let (mut inputs, mut errors) = (BTreeMap::new(), Vec::new());
        for (alias, reference) in aliases {
            let input = self.document(reference, subject).and_then(|document| {
                let input = Input::new(self.parsed(&reference.locator, document), document);
                input.ok_or_else(|| {
                    let text = format!("is binary, so the template can't use {alias}");
                    let why = Problem::configuration(text).code("not-text");
                    with_entry(why, Some(reference), subject).into()
                })
            });
            match input {
                Ok(input) => inputs.extend([(alias.clone(), input)]),
                Err(error) => errors.push(error),
            }
        }
        let mut inputs = unless_errors(errors, inputs)?;
        for text in looked_up_texts(template, &inputs) {
            self.add_part(text);
        }
        inputs.insert(ENV.to_owned(), Input::variables(&self.plan.inherited));
        let rendering = Rendering {
            template,
            inputs: &inputs,
            references: aliases,
            plan: self.plan,
            subject,
        };
        rendering.render()
    }
}

/// Returns the absence of a value that is null. The text is the predicate of a sentence about the
/// secret.
fn null_value(selector: &Selector) -> Unresolved {
    let text = match selector {
        Selector::Whole | Selector::Path(_) => format!("has only null at {selector}"),
        Selector::Key(_) => {
            let key = selector.shown().map(|key| format!(" {key:?}"));
            let key = key.unwrap_or_default();
            format!("has the key{key}, but its value is null")
        }
    };
    Unresolved::Absent(Problem::configuration(text).code("null").help(NULL_HELP))
}

/// Decodes a value from base64, for `decode`.
///
/// # Errors
/// If the value isn't base64. The error doesn't have the entry yet.
fn decode(value: &SecretValue) -> Result<SecretValue, Problem> {
    value.base64_decoded().ok_or_else(|| {
        Problem::configuration("the value isn't base64, which \"decode\" expects")
            .code("not-base64")
            .help("remove \"decode\", or store the value as base64")
    })
}

/// Checks a value against the `pattern` of its entry, after the value is decoded and before it is
/// encoded.
///
/// # Errors
/// If the value doesn't match, or isn't text. The error has the pattern, but neither the value nor
/// the entry.
fn check_pattern(pattern: &Regex, value: &SecretValue) -> Result<(), Problem> {
    let text = pattern.as_str().trim_end_matches(['g', 'i', 'm']);
    let is_delimited = text.len() > 1 && text.starts_with('/') && text.ends_with('/');
    let help = match str::from_utf8(value.expose()) {
        Ok(text) if pattern.is_match(text) => return Ok(()),
        Ok(text) if pattern.is_match(text.trim_end()) => {
            "remove the newline or the spaces at the end of the value"
        }
        Ok(_) if is_delimited => "leave out the slashes around the pattern; (?i) ignores case",
        Ok(_) => "store the right value, or correct the pattern",
        Err(_) => "remove \"pattern\", because the value is binary, and only text can match",
    };
    let text = format!("the value {}", pattern_mismatch(pattern.as_str()));
    let problem = Problem::configuration(text).code("does-not-match");
    Err(problem.help(help))
}

/// Adds the entry to a problem with a value, and the secret, if the value comes from only one. The
/// headline doesn't name the secret, because its subject is the value.
fn about_value(mut problem: Problem, entry: &Planned, impact: Impact) -> Problem {
    let mut subject = entry.subject.clone();
    if let PlannedSource::Value(ValueSource::Secret(reference)) = &entry.source {
        let mut about = About::new(&reference.locator.revealed());
        about.before = None;
        problem.about = Some(about);
        subject = subject.revealed_by(reference);
    }
    problem.for_entry(subject, impact)
}

/// Returns the hint for a KEY that looks like a version: AWS itself writes `NAME:3` for version 3
/// of a parameter, and a stage is often written after one colon. The result is `None` for any other
/// KEY, and if the reference must not be shown.
fn version_hint(SecretRef { locator, selector }: &SecretRef, subject: &Subject) -> Option<String> {
    let key = selector.to_string();
    let (what, fields) = match locator.store {
        Store::SecretsManager if AWS_STAGES.contains(&key.as_str()) => {
            ("the stage", format!(":{key}"))
        }
        Store::ParameterStore if key.parse::<u64>().is_ok_and(|version| version > 0) => {
            ("version", format!("::{key}"))
        }
        Store::SecretsManager | Store::ParameterStore => return None,
    };
    let write = subject.rewritten_with_fields(&key, &fields)?;
    Some(format!("for {what} {key}, write {write}"))
}
