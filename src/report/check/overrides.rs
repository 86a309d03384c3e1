//! The entries that have no effect, and the entries that override them.

use serde_json::{Value, json};

use super::row::{EntryProblems, shown};
use crate::model::entry::Subject;
use crate::model::plan::{OverriddenBy, Override, Plan};
use crate::model::resolved::Resolved;
use crate::report::record::Record;

/// Returns the entries without effect, the latest layer first, and then those that the keys of secrets decide.
pub fn overrides(plan: &Plan, resolved: &Resolved, problems: &EntryProblems<'_>) -> Vec<Override> {
    let in_layers = plan.layers.iter().flat_map(|layer| &layer.overridden);
    let mut overrides: Vec<Override> = in_layers.chain(&resolved.overridden).cloned().collect();
    for entry in &mut overrides {
        if let OverriddenBy::Entry(other) = &mut entry.by {
            *other = shown(other, problems).clone();
        }
    }
    overrides
}

/// Returns the object of `check --json`.
pub fn override_object(Override { subject, by, .. }: &Override) -> Value {
    let mut object = subject_object(subject);
    (object["reason"], object["by"]) = match by {
        OverriddenBy::Entry(other) => ("entry".into(), subject_object(other)),
        OverriddenBy::Kept(_) => ("kept".into(), Value::Null),
        OverriddenBy::Others => ("entries".into(), Value::Null),
    };
    object
}

fn subject_object(subject: &Subject) -> Value {
    json!({ "label": subject.label, "origin": subject.origin.to_string(), "reference": subject.reference() })
}

/// The lines of `--verbose`.
pub fn override_notes(overrides: &[Override]) -> Vec<Record> {
    let mut notes = Vec::new();
    for Override { subject, by, .. } in overrides {
        notes.push(Record::note(match by {
            OverriddenBy::Entry(other) => format!("{subject}: overridden by {other}"),
            OverriddenBy::Kept(name) => {
                format!("{subject}: not read, since {name} is already set (--keep-existing)")
            }
            OverriddenBy::Others => format!("{subject}: overridden by other entries"),
        }));
    }
    notes
}
