//! Warns if this launch uses an inherited variable, although an entry sets a variable of the same
//! name. What an entry sets is only for the command:
//!
//! ```text
//! env:
//!   STAGE: { value: eu }                 the command gets STAGE=eu, but
//!   DB_PASSWORD: "${STAGE}/db:password"  this reads prod/db, if secrets-exec inherits STAGE=prod
//! ```

use std::os::unix::ffi::OsStrExt;

use super::record::{Record, some_of};
use super::warnings::is_set;
use crate::model::entry::{Operand, Origin, Part, Source, Target};
use crate::model::outcome::{Outcome, Outcomes};
use crate::model::plan::{Plan, Planned, variable_help};
use crate::model::problem::grouped;
use crate::model::reference::variables_in;

/// The variables that choose where secrets-exec reads.
const SETTINGS: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"];

const REFERENCE: &str = "the reference for ";

/// An inherited variable that this launch uses.
struct Use<'a> {
    /// The beginning of the sentence about it, such as `the template for `. The label of the entry
    /// follows.
    user: &'static str,
    /// The entry that uses the variable. `None` for a setting of AWS.
    entry: Option<&'a Planned>,
    /// True for `env.NAME` in a template.
    is_lookup: bool,
    name: &'a str,
    /// The text after `:-`, which replaces a variable that isn't set or is empty.
    default: Option<&'a str>,
}

/// Makes a warning for each inherited variable that this launch uses, although an entry sets a
/// variable of this name to a different text. `is_used_setting` is true for a setting of AWS that
/// an inherited variable has decided. A setting gets a warning only if a literal differs from it.
pub fn namesake_warnings(
    outcomes: &Outcomes,
    plan: &Plan,
    is_used_setting: impl Fn(&str) -> bool,
) -> Vec<Record> {
    let mut uses = Vec::new();
    for entry in &plan.entries {
        uses.extend(uses_of(entry, plan));
    }
    for name in SETTINGS {
        if plan.literal(name).is_some()
            && is_used_setting(name)
            && plan
                .locators()
                .iter()
                .any(|locator| locator.region.is_none())
        {
            uses.push(Use {
                user: "secrets-exec",
                entry: None,
                is_lookup: false,
                name,
                default: None,
            });
        }
    }

    let mut found = Vec::new();
    for used in &uses {
        if let Some((predicate, help)) = conflict(used, outcomes, plan) {
            let label = match used.entry {
                Some(entry) => entry.subject.label.to_string(),
                None => String::new(),
            };
            found.push(((used.user, predicate, help), label));
        }
    }
    let mut records = Vec::new();
    for ((user, predicate, help), labels) in grouped(found) {
        let text = format!("{user}{} {predicate}", some_of(&labels));
        records.push(Record::warning(text).help(help));
    }
    records
}

/// Lists the variables that the template, the reference or the path of an entry uses.
fn uses_of<'a>(entry: &'a Planned, plan: &'a Plan) -> Vec<Use<'a>> {
    let mut uses = Vec::new();
    let mut texts = Vec::new();
    if let Source::Composed(parts) = &entry.source {
        for part in parts {
            let Part::Lookup(operand, printing) = part else {
                continue;
            };
            if let Operand::Variable(name) = operand {
                uses.push(Use {
                    user: "the template for ",
                    entry: Some(entry),
                    is_lookup: true,
                    name,
                    default: None,
                });
            }
            let alias = plan.aliases.get(printing.alias());
            texts.extend(alias.map(|alias| (REFERENCE, &*alias.id)));
        }
    } else if let Some(id) = plan.written_id(&entry.subject) {
        texts.push((REFERENCE, id));
    }
    if let Target::File(file) = &entry.target
        && let Some(path) = &file.path
    {
        texts.push(("the path for ", &*path.written));
    }
    for (user, text) in texts {
        for (name, default) in variables_in(text) {
            uses.push(Use {
                user,
                entry: Some(entry),
                is_lookup: false,
                name,
                default,
            });
        }
    }
    uses
}

/// The rest of the warning, such as `uses the inherited HOST, not the one that app.yaml:2 sets`, and
/// its help. `None` if no entry sets the variable to a different text, or if the entry that uses it
/// is overridden or has failed.
fn conflict(used: &Use<'_>, outcomes: &Outcomes, plan: &Plan) -> Option<(String, String)> {
    let Use {
        entry,
        is_lookup,
        name,
        default,
        ..
    } = *used;
    let setter = outcomes.list.iter().find(|outcome| {
        let variable = outcome.target.variable();
        // A reference or a path that uses a variable with an ARN is meant to use the ARN, and not
        // the value that --resolve-env reads.
        variable.is_some_and(|variable| variable.as_str() == name)
            && entry.is_none_or(|entry| entry.subject != outcome.subject)
            && (is_lookup || outcome.subject.origin != Origin::Inherited)
            && is_set(outcome)
    })?;
    if let Some(entry) = entry {
        let outcome = outcomes.list.iter().find(|other| other.id == entry.id)?;
        // The error of an entry that has failed says what is wrong.
        if matches!(outcome.result, Outcome::Overridden(_) | Outcome::Failed(_)) {
            return None;
        }
    }
    let text = match (plan.inherited.non_empty(name), default) {
        (Some(inherited), _) => inherited.as_bytes(),
        (None, default) => default.unwrap_or_default().as_bytes(),
    };
    if setter.variable().is_some_and(|set| set.value == text) {
        return None;
    }

    let mut predicate = format!("uses the inherited {name}");
    if default.is_some() {
        predicate += " or its default";
    }
    predicate += &format!(", not the one that {} sets", setter.subject.origin);
    let help = if is_lookup {
        variable_help(&setter.subject)
    } else {
        format!(
            "set {name} where secrets-exec is started, because an entry sets it only for the command"
        )
    };
    Some((predicate, help))
}
