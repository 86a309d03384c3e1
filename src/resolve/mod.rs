//! Resolves a plan with the documents that were fetched.
//!
//! The input is the plan and the answers. The output is an outcome for each entry, so that one
//! report has every error. An error never contains the value of a secret.
//!
//! [`resolve`] is pure: it sends no request, reads no file, and keeps no state.
//!
//! - [`resolve`] goes through the entries in the order of precedence, so that each variable, path
//!   and systemd credential is set once (`model::entry::Claims`). If the target of an entry is set
//!   already, the entry is overridden, and neither its value nor its failure matters.
//! - [`ParsedAnswers`] reads the value of one entry, and decodes, checks and encodes it.
//! - `extract` finds the value of a key or a path in JSON, and `env_from` makes variables from the
//!   keys of an object.
//! - `template` renders templates.

mod env_from;
mod extract;
mod template;
mod texts;

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Arc;

use regex_lite::Regex;
use zeroize::Zeroizing;

use crate::model::answer::{Answers, Cause, Document, Missing, Nearest, SecretValue};
use crate::model::entry::template::{ENV, Template};
use crate::model::entry::{Claims, OnMissing, Part, Source, Subject, Target, TemplateInputs};
use crate::model::environment::EnvName;
use crate::model::fault::{MOST_SUGGESTIONS, UTF8_HELP, is_mistyped, is_one_letter_away, nearest};
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes, Warning};
use crate::model::plan::{Plan, Planned, PlannedObject};
use crate::model::problem::{About, Impact, Problem};
use crate::model::reference::{Locator, SecretRef, Selector};
use crate::model::remark::{Remark, Remarks, is_utf16_text};
use crate::model::shown::pattern_mismatch;
use env_from::Members;
use extract::{
    Json, NULL_HELP, ParsedDocument, Resolved, ResolvedAll, Unresolved, find_value, keyless_hint,
    text_of, with_entry,
};
use template::{Rendering, input_of, looked_up_texts, unknown_name_problem};
use texts::text_warnings;

/// The walk over the entries of a plan.
///
/// There are three cases for an entry that isn't overridden. If it has a value, or is absent and
/// has a `default`, it sets its target. If it is absent and `optional`, an entry of an earlier
/// layer can set the target. If it is unread or fails, it still overrides the entries of earlier
/// layers, because a value that the user has replaced must not come back when its replacement is
/// broken.
struct Walk<'a> {
    answers: ParsedAnswers<'a>,
    claims: Claims<'a>,
    outcomes: Outcomes,
}

/// Resolves every entry of a plan. The latest layer comes first, and the first entry that claims a
/// target keeps it, so later layers override earlier ones. If `fetched` has no answer that an entry
/// needs, the entry is unread, unless something else that it needs is absent or fails.
pub fn resolve(plan: &Plan, fetched: &Answers) -> Outcomes {
    let mut walk = Walk {
        answers: ParsedAnswers {
            plan,
            fetched,
            parts: Vec::new(),
            remarks: Remarks::new(),
            parsed_documents: BTreeMap::new(),
        },
        claims: Claims::new(&plan.kept_names),
        outcomes: Outcomes::default(),
    };

    walk.outcomes
        .list
        .extend(plan.overridden.iter().map(EntryOutcome::overridden));

    for entry in &plan.entries {
        walk.add_outcomes(entry);
    }
    let warnings = text_warnings(plan, fetched, &walk.outcomes);
    walk.outcomes.warnings.extend(warnings);
    walk.outcomes
}

impl<'a> Walk<'a> {
    /// Resolves an entry unless it is overridden, and adds its outcome.
    fn add_outcomes(&mut self, entry: &'a Planned) {
        let answers = &mut self.answers;
        let subject = &entry.subject;
        if let Some(holder) = self.claims.holder(&entry.target, &subject.origin) {
            return self.add(entry, Outcome::Overridden(holder));
        }

        // The variable that names a secret is empty, so the entry gets its default or, without one,
        // is left out, whatever else it reads.
        if entry.source.empty_variable().is_some() {
            let result = match &entry.on_missing {
                OnMissing::Default(text) => Outcome::Default(SecretValue::new(text.as_str())),
                OnMissing::Fail | OnMissing::Optional => Outcome::Absent,
            };
            return self.add(entry, result);
        }

        let read = match &entry.source {
            Source::Literal(text) => Ok(SecretValue::new(text.as_str())),
            Source::Reference(reference) => answers
                .read_value(reference, subject)
                .map_err(|reason| vec![reason]),
            Source::Composed(items) => answers.composed_value(items, entry),
            Source::Template(template, inputs) => answers.rendered_value(template, inputs, entry),
            Source::Object(object) => return self.add_object_outcomes(entry, object),
        };
        let result = match read.and_then(|value| answers.transformed(value, entry)) {
            Ok(value) => Outcome::Value(value),
            Err(reasons) => self.outcome_without_value(reasons, entry),
        };
        self.add(entry, result);
    }

