//! Resolves a plan with the documents that were fetched.
//!
//! What goes in is the plan and the answers. What comes out is an outcome for each entry, so that
//! one report has every error. No request is sent here, and an error never contains the value of a
//! secret.
//!
//! - [`resolve`] goes through the entries in the order of precedence, so that each variable, each
//!   path and each systemd credential is set once (`model::entry::Claims`). If the target of an
//!   entry is set already, the entry is overridden, and neither its value nor its failure matters.
//! - `value` resolves one entry: a secret, a literal, text with references, or a template.
//! - `extract` takes a key or a path from JSON, and `env_from` takes all keys of an object.
//! - `template` renders templates.

mod env_from;
mod extract;
mod template;
mod value;

use crate::model::answer::{Answer, Cause, Document, Fetched, Missing, SecretValue};
use crate::model::entry::{Claims, OnMissing, Subject};
use crate::model::mistakes::{MOST_SUGGESTIONS, nearest, one_letter_away};
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes};
use crate::model::plan::{ObjectSource, Plan, Planned, PlannedSource, ValueSource};
use crate::model::reference::Selector;
use crate::model::shown::{StandIn, reads_like_a_name};
use env_from::Members;
use extract::{Resolved, Unresolved, find_value, with_entry};
use template::unknown_name_problem;
use value::ParsedAnswers;

/// The walk over the entries of a plan.
///
/// There are three cases for an entry. If it has a value, or is absent and has a `default`, it sets
/// its target. If it is absent and `optional`, an entry of an earlier layer can set the target. If
/// it fails, it still overrides the entries of earlier layers, because a value that the user has
/// replaced must not come back when its replacement is broken.
struct Walk<'a> {
    answers: ParsedAnswers<'a>,
    claims: Claims<'a>,
    outcomes: Outcomes,
}

/// Resolves every variable, file and systemd credential of a plan. If `fetched` doesn't have an
/// answer that an entry needs, the entry is unread.
pub fn resolve(plan: &Plan, fetched: &Fetched) -> Outcomes {
    let mut walk = Walk {
        answers: ParsedAnswers::new(plan, fetched),
        claims: Claims::new(&plan.kept_names),
        outcomes: Outcomes::default(),
    };

    for entry in &plan.entries {
        if let PlannedSource::Overridden(holder) = &entry.source {
            walk.add(entry, Outcome::Overridden(holder.clone()));
        }
    }

    let is_one_layer = |one: &Planned, next: &Planned| one.id.layer == next.id.layer;
    for layer in plan.entries.chunk_by(is_one_layer) {
        for entry in layer {
            if let PlannedSource::Value(source) = &entry.source {
                walk.resolve_value(entry, source);
            }
        }
        // If two objects set the same variable, the later one wins.
        for entry in layer.iter().rev() {
            if let PlannedSource::Object(object) = &entry.source {
                walk.resolve_object(entry, object);
            }
        }
    }

    for outcome in &mut walk.outcomes.list {
        reveal_existing(outcome, fetched);
    }
    walk.outcomes
}

/// Lets messages about an outcome show the names of the secrets that exist.
fn reveal_existing(outcome: &mut EntryOutcome, fetched: &Fetched) {
    for reference in &mut outcome.reads {
        let exists = |answer: &Answer| match answer {
            Ok(_) => true,
            Err(failure) => failure.proves_existence(reference.locator.store),
        };
        if fetched.get(&reference.locator).is_some_and(exists) {
            outcome.subject.reveal_if(|| reference.may_be_revealed());
            reference.locator.stand_in = StandIn::default();
        }
    }
}

impl<'a> Walk<'a> {
    /// Resolves an entry with a single value, and adds its outcome. Unless the entry is overridden
    /// or absent, it holds its target from now on.
    fn resolve_value(&mut self, entry: &'a Planned, source: &'a ValueSource) {
        let holder = self.claims.holder(&entry.target, &entry.subject.origin);
        let result = match holder {
            Some(holder) => Outcome::Overridden(holder),
            None => match self.answers.resolve_value(entry, source) {
                Ok(value) => Outcome::Value(value),
                Err(reasons) => outcome_without_value(entry, reasons),
            },
        };
        if !matches!(result, Outcome::Absent | Outcome::Overridden(_)) {
            self.claims.add(&entry.target, &entry.subject);
        }
        self.add(entry, result);
    }

    /// Resolves an object of `env-from`. Adds an outcome for each key that sets a variable, and
    /// then one for the object itself. If the object wasn't read, only the object gets an outcome.
    fn resolve_object(&mut self, entry: &'a Planned, object: &'a ObjectSource) {
        let document = match self.answers.document(&object.reference, &entry.subject) {
            Ok(document) => document,
            Err(reason) => return self.add(entry, outcome_without_value(entry, vec![reason])),
        };

        let subject = &entry.subject.revealed_by(&object.reference);
        let (keys, errors) = match members(&mut self.answers, object, document, subject) {
            Ok(members) => {
                for text in env_from::warnings(&members, object) {
                    self.outcomes.warnings.push((subject.clone(), text));
                }
                env_from::key_outcomes(members, entry, object, &self.claims)
            }
            Err(Unresolved::Absent(_)) if entry.on_missing == OnMissing::Omit => {
                return self.add(entry, Outcome::Absent);
            }
            Err(Unresolved::Absent(why) | Unresolved::Failed(why)) => (Vec::new(), vec![why]),
            Err(Unresolved::Unread) => return self.add(entry, Outcome::Unread),
        };
        let count = keys.len();
        for key in keys {
            self.claims.add(&key.target, &key.subject);
            self.outcomes.list.push(key);
        }
        if errors.is_empty() {
            return self.add(entry, Outcome::Keys(count));
        }

        let named = |error| with_entry(error, Some(&object.reference), subject);
        let errors = errors.into_iter().map(named).collect();
        self.add(entry, Outcome::Failed(errors));
    }

