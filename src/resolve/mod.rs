//! Resolves a plan with the documents that were fetched. The output is an outcome for each entry,
//! so one report can have every error. An error never contains the value of a secret.
//!
//! - [`resolve`] is pure: it sends no request, reads no file, and keeps no state. It goes through
//!   the entries in the order of precedence, so each variable and each path is set only once
//!   (`model::entry::Claims`). If the target of an entry is already set, the entry is overridden,
//!   and neither its value nor its failure matters.
//! - [`ParsedAnswers`] reads the value of one entry, and [`transformed`] decodes, checks and
//!   encodes it.
//! - `extract` finds a value in JSON, and `env_from` makes variables from an object's keys.
//! - `printed` applies the filters of a template.
//! - `suggestions` finds the name that was probably meant.
//! - `findings` finds what is probably a mistake, although the entry could be resolved.

mod env_from;
mod extract;
mod findings;
mod printed;
mod suggestions;

pub use findings::inherited_warning;
pub use suggestions::suggest_names;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::replace;
use std::os::unix::ffi::OsStrExt;

use regex_lite::Regex;
use serde::de::IgnoredAny;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::model::answer::{Answers, SecretValue};
use crate::model::entry::template::{Filter, Printing};
use crate::model::entry::{Claims, Holder, OnMissing, Operand, Part, Source, Subject};
use crate::model::environment::Inherited;
use crate::model::fault::MOST_SUGGESTIONS;
use crate::model::message::{Cause, Circumstances, Finding, Problem, Remark, Syntax};
use crate::model::outcome::{EntryOutcome, Lack, Made, Outcome, Outcomes};
use crate::model::plan::{Plan, Planned, PlannedObject};
use crate::model::reference::{Locator, SecretRef, Selector};
use crate::model::shown::{pattern_mismatch, shown};
use env_from::Member;
use extract::{
    Json, ParsedDocument, Resolved, ResolvedAll, Unresolved, Wanted, find_value, text_of,
};
use findings::{add_findings, literal_text};
use printed::{Found, Printed};

/// Goes through the entries of a plan and collects their outcomes.
///
/// If an `optional` entry is absent, an entry of an earlier layer can set its variable or file
/// instead. An entry that fails or is unread still overrides earlier layers: a value that the user
/// replaced must not come back just because its replacement is broken.
struct Walk<'a> {
    answers: ParsedAnswers<'a>,
    claims: Claims<'a>,
    outcomes: Outcomes,
}

/// Resolves every entry of a plan from the answers in `fetched`.
///
/// An entry is unread if `fetched` lacks an answer that it needs. But if something else that the
/// entry needs is absent or fails, that decides the outcome. Messages about failed requests mention
/// `circumstances`, such as the default region.
pub fn resolve(plan: &Plan, fetched: &Answers, circumstances: &Circumstances) -> Outcomes {
    resolve_with(plan, fetched, circumstances, Some(&plan.inherited))
}

/// Resolves only entries that need neither a secret nor a variable, such as literals. Inherited
/// variables aren't used, because they may have different values where the command will be started.
pub fn resolve_offline(plan: &Plan) -> Outcomes {
    resolve_with(plan, &Answers::new(), &Circumstances::default(), None)
}