    /// Resolves an object of `env-from`. Adds an outcome for each key that sets a variable or is
    /// overridden, followed by one for the object itself, and warnings. Each key that sets a
    /// variable holds it from now on.
    fn add_object_outcomes(&mut self, entry: &'a Planned, object: &'a PlannedObject) {
        let members = match self.answers.members(object, &entry.subject) {
            Ok(members) => members,
            Err(reason) => {
                let result = self.outcome_without_value(vec![reason], entry);
                return self.add(entry, result);
            }
        };

        let texts = env_from::warnings(&members, object);
        let subject = &entry.subject;
        let named = |problem| with_entry(problem, Some(&object.reference), subject);
        let port_warning = env_from::port_warning(&members, object);
        let absence = env_from::no_variable_problem(&members, object);
        let missing = env_from::missing_key_problems(&members, object);
        let (outcomes, faults) = env_from::key_outcomes(members, entry, object, &self.claims);
        let mut errors = Vec::new();
        for problem in missing.into_iter().map(named) {
            let outage = self.answers.replica_failure(&problem, entry);
            errors.push(outage.unwrap_or(problem));
        }
        errors.extend(faults.into_iter().map(named));
        let result = match absence {
            _ if !errors.is_empty() => Outcome::Failed(errors),
            Some(problem) => {
                let reasons = vec![Unresolved::Absent(named(problem))];
                self.outcome_without_value(reasons, entry)
            }
            None => Outcome::Keys,
        };
        for outcome in outcomes {
            if let Some(text) = &port_warning
                && outcome
                    .variable()
                    .is_some_and(|variable| variable.name.as_str() == "PORT")
            {
                let warning = outcome.warning(text, "where servers listen");
                self.outcomes.warnings.push(warning);
            }
            // An overridden key has the target of the object, which doesn't claim anything.
            self.claims.add(&outcome.target, &outcome.subject);
            self.outcomes.list.push(outcome);
        }
        self.add(entry, result);
        if let Some(outcome) = self.outcomes.list.last() {
            for text in texts {
                let note = "a key isn't what it seems";
                self.outcomes.warnings.push(outcome.warning(text, note));
            }
        }
    }

    /// Decides the outcome of an entry without a value ([`outcome_without_value`]). If it isn't a
    /// failure, but probably due to a misspelled name, adds a warning.
    fn outcome_without_value(&mut self, reasons: Vec<Unresolved>, entry: &Planned) -> Outcome {
        let reasons = self.answers.without_replicas(reasons, entry);
        self.outcomes
            .warnings
            .extend(self.answers.misspelling_warning(&reasons, entry));
        outcome_without_value(entry, reasons)
    }

    /// Adds the outcome of an entry. Unless the entry is overridden or absent, it holds its target
    /// from now on. Moves `answers.parts` and `answers.remarks`, which belong to the value that was
    /// resolved last, into the outcome. This empties both fields, so that an entry that isn't
    /// resolved doesn't get the parts and remarks of an earlier entry. If the value looks
    /// misplaced, also adds a warning.
    fn add(&mut self, entry: &Planned, result: Outcome) {
        if !matches!(result, Outcome::Absent | Outcome::Overridden(_)) {
            self.claims.add(&entry.target, &entry.subject);
        }
        let mut outcome = EntryOutcome::new(entry, result);
        outcome.is_inherited = entry
            .target
            .variable()
            .is_some_and(|name| self.answers.plan.retained.get(name.as_str()).is_some());
        outcome.parts = take(&mut self.answers.parts);
        let mut remarks = take(&mut self.answers.remarks);
        if matches!(outcome.result, Outcome::Value(_)) && entry.pattern.is_none() {
            remarks.retain(|remark, _| remark.applies_to(&entry.target));
            outcome.remarks = remarks;
            if outcome.has_unencoded_part() {
                let text = "a value before the \"@\" of a URL has a character, such as / or @, that must be percent-encoded: write {{ ALIAS.KEY | urlencode }} in a template";
                let warning = outcome.warning(text, "not percent-encoded");
                self.outcomes.warnings.push(warning);
            }
            let warning = value_warning(entry, &outcome);
            self.outcomes.warnings.extend(warning);
        }
        self.outcomes.list.push(outcome);
    }
}

