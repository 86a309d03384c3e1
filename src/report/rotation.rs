//! The records about polls: what has changed, and why the values can't be read or used.

use std::time::SystemTime;

use super::record::{Label, Record, counted};

/// A secret that has changed, and the variables and files whose values differ because of it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The name of the secret in messages, for example `the secret "prod/db"`.
    pub name: &'a str,
    /// The id as references spell it.
    pub id: &'a str,
    /// The version that was read before. It is `None` if the secret was not read, such as the
    /// secret of an optional entry that did not exist.
    pub old_version: Option<&'a str>,
    /// The version that was read now. It is `None` if the secret is not read any more.
    pub new_version: Option<&'a str>,
    /// The labels of the variables and files.
    pub names: Vec<String>,
}

/// The largest number of names in a line of text. JSON has all names.
const MOST_NAMES: usize = 5;

/// Returns the note about a secret that has changed.
pub fn changed(change: &Change<'_>) -> Record {
    let versions = match (change.old_version, change.new_version) {
        (Some(old), Some(new)) if old == new => format!("has a new value in version {new}"),
        (Some(old), Some(new)) => format!("changed from version {old} to version {new}"),
        (None, Some(new)) => format!("exists now, with version {new}"),
        (Some(old), None) => format!("no longer exists; its version was {old}"),
        (None, None) => "changed".to_owned(),
    };

    let names_text = if change.names.is_empty() {
        String::new()
    } else {
        format!(", which changes {}", some_of(&change.names))
    };
    Record::note(format!("{} {versions}{names_text}", change.name))
        .event("changed")
        .with("secret", change.id)
        .with_some("old_version", change.old_version)
        .with_some("new_version", change.new_version)
        .with("variables", change.names.clone())
        .detail()
}

/// Returns the warning that lines of the log were dropped, because nobody read them.
pub fn lines_dropped(count: usize) -> Record {
    let lines = counted(count, "line was", "lines were");
    Record::warning(format!(
        "{lines} dropped here, because nobody was reading standard error"
    ))
    .event("lines_dropped")
    .with("lines", count)
}

/// Returns the warning about a poll that failed: the first of `errors` with everything that belongs
/// to it, and the number of the others. `command` is in quotes. `since` is the time of the first of
/// several failed polls.
pub fn poll_failed(command: &str, since: Option<SystemTime>, errors: &[Record]) -> Record {
    let since_text = since.map(|since| humantime::format_rfc3339_seconds(since).to_string());
    let what = match &since_text {
        Some(since) => format!("polls have failed since {since}"),
        None => "a poll failed".to_owned(),
    };

    // A failed poll has at least one error.
    let first = errors.first().cloned().unwrap_or(Record::error(""));
    let mut message = format!("{what}, so {command} keeps its values: {}", first.message);
    if errors.len() > 1 {
        let others = errors.len() - 1;
        message += &format!(" (and {others} more; `secrets-exec check` shows them all)");
    }

    let details = match errors {
        [only] => only.details.clone(),
        _ => vec![(
            "errors",
            errors.iter().map(|error| error.message.as_str()).collect(),
        )],
    };
    Record {
        label: Label::Warning,
        event: "poll_failed",
        message,
        details,
        ..first
    }
    .with_some("since", since_text)
}

/// Lists the first names: `A, B and C`, or `A, B, C, D, E and 2 more`.
pub fn some_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [name] => name.clone(),
        [names @ .., last] if names.len() < MOST_NAMES => {
            format!("{} and {last}", names.join(", "))
        }
        _ => {
            let (shown, others) = names.split_at(MOST_NAMES);
            format!("{} and {} more", shown.join(", "), others.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_line_about_many_variables_names_the_first_and_counts_the_others() {
        assert_eq!(
            some_of(&texts(&["A", "B", "C", "D", "E", "F", "G"])),
            "A, B, C, D, E and 2 more"
        );
        assert_eq!(
            some_of(&texts(&["A", "B", "C", "D", "E"])),
            "A, B, C, D and E"
        );
    }

    #[test]
    fn a_failed_poll_prints_its_first_error_as_text_and_all_of_them_as_json() {
        let errors = [("one", "help"), ("two", "other"), ("three", "help")];
        let errors = errors.map(|(message, help)| Record::error(message).with_help(help));
        let warning = poll_failed("node", None, &errors);
        assert_eq!(warning.help.as_deref(), Some("help"));
        assert!(
            warning
                .message
                .ends_with(": one (and 2 more; `secrets-exec check` shows them all)"),
            "{warning:?}"
        );
        assert_eq!(
            warning.details,
            [("errors", vec!["one", "two", "three"].into())]
        );
    }
}