    /// Adds the outcome of an entry.
    fn add(&mut self, entry: &Planned, result: Outcome) {
        let mut outcome = EntryOutcome::new(entry, result);
        outcome.parts = std::mem::take(&mut self.answers.parts);
        self.outcomes.list.push(outcome);
    }
}

/// Returns the outcome of an entry without a value. If the value is absent and nothing else is
/// wrong, `default` or `optional` applies. The entry is unread if a request is missing and nothing
/// else is wrong.
fn outcome_without_value(entry: &Planned, reasons: Vec<Unresolved>) -> Outcome {
    let (mut has_absence, mut problems) = (false, Vec::new());
    for reason in reasons {
        match reason {
            Unresolved::Unread => {}
            // If the entry provides for an absence, the absence isn't reported even if another
            // error makes the entry fail.
            Unresolved::Absent(_) if entry.on_missing != OnMissing::Fail => has_absence = true,
            Unresolved::Absent(problem) | Unresolved::Failed(problem) => problems.push(problem),
        }
    }
    match &entry.on_missing {
        _ if !problems.is_empty() => Outcome::Failed(problems),
        OnMissing::Omit if has_absence => Outcome::Absent,
        OnMissing::Default(text) if has_absence => Outcome::Default(SecretValue::new(text.clone())),
        OnMissing::Fail | OnMissing::Omit | OnMissing::Default(_) => Outcome::Unread,
    }
}

/// Returns the keys of an object, or the parameters below a path.
///
/// # Errors
/// If the document isn't JSON, or doesn't have an object where the reference says.
fn members<'m, 'a>(
    answers: &'m mut ParsedAnswers<'a>,
    object: &'a ObjectSource,
    document: &'m Document,
    subject: &Subject,
) -> Resolved<Members<'m>> {
    let reference = &object.reference;
    if reference.locator.is_path() {
        return Ok(env_from::path_members(document, object));
    }
    let parsed = answers.parsed(&reference.locator, document);
    let rewrite = |key: &str| match &reference.selector {
        Selector::Whole => env_from::whole_value_as_variable(subject),
        selector if !key.is_empty() => subject.rewritten_with_fields(&selector.to_string(), key),
        Selector::Key(_) | Selector::Path(_) => None,
    };
    let value = find_value(document, parsed, &reference.selector, &rewrite)?;
    Ok(env_from::object_members(value, object, subject)?)
}

/// Looks for templates with a filter, test or function that doesn't exist, before any secret is
/// read. To find such a name, each template is rendered with placeholders. Returns outcomes in
/// which these templates have failed and all other entries are unread. Returns `None` if there are
/// no such templates.
pub fn invalid_template_outcomes(plan: &Plan) -> Option<Outcomes> {
    let mut outcomes = None;
    for (index, entry) in plan.entries.iter().enumerate() {
        if let PlannedSource::Value(source) = &entry.source
            && let Some(problem) = unknown_name_problem(source, &entry.subject)
        {
            let outcomes = outcomes.get_or_insert_with(|| Outcomes::unread(plan));
            outcomes.list[index].result = Outcome::Failed(vec![problem]);
        }
    }
    outcomes
}

/// Adds a suggestion to the failure of each secret that doesn't exist: the most similar alias, or
/// another secret of the plan that exists and whose name differs by one letter. Keeps a suggestion
/// of the backend. Only the first failures get one ([`MOST_SUGGESTIONS`]).
pub fn suggest_aliases(fetched: &mut Fetched, plan: &Plan) {
    let existing = fetched.iter().filter(|(_, answer)| answer.is_ok());
    let existing: Vec<String> = existing.map(|(locator, _)| locator.written_id()).collect();
    let absences = fetched.iter_mut().filter_map(|(locator, answer)| {
        let failure = answer.as_mut().err()?;
        let is_absent = failure.error.cause == Cause::Absent(Missing::Secret);
        (is_absent && failure.nearest.is_none())
            .then(|| (locator.written_id(), &mut failure.nearest))
    });
    for (id, similar) in absences.take(MOST_SUGGESTIONS) {
        // `db.password`
        let parts = id.split_once('.').filter(|_| reads_like_a_name(&id));
        let of_alias = parts.filter(|(alias, _)| plan.aliases.contains_key(*alias));
        // An alias of the same name doesn't apply to this entry.
        let aliases = plan.aliases.keys().filter(|alias| **alias != id);
        *similar = nearest(&id, aliases.map(String::as_str))
            .or_else(|| one_letter_away(&id, existing.iter().map(String::as_str)))
            .map(str::to_owned)
            .or_else(|| of_alias.map(|(alias, key)| format!("{alias}:{key}")))
            .map(Box::from);
    }
}
