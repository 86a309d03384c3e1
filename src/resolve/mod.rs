//! Resolves a plan with the fetched documents: to a value for each target, or to every error at once.
//!
//! One pass, from the latest layer to the earliest: a target that a later layer has set is passed over, so neither its value nor its failure
//! counts. Nothing is requested here.

mod attempt;
mod encoding;
mod env_from;
mod extract;
mod json;
mod layer_walk;
mod template;

pub use layer_walk::Resolution;

use crate::model::answer::Fetched;
use crate::model::plan::Plan;
use crate::model::problem::Problem;

use env_from::naming_errors;
use layer_walk::LayerWalk;

/// Resolves every target. One that names a locator without an answer in `fetched` is in neither `resolved` nor `errors`.
pub fn resolve(plan: &Plan, fetched: &Fetched) -> Resolution {
    let mut walk = LayerWalk::new(plan, fetched);
    for layer in &plan.layers {
        walk.resolve_layer(layer);
    }
    walk.outcome
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

/// Resolves what needs no document, literals above all, and returns every error that the declaration has by itself.
pub fn resolve_offline(plan: &Plan) -> Resolution {
    let mut outcome = resolve(plan, &Fetched::default());
    outcome.errors.extend(naming_errors(plan));
    outcome
}
