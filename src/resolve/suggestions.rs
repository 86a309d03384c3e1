//! Suggests the name of an existing secret or alias for a secret that doesn't exist.

use crate::model::answer::{Answers, Cause, Missing};
use crate::model::fault::{MOST_SUGGESTIONS, is_one_letter_away, nearest};
use crate::model::plan::Plan;

/// Adds a suggestion to the failures of at most [`MOST_SUGGESTIONS`] secrets that don't exist,
/// unless the backend has made one. The suggestion is the most similar alias, because an alias may
/// have been written where a secret's name belongs. If no alias is similar, the suggestion is an
/// existing secret of the plan, but only if a single letter differs, because secrets often have
/// similar names. A name that is an alias only in a later file gets a help that says so.
pub fn suggest_names(fetched: &mut Answers, plan: &Plan) {
    let mut existing = Vec::new();
    let mut absences = Vec::new();
    for (locator, answer) in fetched {
        match answer {
            Ok(_) => existing.push(locator.written_id()),
            Err(failure) if failure.error().cause() == Cause::Absent(Missing::Secret) => {
                absences.push((locator.written_id(), failure));
            }
            Err(_) => {}
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
            failure.change_error(|error| error.help(help));
        }
        if failure.has_suggestion() {
            continue;
        }
        let similar = nearest(
            &id,
            plan.aliases
                .keys()
                .map(String::as_str)
                // An alias with the name that the user has written would change nothing.
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
