//! Resolves a plan with the fetched documents: to a value for each target, or to every error at once.
//!
//! One pass, from the latest layer to the earliest: a target that a later layer has set is passed over, so neither its value nor its
//! failure counts. Nothing is requested here.

mod encoding;
mod env_from;
mod extract;
mod json;
mod layer_walk;
mod template;
mod value;

pub use layer_walk::Resolution;

use crate::model::answer::{FetchError, Fetched, Missing};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::suggest::{self, MOST_SUGGESTIONS};

use layer_walk::LayerWalk;
use template::find_unknown_name;

/// Resolves every variable, file and credential. One whose locator has no answer in `fetched` is in neither `resolved` nor `errors`.
pub fn resolve(plan: &Plan, fetched: &Fetched) -> Resolution {
    let mut walk = LayerWalk::new(plan, fetched);
    for layer in &plan.layers {
        walk.resolve_layer(layer);
    }
    walk.outcome
}

/// Returns an error for each template with a filter, test or function that does not exist, as far as a rendering without values shows;
/// `None` without any.
pub fn unknown_template_names(plan: &Plan) -> Option<Resolution> {
    let errors: Vec<_> = plan.bindings().filter_map(find_unknown_name).collect();
    (!errors.is_empty()).then(|| Resolution {
        errors,
        ..Resolution::default()
    })
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

/// Returns an error for each reference that `answers` has a failure for, of covered targets, too.
pub fn failed_references(plan: &Plan, answers: &Fetched) -> Vec<Problem> {
    let mut errors = Vec::new();
    for (_, subject, reference) in plan.references() {
        if let Some(Err(failure)) = answers.get(&reference.locator) {
            errors.push(failure.problem(reference, subject, &plan.aliases));
        }
    }
    errors
}
