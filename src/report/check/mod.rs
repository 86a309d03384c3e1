//! The output of `check`: one document, which `--json` prints as it is, and tables for people.
//!
//! docs/check.md describes the fields, and the states and codes that both print.

mod findings;
mod overrides;
mod row;
mod secret_row;
mod table;

pub use findings::{CheckedCaller, CheckedCommand, Findings};
pub use overrides::{override_note, override_object};
pub use row::{CheckDepth, CheckedValues, by_outcome};
pub use secret_row::SecretRow;
pub use table::text;

use crate::model::answer::DescribedSecret;
use crate::model::plan::Plan;
use crate::model::suggest::{self, MOST_SUGGESTIONS};
use crate::report::record::Record;

/// Returns a warning for each reference whose secret is similar to an alias and is none. Only a request tells that no secret has such a
/// name.
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
                "{subject} reads a secret named \"{name}\", because there is no such alias; did you mean the alias \"{nearest}\"?"
            );
            warnings.push(Record::warning(text));
        }
    }
    warnings
}

/// Returns a warning for each failed request. A denial is in the table alone, since a launch may read such a secret.
pub fn description_warnings(secrets: &[DescribedSecret]) -> Vec<Record> {
    let mut records = Vec::new();
    for secret in secrets.iter().filter(|secret| !secret.is_denied()) {
        let DescribedSecret {
            id,
            region,
            description: Err(error),
            ..
        } = secret
        else {
            continue;
        };
        let why = error.text();
        records.push(Record::warning(format!(
            "the secret \"{id}\" in {region} could not be described: {why}"
        )));
    }
    records
}
