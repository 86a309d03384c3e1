//! Resolves a plan with the documents that were fetched.
//!
//! What goes in is the plan and the answers. What comes out is an outcome for each entry, so that
//! one report has every error. No request is sent here, and an error never contains the value of a
//! secret.
//!
//! - `walk` goes through the entries in the order of precedence. If the target of an entry is set
//!   already, the entry is overridden, and neither its value nor its failure matters.
//! - `value` resolves one entry: a secret, a literal, text with references, or a template.
//! - `extract` takes a key or a path from JSON, and `env_from` takes all keys of an object.
//! - `template` renders templates.

mod env_from;
mod extract;
mod template;
mod value;
mod walk;

pub use walk::resolve;

use crate::model::answer::{Cause, Fetched, Missing};
use crate::model::outcome::{Fate, Outcomes};
use crate::model::plan::{Plan, PlannedSource};
use crate::model::suggest::{self, MOST_SUGGESTIONS};

use template::find_unknown_name;

/// Looks for templates with a filter, test or function that doesn't exist, before any secret is
/// read. To find such a name, each template is rendered with placeholders. Returns outcomes in
/// which these templates have failed and all other entries are unread. Returns `None` if there are
/// no such templates.
pub fn invalid_template_outcomes(plan: &Plan) -> Option<Outcomes> {
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

/// Adds a suggestion to the failure of each secret that doesn't exist: the most similar alias.
/// Keeps a suggestion of the backend. Only the first failures get one ([`MOST_SUGGESTIONS`]).
pub fn suggest_aliases(fetched: &mut Fetched, plan: &Plan) {
    let absences = fetched.iter_mut().filter_map(|(locator, answer)| {
        let failure = answer.as_mut().err()?;
        let is_absent = failure.error.cause == Cause::Absent(Missing::Secret);
        (is_absent && failure.nearest.is_none())
            .then(|| (locator.written_id(), &mut failure.nearest))
    });
    for (id, nearest) in absences.take(MOST_SUGGESTIONS) {
        // An alias of the same name doesn't apply to this entry.
        let aliases = plan.aliases.keys().filter(|alias| **alias != id);
        *nearest = suggest::nearest(&id, aliases.map(String::as_str)).map(Box::from);
    }
}
