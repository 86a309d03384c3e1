//! Resolves the entries of a plan, the latest layer first, so that each variable and each path is set once.

use std::collections::BTreeSet;

use super::env_from::{self, Members};
use super::extract::find;
use super::value::{ParsedAnswers, with_entry};
use crate::model::answer::{Document, Fetched};
use crate::model::claims::{Claims, Holder};
use crate::model::entry::{OnMissing, Subject};
use crate::model::outcome::{EntryOutcome, Fate, Outcomes};
use crate::model::plan::{ObjectSource, Plan, Planned, PlannedSource, ValueSource};
use crate::model::problem::Problem;
use crate::model::reference::Selector;
use crate::model::secret_value::SecretValue;

/// The walk over the entries of a plan, in the order of precedence.
///
/// An attempt at a value has one of three results. With a value, or with the `default` of an absent one, the entry holds its target. An
/// `optional` entry that is absent doesn't, so an entry of an earlier layer may set the target. An entry that fails holds its target as
/// well: an earlier entry must not replace a later one that is broken.
struct Walk<'a> {
    answers: ParsedAnswers<'a>,
    claims: Claims<'a>,
    outcomes: Vec<EntryOutcome>,
}

/// Resolves every variable, file and credential. An entry is unread if `fetched` doesn't have an answer for its locator.
pub fn resolve(plan: &Plan, fetched: &Fetched) -> Outcomes {
    let mut walk = Walk {
        answers: ParsedAnswers::new(plan, fetched),
        claims: Claims::new(&plan.kept),
        outcomes: Vec::new(),
    };

    for entry in &plan.entries {
        if let PlannedSource::Overridden(holder) = &entry.source {
            walk.add(entry, Fate::Overridden(holder.clone()));
        }
    }
    for layer in plan
        .entries
        .chunk_by(|one, next| one.id.layer == next.id.layer)
    {
        for entry in layer {
            if let PlannedSource::Value(source) = &entry.source {
                walk.resolve_value(entry, source);
            }
        }
        // Of two objects that give one variable the later one sets it.
        for entry in layer.iter().rev() {
            if let PlannedSource::Object(object) = &entry.source {
                walk.resolve_object(entry, object);
            }
        }
    }
    hide_references(&mut walk.outcomes);
    Outcomes {
        list: walk.outcomes,
        ..Outcomes::default()
    }
}

/// Hides the references of the entries whose problems don't show them, also where such an entry overrides another one.
fn hide_references(outcomes: &mut [EntryOutcome]) {
    let mut hidden = BTreeSet::new();
    for outcome in outcomes.iter_mut() {
        let Fate::Failed(problems) = &outcome.fate else {
            continue;
        };
        let mut entries = problems.iter().flat_map(|problem| &problem.entries);
        if entries.any(Subject::is_hidden) {
            outcome.subject = outcome.subject.hidden();
            hidden.insert(outcome.subject.clone());
        }
    }

    for outcome in outcomes {
        if let Fate::Overridden(Holder::Entry(other)) = &mut outcome.fate
            && hidden.contains(&other.hidden())
        {
            *other = other.hidden();
        }
    }
}

impl<'a> Walk<'a> {
    fn resolve_value(&mut self, entry: &'a Planned, source: &'a ValueSource) {
        let holder = self.claims.holder(&entry.target, &entry.subject.origin);
        let fate = match holder {
            Some(holder) => Fate::Overridden(holder),
            None => self.fate_of_value(entry, source),
        };
        if !matches!(fate, Fate::Absent | Fate::Overridden(_)) {
            self.claims.add(&entry.target, &entry.subject);
        }
        self.add(entry, fate);
    }

    /// Returns the fate of an entry whose target nothing else holds.
    fn fate_of_value(&mut self, entry: &'a Planned, source: &'a ValueSource) -> Fate {
        let (value, is_default) = match self.answers.attempt(entry, source) {
            Ok(value) => (value, false),
            Err(reasons) if reasons.is_empty() => return Fate::Unread,
            Err(mut reasons) => {
                let is_absent = reasons.iter().all(|reason| reason.is_absence);
                match &entry.on_missing {
                    OnMissing::Omit if is_absent => return Fate::Absent,
                    OnMissing::Default(text) if is_absent => {
                        (SecretValue::new(text.as_str()), true)
                    }
                    OnMissing::Fail => return Fate::Failed(reasons),
                    OnMissing::Omit | OnMissing::Default(_) => {
                        // An absence that is covered isn't reported, even if another error makes the entry fail.
                        reasons.retain(|reason| !reason.is_absence);
                        return Fate::Failed(reasons);
                    }
                }
            }
        };
        Fate::Value { value, is_default }
    }

    /// Adds an outcome for each key of an object that gives a variable, and then one for the object itself.
    fn resolve_object(&mut self, entry: &'a Planned, object: &'a ObjectSource) {
        let document = match self.answers.document(&object.reference, &entry.subject) {
            Ok(document) => document,
            Err(reasons) if reasons.is_empty() => return self.add(entry, Fate::Unread),
            Err(reasons) => return self.add(entry, Fate::Failed(reasons)),
        };

        let (keys, errors) = match members(&mut self.answers, object, document, &entry.subject) {
            Ok(members) => env_from::outcomes(members, entry, object, &self.claims),
            Err(error) => (Vec::new(), vec![error]),
        };
        let count = keys.len();
        for key in keys {
            self.claims.add(&key.target, &key.subject);
            self.outcomes.push(key);
        }
        if errors.is_empty() {
            return self.add(entry, Fate::Keys(count));
        }
        let mut named = Vec::new();
        for error in errors {
            let read = Some((&object.reference, document));
            named.push(with_entry(error, read, &entry.subject));
        }
        self.add(entry, Fate::Failed(named));
    }

    /// Adds the outcome of an entry.
    fn add(&mut self, entry: &Planned, fate: Fate) {
        self.outcomes.push(EntryOutcome::new(entry, fate));
    }
}

/// Returns the keys of an object, or the parameters below a path.
///
/// # Errors
/// A document without an object.
fn members<'m, 'a>(
    answers: &'m mut ParsedAnswers<'a>,
    object: &'a ObjectSource,
    document: &'m Document,
    subject: &Subject,
) -> Result<Members<'m>, Problem> {
    let reference = &object.reference;
    if reference.locator.is_path() {
        return Ok(env_from::parameters(document, object));
    }
    let parsed = answers.parse(&reference.locator, document);
    let rewrite = |key: &str| match &reference.selector {
        Selector::Whole => env_from::one_variable(subject),
        selector if !key.is_empty() => subject.write_field(&selector.to_string(), key),
        Selector::Key(_) | Selector::Path(_) => None,
    };
    env_from::keys(
        find(parsed, &reference.selector, &rewrite)?,
        object,
        subject,
    )
}
