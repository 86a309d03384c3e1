//! Resolves a plan with the fetched documents. Each entry gets an outcome, so that one report has every error.
//!
//! One pass, from the latest layer to the earliest: a target that a later layer has set is passed over, so neither its value nor its
//! failure counts. Nothing is requested here.

mod encoding;
mod env_from;
mod extract;
mod template;
mod value;
mod walk;

pub use walk::resolve;

use crate::model::answer::{FetchError, Fetched, Missing};
use crate::model::outcome::{Fate, Outcomes};
use crate::model::plan::{EntryId, Plan, PlannedSource};
use crate::model::problem::Problem;
use crate::model::suggest::{self, MOST_SUGGESTIONS};

use template::find_unknown_name;

/// Looks for templates that name a filter, test or function that does not exist, by rendering them without values. Returns outcomes in
/// which these templates fail and nothing else is read; `None` if it finds no such template.
pub fn unknown_template_names(plan: &Plan) -> Option<Outcomes> {
    let mut outcomes = Outcomes::unread(plan);
    for (entry, outcome) in plan.entries.iter().zip(&mut outcomes.list) {
        if let PlannedSource::Value(source) = &entry.source
            && let Some(problem) = find_unknown_name(source, &entry.subject)
        {
            outcome.fate = Fate::Failed(vec![problem]);
        }
    }
    (!outcomes.problems().is_empty()).then_some(outcomes)
}

/// Adds the most similar alias to each absence of a secret for which the backend has found no similar id, up to the usual number.
pub fn suggest_aliases(fetched: &mut Fetched, plan: &Plan) {
    let absences = fetched.iter_mut().filter_map(|(locator, answer)| {
        let error = &mut answer.as_mut().err()?.error;
        let FetchError::NotFound {
            missing: Missing::Secret,
            nearest: nearest @ None,
        } = error
        else {
            return None;
        };
        Some((locator.written_id(), nearest))
    });
    for (id, nearest) in absences.take(MOST_SUGGESTIONS) {
        let aliases = plan.aliases.keys().map(String::as_str);
        *nearest = suggest::nearest(&id, aliases).map(str::to_owned);
    }
}

/// Returns an error for each reference that `answers` has a failure for, of covered targets, too, with the id of its entry.
pub fn failed_references(plan: &Plan, answers: &Fetched) -> Vec<(EntryId, Problem)> {
    let mut errors = Vec::new();
    for (entry, reference) in plan.references() {
        if let Some(Err(failure)) = answers.get(&reference.locator) {
            let problem = failure.problem(reference, &entry.subject, &plan.aliases);
            errors.push((entry.id, problem));
        }
    }
    errors
}
