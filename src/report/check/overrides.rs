//! The entries that have no effect, and the entries that override them.

use crate::model::entry::{Claim, OnMissing, Subject};
use crate::model::env_name::EnvName;
use crate::model::plan::{Overridden, Plan};
use crate::model::resolved::Resolved;
use crate::report::line::Line;

/// An entry without effect.
#[derive(Debug)]
pub struct Override {
    pub subject: Subject,
    pub by: By,
}

/// The reason that an entry has no effect.
#[derive(Debug)]
pub enum By {
    /// This entry sets its variable or path.
    Entry(Subject),
    /// `--keep-existing` keeps the variable.
    Kept(String),
    /// Each variable that the object can give is set elsewhere, or is not named, since its key could be a value.
    Others,
}

/// Returns the entries without effect, the latest layer first.
pub fn overrides(plan: &Plan, resolved: &Resolved) -> Vec<Override> {
    let mut found = Vec::new();
    for layer in plan.layers() {
        let Overridden { entries, env_from } = &layer.overridden;
        found.extend(entries.iter().map(|entry| {
            let subject = entry.subject();
            Override { by: by(plan, resolved, &subject, &entry.target.claims()), subject }
        }));
        found.extend(env_from.iter().map(|entry| Override { subject: entry.subject(), by: By::Others }));
    }
    // What is known only after secrets were read.
    found.extend(resolved.overridden.iter().map(|subject| {
        let mut bindings = plan.layers().iter().flat_map(|layer| &layer.bindings);
        let claims = match bindings.find(|binding| binding.subject == *subject) {
            Some(binding) => binding.target.claims(),
            None => EnvName::parse(&subject.label).map(Claim::Variable).into_iter().collect(),
        };
        Override { by: by(plan, resolved, subject, &claims), subject: subject.clone() }
    }));
    found
}

/// Finds the entry that sets one of `claims` in place of `subject`, in the order in which layers take precedence.
fn by(plan: &Plan, resolved: &Resolved, subject: &Subject, claims: &[Claim]) -> By {
    let has_value = |other: &Subject| resolved.sources.iter().any(|(subject, _)| subject == other);
    for layer in plan.layers() {
        for binding in &layer.bindings {
            let is_set = binding.on_missing != OnMissing::Omit || has_value(&binding.subject);
            let is_other = binding.subject != *subject && !resolved.overridden.contains(&binding.subject);
            if is_set && is_other && binding.target.claims().iter().any(|claim| claims.contains(claim)) {
                return By::Entry(binding.subject.clone());
            }
        }
        let is_of_layer = |other: &Subject| {
            let same = |object: &Subject| object.origin == other.origin && object.written == other.written;
            layer.env_from.iter().any(|object| same(&object.subject))
        };
        let set = resolved.variables.iter().filter(|variable| is_of_layer(&variable.subject));
        let mut set = set.filter(|variable| claims.contains(&Claim::Variable(variable.name.clone())));
        if let Some(variable) = set.find(|variable| variable.subject != *subject) {
            return By::Entry(variable.subject.clone());
        }
    }
    let kept = claims.iter().filter_map(Claim::variable).find(|name| plan.keeps(name));
    kept.map_or(By::Others, |name| By::Kept(name.to_owned()))
}

/// The lines of `--verbose`.
pub fn override_notes(overrides: &[Override]) -> Vec<Line> {
    let text = |Override { subject, by }: &Override| match by {
        By::Entry(other) => format!("{subject}: overridden by {other}"),
        By::Kept(name) => format!("{subject}: not read, since {name} is already set (--keep-existing)"),
        By::Others => format!("{subject}: overridden by other entries"),
    };
    overrides.iter().map(text).map(Line::note).collect()
}