/// The warning about a variable whose value was read from a secret and probably isn't what the
/// program expects.
fn value_warning(entry: &Planned, outcome: &EntryOutcome) -> Option<Warning> {
    let Target::Env(name) = &entry.target else {
        return None;
    };
    let value = outcome.value()?;
    // An entry without a reference, such as a literal, doesn't read its value from a secret.
    let reference = *entry.source.references().first()?;
    let text = str::from_utf8(value.expose()).ok()?;
    let is_template = matches!(entry.source, Source::Template(..));
    let names_file = name.as_str().ends_with("_FILE") || name.as_str().starts_with("FILE__");
    // A short text may be anything, such as a flag.
    if names_file && text.len() >= 8 && !text.contains(['/', '.']) {
        let text = "the variable gets the value itself, not the path of a file: list the entry under \"files\", or use --as-file";
        return Some(outcome.warning(text, "the value itself, not the path of a file"));
    }
    if reference.selector != Selector::Whole || is_template {
        return None;
    }
    let text = whole_object_text(name, text, reference, &entry.subject)?;
    Some(outcome.warning(text, "the whole JSON object"))
}

/// The warning about a variable that gets a whole JSON object, although it was probably meant to
/// get the value of one key: the last word of the variable's name (`PASSWORD` in `DB_PASSWORD`) is
/// a key of the object, in capitals or small letters, and the value of this key is text or a
/// number. `None` for any other value.
fn whole_object_text(
    name: &EnvName,
    text: &str,
    reference: &SecretRef,
    subject: &Subject,
) -> Option<String> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let last_word = name.as_str().rsplit('_').next()?;
    let (key, _) = json.value().as_object()?.iter().find(|(key, value)| {
        (value.is_string() || value.is_number()) && key.eq_ignore_ascii_case(last_word)
    })?;

    let id = reference.locator.shown_id();
    let found = format!("{name} gets the whole JSON object of {id:?}");
    Some(
        match subject.rewritten(|written| written.selector = Selector::Key(key.clone())) {
            Some(write) => format!("{found}: for its key {key:?}, write {write}"),
            None => format!("{found}, which has a key {key:?}"),
        },
    )
}

