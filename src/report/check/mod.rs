//! The output of `check`: one document, which `--json` prints as it is and which `table` turns into tables for people.
//!
//! docs/check.md describes the fields, and the statuses and codes that both forms show. The document never contains a value.

mod findings;
mod row;
mod secret_row;
mod table;

pub use findings::{CheckedCommand, Findings};
pub use row::{CheckDepth, CheckedValues, by_outcome, override_note, override_object};
pub use secret_row::SecretRow;
pub use table::tables;

use crate::model::plan::Plan;
use crate::model::suggest::{self, MOST_SUGGESTIONS};
use crate::report::record::Record;

/// Returns a warning for each reference whose secret isn't an alias, but is similar to one. The name may still be that of a secret, which only a
/// request could tell. Only the first names are compared with the aliases ([`MOST_SUGGESTIONS`]).
pub fn alias_warnings(plan: &Plan) -> Vec<Record> {
    let mut warnings = Vec::new();
    let mut looked_up = 0;
    for (entry, _) in plan.references() {
        let subject = &entry.subject;
        let Some(name) = subject
            .reference()
            .and_then(|written| written.split(':').next())
        else {
            continue;
        };
        // An alias doesn't contain a slash.
        if ["ssm", "arn"].contains(&name) || name.contains('/') || plan.aliases.contains_key(name) {
            continue;
        }

        looked_up += 1;
        if looked_up > MOST_SUGGESTIONS {
            break;
        }
        if let Some(nearest) = suggest::nearest(name, plan.aliases.keys().map(String::as_str)) {
            let text = format!(
                "{subject} reads a secret named \"{name}\", because no alias has this name; did you mean the alias \"{nearest}\"?"
            );
            warnings.push(Record::warning(text));
        }
    }
    warnings
}
