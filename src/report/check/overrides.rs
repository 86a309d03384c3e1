//! Entries that another entry, or a variable that is already set, overrides.

use serde_json::{Value, json};

use crate::model::claims::Holder;
use crate::model::entry::Subject;
use crate::model::outcome::EntryOutcome;
use crate::report::record::Record;

/// Returns an item of `overridden` in `check --json`.
pub fn override_object(outcome: &EntryOutcome, holder: &Holder) -> Value {
    let mut object = subject_object(&outcome.subject);
    (object["reason"], object["by"]) = match holder {
        Holder::Entry(other) => ("entry".into(), subject_object(other)),
        Holder::Kept(_) => ("kept".into(), Value::Null),
        Holder::Several => ("entries".into(), Value::Null),
    };
    object
}

/// Returns the JSON object that identifies an entry.
fn subject_object(subject: &Subject) -> Value {
    json!({ "label": subject.label, "origin": subject.origin.to_string(), "reference": subject.reference() })
}

/// Returns the note of `--verbose` about an entry that is overridden.
pub fn override_note(outcome: &EntryOutcome, holder: &Holder) -> Record {
    let subject = &outcome.subject;
    Record::note(match holder {
        Holder::Entry(other) => format!("{subject} is overridden by {other}"),
        Holder::Kept(name) => {
            format!("{subject} is not read, because {name} is already set (--keep-existing)")
        }
        Holder::Several => format!(
            "{subject} is not read, because all of its variables get their values elsewhere"
        ),
    })
}