/// Decides the outcome of an entry without a value. The entry has failed if one of the reasons is a
/// failure, or if one is an absence and the entry has neither `default` nor `optional`. Otherwise,
/// an absence makes the entry absent or gives it its default. If there is no absence, the entry is
/// unread.
fn outcome_without_value(entry: &Planned, reasons: Vec<Unresolved>) -> Outcome {
    let mut has_absence = false;
    let mut problems = Vec::new();
    for reason in reasons {
        match reason {
            Unresolved::Unread => {}
            // If the entry has `default` or `optional`, its absences aren't reported, even if the
            // entry fails for a different reason.
            Unresolved::Absent(_) if entry.on_missing != OnMissing::Fail => has_absence = true,
            Unresolved::Absent(problem) | Unresolved::Failed(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Outcome::Failed(problems);
    }
    match &entry.on_missing {
        OnMissing::Optional if has_absence => Outcome::Absent,
        OnMissing::Default(text) if has_absence => Outcome::Default(SecretValue::new(text.clone())),
        OnMissing::Fail | OnMissing::Optional | OnMissing::Default(_) => Outcome::Unread,
    }
}

/// The answers, and the documents that have been parsed as JSON so far.
struct ParsedAnswers<'a> {
    plan: &'a Plan,
    fetched: &'a Answers,
    /// The texts of secrets in the value that was resolved last, for
    /// [`EntryOutcome::parts`](crate::model::outcome::EntryOutcome::parts).
    parts: Vec<SecretValue>,
    /// The remarks on the value that was resolved last.
    remarks: Remarks,
    parsed_documents: BTreeMap<&'a Locator, ParsedDocument>,
}

impl<'a> ParsedAnswers<'a> {
    /// Decodes the value that was read, checks it against the pattern and encodes it. Each of these
    /// steps is optional, and the entry says which ones apply. Adds the remarks on the decoded
    /// value, and adds the decoded value to `parts` if it is encoded again.
    fn transformed(&mut self, read: SecretValue, entry: &Planned) -> ResolvedAll<SecretValue> {
        let failed = |problem, impact| vec![about_value(problem, entry, impact).into()];
        let decoded = if entry.transform.decode {
            // A value that can't be decoded is reported as missing, like a key in invalid JSON.
            decode(&read).map_err(|problem| failed(problem, Impact::Unread))?
        } else {
            read
        };

        if let Some(pattern) = &entry.pattern {
            check_pattern(pattern, &decoded)
                .map_err(|problem| failed(problem, Impact::Undelivered))?;
        }

        self.add_remarks(&decoded, entry);
        if !entry.transform.encode {
            return Ok(decoded);
        }
        let encoded = decoded.base64_encoded();
        self.parts.push(decoded);
        Ok(encoded)
    }

    /// Adds the remarks on a whole value. For a template, the texts that it inserts already have
    /// their remarks, so only the text around them is checked. If the value is encoded, a line feed
    /// at its end is there on purpose, so it gets no remark.
    fn add_remarks(&mut self, value: &SecretValue, entry: &Planned) {
        for remark in Remark::about(value.expose()) {
            let remark = match &entry.source {
                Source::Literal(_) | Source::Composed(_) | Source::Object(_) => continue,
                Source::Reference(_) => remark,
                Source::Template(template, _) => match remark {
                    Remark::Ends('\n') if template.text.ends_with('\n') => Remark::TemplateLineFeed,
                    Remark::UnfinishedKey => remark,
                    _ => continue,
                },
            };
            if !entry.transform.encode || matches!(remark, Remark::Empty | Remark::Blank) {
                self.remarks.entry(remark).or_default();
            }
        }
    }

    /// Reads the value that a reference selects.
    fn read_value(&mut self, reference: &'a SecretRef, subject: &Subject) -> Resolved<SecretValue> {
        let document = self.document(reference, subject)?;
        let selector = &reference.selector;
        if *selector == Selector::Whole {
            return Ok(SecretValue::new(document.body.expose()));
        }

        let parsed = self.parsed(&reference.locator, document);
        find_value(document, parsed, selector, &|key| {
            if key.is_empty() {
                return keyless_hint(reference, subject);
            }
            let selector = Selector::parse(key)?;
            subject.rewritten(|written| written.selector = selector)
        })
        .and_then(|value| {
            text_of(value).ok_or_else(|| Unresolved::Absent(null_problem(selector).help(NULL_HELP)))
        })
        .map_err(|reason| reason.with_entry(reference, subject))
    }

    /// Reads the keys of an object, or the parameters below a path.
    fn members(&mut self, object: &'a PlannedObject, subject: &Subject) -> Resolved<Members<'_>> {
        let reference = &object.reference;
        let document = self.document(reference, subject)?;
        if reference.locator.is_path() {
            return Ok(env_from::path_members(document, object));
        }

        // Returns what an error suggests instead of the reference: a reference to `key` or, if
        // `key` is empty, to the whole value.
        let rewrite = |key: &str| match &reference.selector {
            // Without a KEY to correct, the error suggests a variable with the whole value.
            Selector::Whole => env_from::whole_value_as_variable(subject),
            _ if !key.is_empty() => {
                let selector = Selector::parse(key)?;
                subject.rewritten(|written| written.selector = selector)
            }
            // The whole value isn't suggested: usually, the document isn't an object, so `env-from`
            // can't use it.
            Selector::Key(_) | Selector::Path(_) => None,
        };
        let parsed = self.parsed(&reference.locator, document);
        find_value(document, parsed, &reference.selector, &rewrite)
            .and_then(|value| {
                let selector = &reference.selector;
                if value.is_null() && *selector != Selector::Whole {
                    return Err(Unresolved::Absent(null_problem(selector)));
                }
                Ok(env_from::object_members(value, object, subject)?)
            })
            .map_err(|reason| reason.with_entry(reference, subject))
    }

    /// The document of a locator as JSON. Parses each document only once.
    fn parsed(&mut self, locator: &'a Locator, document: &Document) -> &ParsedDocument {
        self.parsed_documents
            .entry(locator)
            .or_insert_with(|| Json::parse(document.body.expose()).map(Arc::new))
    }

    /// Replaces each absence that was found in a replica with the outage of the region that should
    /// have answered. The replica may be out of date, so neither `default` nor `optional` applies
    /// to the result.
    fn without_replicas(&self, reasons: Vec<Unresolved>, entry: &Planned) -> Vec<Unresolved> {
        let mut judged = Vec::new();
        for reason in reasons {
            let replaced = match &reason {
                Unresolved::Absent(absence) => self.replica_failure(absence, entry),
                Unresolved::Unread | Unresolved::Failed(_) => None,
            };
            judged.push(replaced.map_or(reason, Unresolved::Failed));
        }
        judged
    }

    /// The outage of the secret's own region, for an absence that was found in a replica. `None` if
    /// the secret's own region has answered.
    fn replica_failure(&self, absence: &Problem, entry: &Planned) -> Option<Problem> {
        let locator = &absence.about.as_ref()?.locator;
        let reference = entry
            .source
            .references()
            .into_iter()
            .find(|read| read.locator == **locator)?;
        let Some(Ok(document)) = self.fetched.get(locator) else {
            return None;
        };
        let failure = document.own_failure()?;
        let replica = document.region.as_ref()?;
        let note = format!("the replica in {replica} {}", absence.text);
        Some(failure.problem(reference, &entry.subject).note(note))
    }

    /// The warning about an absence that `default` or `optional` covers, although the name that
    /// doesn't exist is probably misspelled. It has the help of the error.
    fn misspelling_warning(&self, reasons: &[Unresolved], entry: &Planned) -> Option<Warning> {
        let consequence = match entry.on_missing {
            OnMissing::Fail => return None,
            OnMissing::Optional => "an optional entry is left out",
            OnMissing::Default(_) => "a default is used",
        };
        for reason in reasons {
            if let Unresolved::Absent(problem) = reason
                && self.is_misspelled(problem, entry)
            {
                return Some(Warning {
                    id: entry.id,
                    subject: entry.subject.clone(),
                    text: format!("{consequence}, because {}", problem.full_headline()),
                    help: problem.help.clone(),
                    note: "although there is a similar name",
                });
            }
        }
        None
    }

    /// True for an absent key or secret whose help suggests a name that differs only by a
    /// [mistake](is_mistyped). A key isn't misspelled if the launch uses the suggested one, too.
    fn is_misspelled(&self, absence: &Problem, entry: &Planned) -> bool {
        let Some(about) = &absence.about else {
            return false;
        };
        let locator = &*about.locator;
        if let Some(missing) = &absence.missing_key {
            return missing.similar.as_ref().is_some_and(|similar| {
                is_mistyped(&missing.key, similar) && !self.uses_key(locator, similar)
            });
        }
        let Some(Err(failure)) = self.fetched.get(locator) else {
            return false;
        };
        entry.source.references().into_iter().any(|read| {
            read.locator == *locator
                && failure
                    .nearest_for(&read.selector)
                    .is_some_and(|nearest| is_mistyped(&locator.written_id(), &nearest.id))
        })
    }

    /// True if an entry uses a key of a secret, or may use it because it reads the whole secret or
    /// a path in it.
    fn uses_key(&self, locator: &Locator, key: &str) -> bool {
        self.plan.entries.iter().any(|entry| {
            if let Source::Template(template, inputs) = &entry.source {
                return inputs.iter().any(|(alias, read)| {
                    read.locator == *locator && template.lookups.contains(&format!("{alias}.{key}"))
                });
            }
            entry.source.references().into_iter().any(|read| {
                let is_other = matches!(&read.selector, Selector::Key(other) if other != key);
                read.locator == *locator && !is_other
            })
        })
    }

    /// The document of a reference, or the reason why the launch has no document for it.
    fn document(&self, reference: &SecretRef, subject: &Subject) -> Resolved<&'a Document> {
        match self.fetched.get(&reference.locator) {
            None => Err(Unresolved::Unread),
            Some(Ok(document)) => Ok(document),
            Some(Err(failure)) => {
                let problem = failure.problem(reference, subject);
                let is_absent = matches!(failure.error.cause, Cause::Absent(_));
                Err(if is_absent {
                    Unresolved::Absent(problem)
                } else {
                    Unresolved::Failed(problem)
                })
            }
        }
    }

    /// Composes a value that consists of text and of the values of references. Passes the value of
    /// each reference to `parts`, and adds the remarks on it.
    fn composed_value(&mut self, items: &'a [Part], entry: &Planned) -> ResolvedAll<SecretValue> {
        let mut composed = Zeroizing::new(Vec::new());
        let mut errors = Vec::new();
        for item in items {
            match item {
                Part::Text(text) => composed.extend_from_slice(text.as_bytes()),
                Part::Reference(reference) => match self.read_value(reference, &entry.subject) {
                    Ok(value) => {
                        composed.extend_from_slice(value.expose());
                        for remark in Remark::about(value.expose()) {
                            let parts = self.remarks.entry(remark).or_default();
                            // The only reference of a variable is its whole value.
                            if items.len() > 1 {
                                parts.push(reference.written());
                            }
                        }
                        self.parts.push(value);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(SecretValue::new(composed.as_slice()))
    }

    /// Renders a template with the secrets of its aliases, and with the inherited variables as
    /// `env`. Adds the texts of secrets that the template looks up to `parts`, and keeps the
    /// remarks on the texts that it prints. The template isn't rendered if one of its secrets can't
    /// be read or is malformed.
    fn rendered_value(
        &mut self,
        template: &Template,
        references: &'a TemplateInputs,
        entry: &Planned,
    ) -> ResolvedAll<SecretValue> {
        let subject = &entry.subject;
        let mut inputs = BTreeMap::new();
        let mut errors = Vec::new();
        for (alias, reference) in references {
            let input = self.document(reference, subject).and_then(|document| {
                let parsed = self.parsed(&reference.locator, document);
                input_of(parsed, document).ok_or_else(|| {
                    let problem = not_text_problem(document, alias);
                    with_entry(problem, Some(reference), subject).into()
                })
            });
            match input {
                Ok(input) => inputs.extend([(alias.as_str().into(), input)]),
                Err(reason) => errors.push(reason),
            }
        }
        self.parts.extend(looked_up_texts(template, &inputs));
        // The inherited variables are only added now, because a log needn't hide them.
        let variables = Json::from_variables(&self.plan.inherited);
        inputs.insert(ENV.into(), Arc::new(variables));

        let rendering = Rendering {
            template,
            inputs: &inputs,
            references,
            plan: self.plan,
            subject,
        };
        // A secret that isn't a JSON object is text. If a key is looked up in it, a `default` in
        // the template would hide the mistake.
        let malformed = rendering.non_object_problem(|input| input.value().is_string());
        errors.extend(malformed.map(Unresolved::from));
        if !errors.is_empty() {
            return Err(errors);
        }
        let (text, remarks) = rendering.render().map_err(|reason| vec![reason])?;
        self.remarks = remarks;
        Ok(text)
    }
}

/// The problem for a template that uses a secret whose value isn't UTF-8 text.
fn not_text_problem(document: &Document, alias: &str) -> Problem {
    let mut what = "binary";
    let mut help = "use encode: base64 or an entry in \"files\" instead of the template";
    if is_utf16_text(document.body.expose()) {
        what = "text in UTF-16";
        help = UTF8_HELP;
    }
    let text = format!("is {what}, so the template can't use {alias}");
    Problem::configuration(text).code("not-text").help(help)
}

/// The problem for a null, which is treated like a value that doesn't exist.
fn null_problem(selector: &Selector) -> Problem {
    let text = match selector {
        Selector::Whole | Selector::Path(_) => format!("has only null at {selector}"),
        Selector::Key(_) => {
            let shown_key = selector.shown();
            format!("has the key {shown_key:?}, but its value is null")
        }
    };
    Problem::configuration(text).code("null")
}

/// Decodes a value from base64, for `decode`.
fn decode(value: &SecretValue) -> Result<SecretValue, Problem> {
    value.base64_decoded().ok_or_else(|| {
        let text = if value.expose().iter().any(|byte| b"-_".contains(byte)) {
            "the value has - or _, as base64url does, but \"decode\" expects base64"
        } else {
            "the value isn't base64, which \"decode\" expects"
        };
        Problem::configuration(text)
            .code("not-base64")
            .help("remove \"decode\", or store the value as base64")
    })
}

/// Checks a value against the `pattern` of its entry.
fn check_pattern(pattern: &Regex, value: &SecretValue) -> Result<(), Problem> {
    let help = match str::from_utf8(value.expose()) {
        Ok(text) if pattern.is_match(text) => return Ok(()),
        Ok(text) if pattern.is_match(text.trim_end()) => {
            "remove the newline or the spaces at the end of the value"
        }
        Ok(_) => "store the right value, or correct the pattern",
        Err(_) => "remove \"pattern\", because the value is binary, and only text can match",
    };
    let text = format!("the value {}", pattern_mismatch(pattern.as_str()));
    let problem = Problem::configuration(text).code("does-not-match");
    Err(problem.help(help))
}

/// Adds the entry to a problem about the entry's value. If the value comes from a single reference,
/// also adds its secret, which is known to exist.
fn about_value(mut problem: Problem, entry: &Planned, impact: Impact) -> Problem {
    if let Source::Reference(reference) = &entry.source {
        let mut about = About::new(&reference.locator);
        // The subject of the headline is the value. `None` leaves the secret out of the headline.
        about.before = None;
        problem.about = Some(about);
    }
    problem.for_entry(entry.subject.clone(), impact)
}

/// Looks for templates with a filter, test or function that doesn't exist, before any secret is
/// read. Returns outcomes in which only these templates have failed and no entry has a value, or
/// `None` if there are none.
pub fn invalid_template_outcomes(plan: &Plan) -> Option<Outcomes> {
    let mut invalid = None;
    for (index, entry) in plan.entries.iter().enumerate() {
        if let Source::Template(template, inputs) = &entry.source
            && let Some(problem) = unknown_name_problem(template, inputs, &entry.subject)
        {
            let outcomes = invalid.get_or_insert_with(|| Outcomes::unread(plan));
            // The outcomes of the entries come first, in the same order.
            outcomes.list[index].result = Outcome::Failed(vec![problem]);
        }
    }
    invalid
}

/// Adds a suggestion to the failures of at most [`MOST_SUGGESTIONS`] secrets that don't exist,
/// unless the backend has made one. A name that is an alias only in a later file gets a hint. The
/// suggestion is the alias that is most similar, because an
/// alias may have been written where a secret's name belongs. Without one, it is an existing secret
/// of the plan, but only if a single letter differs: secrets often have similar names.
pub fn suggest_names(fetched: &mut Answers, plan: &Plan) {
    let mut existing = BTreeMap::new();
    let mut absences = Vec::new();
    for (locator, answer) in fetched {
        match answer {
            Ok(document) => {
                existing.insert(locator.written_id(), &*document);
            }
            Err(failure) if failure.error.cause == Cause::Absent(Missing::Secret) => {
                absences.push((locator.written_id(), failure));
            }
            Err(_) => {}
        }
    }

    for (id, failure) in absences.into_iter().take(MOST_SUGGESTIONS) {
        if let Some(alias) = plan.aliases.get(&id)
            && alias.id != id
        {
            failure.later_alias = Some(format!(
                "{id:?} is an alias in {}, which comes later: put this file first",
                alias.place
            ));
        }
        let similar = nearest(
            &id,
            plan.aliases
                .keys()
                .map(String::as_str)
                // An alias with the name that the user has written would change nothing.
                .filter(|alias| *alias != id),
        )
        .or_else(|| {
            existing
                .keys()
                .map(String::as_str)
                .find(|other| is_one_letter_away(&id, other))
        });
        if failure.nearest.is_none()
            && let Some(similar) = similar
        {
            let read_id = plan.aliases.get(similar).map_or(similar, |alias| &alias.id);
            failure.nearest = Some(Box::new(Nearest {
                id: similar.to_owned(),
                keys: existing.get(read_id).map(|document| document.body.keys()),
            }));
        }
    }
}
