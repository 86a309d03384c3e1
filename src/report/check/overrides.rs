//! The entries that have no effect, and the entries that override them.

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::model::entry::{Claim, OnMissing, Subject};
use crate::model::env_name::EnvName;
use crate::model::plan::{EntryId, Overridden, Plan};
use crate::model::resolved::{Resolved, UnusedEntry};
use crate::report::record::Record;

/// An entry without effect.
#[derive(Debug)]
pub struct Override {
    pub entry: EntryId,
    pub subject: Subject,
    by: By,
}

/// The reason that an entry has no effect.
#[derive(Debug)]
enum By {
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
        found.extend(entries.iter().map(|(id, entry)| {
            let by = by(plan, resolved, *id, &entry.target.claims());
            Override { entry: *id, subject: entry.subject(), by }
        }));
        let covered = env_from.iter();
        found.extend(covered.map(|(id, object)| Override { entry: *id, subject: object.subject(), by: By::Others }));
    }
    // Overrides that only the keys of secrets decide.
    found.extend(resolved.overridden.iter().map(|UnusedEntry { entry, subject }| {
        let mut bindings = plan.layers().iter().flat_map(|layer| &layer.bindings);
        let claims = match bindings.find(|binding| binding.id == *entry) {
            Some(binding) => binding.target.claims(),
            None => EnvName::parse(&subject.label).map(Claim::Variable).into_iter().collect(),
        };
        Override { entry: *entry, by: by(plan, resolved, *entry, &claims), subject: subject.clone() }
    }));
    found
}

/// Finds the entry that sets one of `claims` in place of `id`, in the order in which layers take precedence.
fn by(plan: &Plan, resolved: &Resolved, id: EntryId, claims: &[Claim]) -> By {
    let has_value = |id: EntryId| resolved.entries.iter().any(|resolved| resolved.entry == id);
    let is_overridden = |id: EntryId| resolved.overridden.iter().any(|unused| unused.entry == id);
    for layer in plan.layers() {
        for binding in &layer.bindings {
            let is_set = binding.on_missing != OnMissing::Omit || has_value(binding.id);
            let is_other = binding.id != id && !is_overridden(binding.id);
            if is_set && is_other && binding.target.claims().iter().any(|claim| claims.contains(claim)) {
                return By::Entry(binding.subject.clone());
            }
        }
        let is_of_layer = |id: EntryId| layer.env_from.iter().any(|object| object.id == id);
        let mut set = resolved.variables.iter().filter(|variable| variable.entry != id && is_of_layer(variable.entry));
        if let Some(variable) = set.find(|variable| claims.contains(&Claim::Variable(variable.name.clone()))) {
            return By::Entry(variable.subject.clone());
        }
    }
    let kept = claims.iter().filter_map(Claim::variable).find(|name| plan.keeps(name));
    kept.map_or(By::Others, |name| By::Kept(name.to_owned()))
}

impl Override {
    /// The variable that `--keep-existing` keeps.
    pub fn kept(&self) -> Option<&str> {
        match &self.by {
            By::Kept(name) => Some(name),
            By::Entry(_) | By::Others => None,
        }
    }
}

impl Serialize for Override {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |subject: &Subject| json!({ "label": subject.label, "origin": subject.origin.to_string(), "reference": subject.reference() });
        let (reason, by) = match &self.by {
            By::Entry(other) => ("entry", Some(entry(other))),
            By::Kept(_) => ("kept", None),
            By::Others => ("entries", None),
        };
        let mut fields = entry(&self.subject);
        fields["reason"] = reason.into();
        fields["by"] = by.into();
        fields.serialize(serializer)
    }
}

/// The lines of `--verbose`.
pub fn override_notes(overrides: &[Override]) -> Vec<Record> {
    let text = |Override { subject, by, .. }: &Override| match by {
        By::Entry(other) => format!("{subject}: overridden by {other}"),
        By::Kept(name) => format!("{subject}: not read, since {name} is already set (--keep-existing)"),
        By::Others => format!("{subject}: overridden by other entries"),
    };
    overrides.iter().map(text).map(Record::note).collect()
}
