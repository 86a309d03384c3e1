//! Resolves a plan with the fetched documents: to a value for each target, or to every error at once.

mod attempt;
mod encoding;
mod env_from;
mod extract;
mod json;
mod layer_walk;
mod template;

use std::collections::BTreeSet;

use crate::model::answer::Fetched;
use crate::model::entry::Subject;
use crate::model::plan::{EntryId, Plan};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, SecretRef};
use crate::model::resolved::Resolved;

use env_from::naming_errors;
use layer_walk::LayerWalk;

/// The result of one round of a resolution.
#[derive(Debug)]
pub enum Round<'a> {
    /// These locators must be fetched before the next call. That call may return more of them: when an optional entry
    /// turns out to be absent, the entry that it overrides is needed.
    Pending(BTreeSet<&'a Locator>),
    Done(Outcome),
}

/// The result of a resolution. Each target of the plan is in `resolved` or in `errors`.
#[derive(Debug, Default)]
pub struct Outcome {
    pub resolved: Resolved,
    pub errors: Vec<Problem>,
}

/// Resolves every target whose documents are fetched.
pub fn resolve<'a>(plan: &'a Plan, fetched: &'a Fetched) -> Round<'a> {
    let mut walk = LayerWalk::new(plan, fetched);
    plan.layers().iter().for_each(|layer| walk.resolve_layer(layer));
    if walk.wanted.is_empty() {
        Round::Done(Outcome { resolved: walk.resolved, errors: walk.errors })
    } else {
        Round::Pending(walk.wanted)
    }
}

/// Resolves what needs no document, literals above all, and returns every error that the declaration has by itself.
pub fn resolve_offline(plan: &Plan) -> Outcome {
    let fetched = Fetched::default();
    let mut walk = LayerWalk::new(plan, &fetched);
    plan.layers().iter().for_each(|layer| walk.resolve_layer(layer));
    let errors = walk.errors.into_iter().chain(naming_errors(plan)).collect();
    Outcome { resolved: walk.resolved, errors }
}

/// Fails every target with a reference that `answers` has an error for; nothing is resolved.
pub fn unsupported(plan: &Plan, answers: &Fetched) -> Outcome {
    let error = |(_, subject, reference): (EntryId, &Subject, &SecretRef)| {
        let failure = answers.get(&reference.locator)?.as_ref().err()?;
        Some(failure.problem(reference, subject, plan.aliases()))
    };
    Outcome { resolved: Resolved::default(), errors: plan.references().filter_map(error).collect() }
}
