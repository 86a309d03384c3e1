//! Suggests the name of an existing secret or alias for a secret that doesn't exist.

use crate::model::answer::Answers;
use crate::model::fault::{MOST_SUGGESTIONS, is_one_letter_away, nearest};
use crate::model::message::{Cause, Missing};
use crate::model::plan::Plan;

/// Suggests an existing name for the first [`MOST_SUGGESTIONS`] secrets that don't exist: the
/// backend's suggestion, the most similar alias, or another secret of this launch. The name of this
/// other secret may differ by only one letter, because secrets often have similar names. If the
/// missing name is an alias in a later file, adds help about the order of the files. If no region
/// is set, and an entry sets one for the command, adds help about this entry.
pub fn suggest_names(fetched: &mut Answers, plan: &Plan) {
    let mut existing = Vec::new();
    let mut absences = Vec::new();
    for (locator, answer) in fetched {
        let Err(failure) = answer else {
            existing.push(locator.written_id());
            continue;
        };
        let cause = failure.cause();
        if cause == Cause::Absent(Missing::Secret) {
            absences.push((locator.written_id(), failure));
        } else if cause == Cause::NoRegion
            && let Some(entry) = plan.entries.iter().find(|entry| {
                let names = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"];
                names.contains(&&*entry.subject.label)
            })
        {
            let place = &entry.subject.origin;
            *failure = failure.clone().help(format!(
                "{place} sets it only for the program: write defaults: {{ region: REGION }}"
            ));
        }
    }

    for (id, failure) in absences.into_iter().take(MOST_SUGGESTIONS) {
        if let Some(alias) = plan.aliases.get(&id)
            && alias.id != id
        {
            let help = format!(
                "{id:?} is an alias in {}, which comes later: put this file first",
                alias.place
            );
            *failure = failure.clone().help(help);
        }
        if failure.has_suggestion() {
            continue;
        }
        let similar = nearest(
            &id,
            plan.aliases
                .keys()
                .map(String::as_str)
                // Don't suggest the name that the user wrote.
                .filter(|alias| *alias != id),
        )
        .or_else(|| {
            existing
                .iter()
                .map(String::as_str)
                .find(|other| is_one_letter_away(&id, other))
        });
        failure.suggest(similar.map(Into::into));
    }
}