/// If `inherited` is `None`, templates with `{{ env.NAME }}` are unread.
fn resolve_with(
    plan: &Plan,
    fetched: &Answers,
    circumstances: &Circumstances,
    inherited: Option<&Inherited>,
) -> Outcomes {
    let mut walk = Walk {
        answers: ParsedAnswers {
            plan,
            fetched,
            circumstances,
            inherited,
            parsed_documents: BTreeMap::new(),
            suggestions: 0,
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
    // Now that all entries are resolved, note for each absent entry which other entry sets its
    // target.
    for outcome in &mut walk.outcomes.list {
        if let Outcome::Absent(earlier) = &mut outcome.result
            && let Some(Holder::Entry(holder)) =
                walk.claims.holder(&outcome.target, &outcome.subject.origin)
        {
            *earlier = Some(holder);
        }
    }
    add_findings(plan, fetched, &mut walk.outcomes);
    walk.outcomes
}

impl<'a> Walk<'a> {
    fn add_outcomes(&mut self, entry: &'a Planned) {
        let answers = &mut self.answers;
        let subject = &entry.subject;
        if let Some(holder) = self.claims.holder(&entry.target, &subject.origin) {
            return self.add(entry, Outcome::Overridden(holder));
        }

        let read = match &entry.source {
            Source::Literal(text) => Ok(SecretValue::new(text.as_str()).into()),
            Source::Default(text, name) => {
                let made = Made {
                    empty_variable: Some(name.clone()),
                    ..SecretValue::new(text.as_str()).into()
                };
                return self.add(entry, Outcome::Default(made));
            }
            Source::Reference(reference) => answers
                .wanted(reference, entry)
                .and_then(|wanted| answers.selected_value(&wanted))
                .map(Made::from)
                .map_err(|reason| vec![reason]),
            Source::Composed(parts) => answers.composed_value(parts, entry),
            Source::Object(object) => return self.add_object_outcomes(entry, object),
        };
        let result = match read.and_then(|made| transformed(made, entry)) {
            Ok(made) => Outcome::Value(made),
            Err(reasons) => answers.outcome_without_value(entry, reasons),
        };
        self.add(entry, result);
    }

    /// Adds the outcomes of an object's keys, and then the outcome of the `env-from` entry itself.
    /// A key has an outcome if it sets a variable, is overridden or is missing.
    fn add_object_outcomes(&mut self, entry: &'a Planned, object: &'a PlannedObject) {
        let answers = &mut self.answers;
        let read = answers
            .wanted(&object.reference, entry)
            .and_then(|wanted| Ok((wanted, answers.members(object, &wanted)?)));
        let (wanted, members) = match read {
            Ok(read) => read,
            Err(reason) => {
                let result = self.answers.outcome_without_value(entry, vec![reason]);
                return self.add(entry, result);
            }
        };

        let warnings = env_from::warnings(&members, object);
        let absence = env_from::no_variable_problem(&members, object);
        let missing = env_from::missing_key_problems(&members, object);
        // Missing keys are numbered after those that the object has.
        let first_number = members.len() + 1;
        let (mut outcomes, faults) = env_from::key_outcomes(members, entry, object, &self.claims);
        let mut errors = Vec::new();
        let has_all_keys = missing.is_empty();
        for (number, (key, reason)) in (first_number..).zip(missing) {
            let problem = Unresolved::Absent(reason).of(&wanted).problem();
            let Ok(name) = object.naming.variable_name(key) else {
                errors.extend(problem);
                continue;
            };
            let result = Outcome::Failed(problem.into_iter().collect());
            outcomes.push(EntryOutcome::of_key(entry, number, key, name, result));
        }
        for fault in faults {
            errors.extend(Unresolved::Failed(fault).of(&wanted).problem());
        }
        let result = if !errors.is_empty() {
            Outcome::Failed(errors)
        } else if has_all_keys && let Some(problem) = absence {
            let reasons = vec![Unresolved::Absent(problem).of(&wanted)];
            self.answers.outcome_without_value(entry, reasons)
        } else {
            Outcome::Keys
        };
        for outcome in outcomes {
            self.push(outcome);
        }
        self.add(entry, result);
        if let Some(outcome) = self.outcomes.list.last_mut() {
            let note = "a key isn't what it seems";
            outcome.add(warnings.into_iter().map(|text| Finding::new(note, text)));
        }
    }

    fn add(&mut self, entry: &Planned, result: Outcome) {
        self.push(EntryOutcome::new(entry, result));
    }

    /// Adds an outcome. Unless the entry is overridden or absent, the entries that are resolved
    /// after it can no longer set its variable or file.
    fn push(&mut self, mut outcome: EntryOutcome) {
        if outcome.holds_target() {
            self.claims.add(&outcome.target, &outcome.subject);
        }
        outcome.is_inherited = outcome
            .target
            .variable()
            .is_some_and(|name| self.answers.plan.retained.get(name.as_str()).is_some());
        self.outcomes.list.push(outcome);
    }
}

/// The backend's answers, and the documents parsed as JSON so far.
struct ParsedAnswers<'a> {
    plan: &'a Plan,
    fetched: &'a Answers,
    circumstances: &'a Circumstances,
    /// The variables that templates can use. If it is `None`, templates with `{{ env.NAME }}` are
    /// unread.
    inherited: Option<&'a Inherited>,
    parsed_documents: BTreeMap<&'a Locator, ParsedDocument>,
    /// The number of errors so far that were allowed to suggest a similar key. Only
    /// [`MOST_SUGGESTIONS`] errors may.
    suggestions: usize,
}

impl<'a> ParsedAnswers<'a> {
    /// Finds the value that a reference selects. A null is treated as absent.
    fn selected_value(&mut self, wanted: &Wanted<'a>) -> Resolved<SecretValue> {
        let selector = &wanted.reference.selector;
        if *selector == Selector::Whole {
            return Ok(SecretValue::new(wanted.document.body.expose()));
        }
        let value = self.find_value(wanted)?;
        text_of(value).ok_or_else(|| {
            let problem = null_problem(selector)
                .help("store a value, or give the entry a \"default\" in a declaration");
            Unresolved::Absent(problem).of(wanted)
        })
    }

    /// Finds the JSON value that a reference selects. Each document is parsed only once.
    fn find_value(&mut self, wanted: &Wanted<'a>) -> Resolved<&Value> {
        let parsed = self
            .parsed_documents
            .entry(&wanted.reference.locator)
            .or_insert_with(|| Json::parse(wanted.document.body.expose()));
        find_value(parsed, wanted).map_err(|fault| {
            if wanted.gets_suggestion {
                self.suggestions += 1;
            }
            fault.of(wanted)
        })
    }

    fn members(
        &mut self,
        object: &'a PlannedObject,
        wanted: &Wanted<'a>,
    ) -> Resolved<Vec<Member<'_>>> {
        let selector = &wanted.reference.selector;
        let value = self.find_value(wanted)?;
        let members = if value.is_null() && *selector != Selector::Whole {
            Err(Unresolved::Absent(null_problem(selector)))
        } else {
            env_from::object_members(value, object, wanted).map_err(Unresolved::Failed)
        };
        members.map_err(|fault| fault.of(wanted))
    }

    /// Decides the outcome of an entry without a value. If one of the `reasons` is a failure, the
    /// entry fails. Otherwise, if one of the reasons is an absence, the entry uses its `default`,
    /// is absent if it is `optional`, or fails. With neither a failure nor an absence, it is
    /// unread.
    fn outcome_without_value(&self, entry: &Planned, reasons: Vec<Unresolved>) -> Outcome {
        let mut has_absence = false;
        let mut failed = Vec::new();
        for reason in reasons {
            match reason {
                Unresolved::Unread => {}
                // With `default` or `optional`, absences aren't reported, even if the entry fails
                // for a different reason.
                Unresolved::Absent(_) if entry.on_missing != OnMissing::Fail => has_absence = true,
                Unresolved::Absent(reason) | Unresolved::Failed(reason) => failed.push(reason),
            }
        }
        if !failed.is_empty() {
            return Outcome::Failed(failed);
        }
        match &entry.on_missing {
            OnMissing::Optional if has_absence => Outcome::Absent(None),
            OnMissing::Default(text) if has_absence => {
                Outcome::Default(SecretValue::new(text.as_str()).into())
            }
            OnMissing::Fail | OnMissing::Optional | OnMissing::Default(_) => Outcome::Unread,
        }
    }

    /// The document that a reference needs, or the reason why there isn't one.
    fn wanted(&self, reference: &'a SecretRef, entry: &'a Planned) -> Resolved<Wanted<'a>> {
        let subject = &entry.subject;
        match self.fetched.get(&reference.locator) {
            None => Err(Unresolved::Unread),
            Some(Ok(document)) => Ok(Wanted {
                reference,
                document,
                subject,
                circumstances: self.circumstances,
                gets_suggestion: entry.on_missing == OnMissing::Fail
                    && self.suggestions < MOST_SUGGESTIONS,
            }),
            Some(Err(failure)) => {
                let problem = failure.problem(reference, subject, self.circumstances);
                let is_absent = matches!(failure.cause(), Cause::Absent(_));
                Err(if is_absent {
                    Unresolved::Absent(problem)
                } else {
                    Unresolved::Failed(problem)
                })
            }
        }
    }

    /// Builds the value of a text with lookups, such as `{{ db.user }}:{{ db.password }}`. The
    /// `parts` of the result have every value that a lookup reads from a secret, both before and
    /// after the filters. The remarks are about the individual lookups.
    fn composed_value(&mut self, parts: &'a [Part], entry: &'a Planned) -> ResolvedAll<Made> {
        let subject = &entry.subject;
        // To find out whether the template is JSON, replace each lookup with a number. JSON allows
        // a number wherever it allows a value.
        let literal = literal_text(parts).replace('\0', "1");
        let is_json = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(&literal).is_ok();
        let mut quotes = 0;
        // The position in `literal` at which the current part begins.
        let mut at = 0;
        let mut composed = Zeroizing::new(Vec::new());
        let mut made = Made::default();
        let mut errors = Vec::new();
        let mut failed = BTreeSet::new();
        for part in parts {
            let (operand, printing) = match part {
                Part::Text(text) => {
                    composed.extend_from_slice(text.as_bytes());
                    at += text.len();
                    let unescaped = text.replace("\\\\", "").replace("\\\"", "");
                    quotes += unescaped.matches('"').count();
                    continue;
                }
                Part::Lookup(operand, printing) => (operand, printing),
            };
            let around = (&literal[..at], &literal[at + 1..]);
            let syntax = match (is_json, quotes % 2) {
                (false, _) => Syntax::Text,
                (true, 0) => Syntax::JsonValue,
                (true, _) => Syntax::JsonString,
            };
            at += 1;
            let found = self.looked_up(operand, printing, entry);
            let is_default = matches!(found, Ok(Found::Default(_)));
            let printed =
                found.and_then(|found| Ok(Printed::new(found, printing, around, syntax, entry)?));
            match printed {
                Ok(printed) => {
                    composed.extend_from_slice(printed.value.expose());
                    let is_blank =
                        entry.pattern.is_none() && printed.remarks.iter().any(Remark::is_blank);
                    made.lookups.push(Lack {
                        is_blank,
                        is_default,
                    });
                    for remark in printed.remarks {
                        // A value's trailing line feed is normal at the end of a file, but not if
                        // more text follows.
                        let is_inside = remark == Remark::Ends('\n') && !around.1.trim().is_empty();
                        if is_inside || remark.applies_to(&entry.target) {
                            let lookups = made.remarks.entry(remark).or_default();
                            if !lookups.contains(&printing.written) {
                                lookups.push(printing.written.clone());
                            }
                        }
                    }
                    if let Some(read) = printed.read {
                        made.parts.extend([read, printed.value]);
                    }
                }
                // A repeated lookup fails with the same error, which is reported only once.
                Err(reason) if failed.insert(&printing.written) => errors.push(reason),
                Err(_) => {}
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // If an inherited variable is a single reference, the remarks are about its whole value, so
        // they name no lookup.
        if parts.len() == 1 && subject.written.is_none() {
            made.remarks.values_mut().for_each(Vec::clear);
        }
        made.value = SecretValue::new(composed.as_slice());
        Ok(made)
    }

    /// Finds the value of a lookup. If it is absent, falls back to the text of the filter
    /// `default`.
    fn looked_up(
        &mut self,
        operand: &'a Operand,
        printing: &'a Printing,
        entry: &'a Planned,
    ) -> Resolved<Found> {
        let subject = &entry.subject;
        let read = match operand {
            Operand::Variable(name) => self.inherited_value(name, subject).map(Found::Variable),
            Operand::Secret(reference) => self.wanted(reference, entry).and_then(|mut wanted| {
                wanted.gets_suggestion &= printing.default.is_none();
                self.selected_value(&wanted).map(|value| {
                    let is_json =
                        printing.filters.first() == Some(&Filter::ToJson) && self.is_json(&wanted);
                    Found::Secret { value, is_json }
                })
            }),
        };
        if let Err(Unresolved::Absent(_)) = read
            && let Some(default) = &printing.default
        {
            return Ok(Found::Default(SecretValue::new(default.as_str())));
        }
        read
    }

    /// Finds the inherited variable for `{{ env.NAME }}` in a template.
    fn inherited_value(&self, name: &str, subject: &Subject) -> Resolved<SecretValue> {
        let inherited = self.inherited.ok_or(Unresolved::Unread)?;
        if let Some(value) = inherited.get(name) {
            return Ok(SecretValue::new(value.as_bytes()));
        }
        let shown_name = shown(name);
        let text =
            format!("the template uses env.{shown_name}, but the variable {shown_name} isn't set");
        let help = if self.plan.declares(name) {
            "declare its secret, secrets: { ALIAS: SECRET }, and write {{ ALIAS.KEY }}, or put its text into the template".to_owned()
        } else {
            format!(
                "set and export {shown_name}, or write {{{{ env.{shown_name} | default('…') }}}}"
            )
        };
        let problem = Problem::configuration(text)
            .code("key-not-found")
            .help(help)
            .for_entry(subject.clone());
        Err(Unresolved::Absent(problem))
    }

    /// True for a value that the filter `tojson` leaves as it is: an object or an array, or a
    /// number, `true` or `false` that isn't the whole secret.
    fn is_json(&mut self, wanted: &Wanted<'a>) -> bool {
        let is_whole = wanted.reference.selector == Selector::Whole;
        self.find_value(wanted).is_ok_and(|value| match value {
            Value::Object(_) | Value::Array(_) => true,
            Value::Number(_) | Value::Bool(_) => !is_whole,
            Value::String(_) | Value::Null => false,
        })
    }
}

/// Decodes a value, checks it against the pattern and encodes it, as its entry asks. The remarks
/// are about the decoded value. A value that matches a pattern gets none.
fn transformed(mut made: Made, entry: &Planned) -> ResolvedAll<Made> {
    let failed = |problem| vec![about_value(problem, entry).into()];
    if entry.transform.decode {
        made.value = decode(&made.value).map_err(failed)?;
    }

    if let Some(pattern) = &entry.pattern {
        check_pattern(pattern, &made.value).map_err(failed)?;
        made.remarks.clear();
    } else {
        add_remarks(&mut made, entry);
    }

    if entry.transform.encode {
        let encoded = made.value.base64_encoded();
        made.parts.push(replace(&mut made.value, encoded));
    }
    Ok(made)
}

/// Adds the remarks on a whole value, such as the one on a trailing line feed.
///
/// - A literal or a default gets none, because the user wrote it.
/// - A template's lookups already have remarks of their own, so the whole text is only checked for
///   broken PEM, and for a line feed at the end of its last text.
/// - A value that will be encoded gets a remark only if it is blank, because the user probably
///   wants every character in it.
fn add_remarks(made: &mut Made, entry: &Planned) {
    for found in Remark::about(made.value.expose(), &entry.target) {
        let remark = match &entry.source {
            Source::Literal(_) | Source::Default(..) | Source::Object(_) => continue,
            Source::Reference(_) => found,
            Source::Composed(_) if matches!(found, Remark::BrokenPem { .. }) => found,
            Source::Composed(parts) => match parts.last() {
                Some(Part::Text(text)) if !text.is_empty() && found == Remark::Ends('\n') => {
                    Remark::TemplateLineFeed
                }
                _ => continue,
            },
        };
        let is_judged = !entry.transform.encode || remark.is_blank();
        if is_judged && remark.applies_to(&entry.target) {
            made.remarks.entry(remark).or_default();
        }
    }
}

/// The error for a null, which is treated as if the value didn't exist.
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

fn decode(value: &SecretValue) -> Result<SecretValue, Problem> {
    value.base64_decoded().ok_or_else(|| {
        Problem::configuration("the value isn't base64, which \"decode\" expects")
            .code("not-base64")
            .help("remove \"decode\", or store the value as base64")
    })
}

fn check_pattern(pattern: &Regex, value: &SecretValue) -> Result<(), Problem> {
    if str::from_utf8(value.expose()).is_ok_and(|text| pattern.is_match(text)) {
        return Ok(());
    }
    let text = format!("the value {}", pattern_mismatch(pattern.as_str()));
    let problem = Problem::configuration(text).code("does-not-match");
    Err(problem.help("store the right value, or correct the pattern"))
}

/// Adds the entry to a problem with the entry's value. If the value comes from a single reference,
/// also adds the secret.
fn about_value(mut problem: Problem, entry: &Planned) -> Problem {
    if let Source::Reference(reference) = &entry.source {
        // The message's headline is about the value, so the secret appears only in the lines below
        // it.
        problem = problem.in_secret(&reference.locator);
    }
    problem.for_entry(entry.subject.clone())
}
