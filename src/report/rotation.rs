//! Lines of a launch that polls: what has changed, and why the values cannot be read or used.

use super::line::{Label, Line, SUMMARY, list};

/// A secret with another version, and the variables and files with another value because of it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// For example `secret prod/db`.
    pub name: &'a str,
    /// As references name it.
    pub id: &'a str,
    /// `None` if it was not read before, as the secret of an optional entry.
    pub old_version: Option<&'a str>,
    /// `None` if it is not read any more.
    pub new_version: Option<&'a str>,
    pub names: Vec<String>,
}

/// The most names in a line of text. JSON has them all.
const MOST_NAMES: usize = 5;

/// Returns one line for each secret.
pub fn changed(changes: &[Change<'_>]) -> Vec<Line> {
    changes.iter().map(changed_secret).collect()
}

fn changed_secret(change: &Change<'_>) -> Line {
    let Change { name, id, old_version, new_version, names } = change;
    let versions = match (old_version, new_version) {
        (Some(old), Some(new)) => format!("has version {new} after {old}"),
        (None, Some(new)) => format!("has version {new}, and was not there before"),
        (Some(old), None) => format!("is not there any more; its version was {old}"),
        (None, None) => "changed".to_owned(),
    };
    let names_text = if names.is_empty() { String::new() } else { format!(": {}", some_of(names)) };
    Line::note(format!("{name} {versions}{names_text}"))
        .event("changed")
        .with("secret", *id)
        .with_some("old_version", *old_version)
        .with_some("new_version", *new_version)
        .with("variables", names.clone())
        .detail()
}

/// Returns the lines for the first of several polls that fail: a warning with the first error of `report`, its entries and the number of
/// the others, and the remedies.
pub fn poll_failed(command: &str, report: &[Line]) -> Vec<Line> {
    let is_error = |line: &&Line| line.begins_error() && line.event != SUMMARY;
    let errors: Vec<&Line> = report.iter().filter(is_error).collect();
    let reason = errors.first().map(|line| format!(": {}", line.text)).unwrap_or_default();
    let entries = report.iter().skip(1).take_while(|line| line.label == Label::Error && !line.begins_error());
    let entries: Vec<String> = entries.map(|line| line.text.trim().to_owned()).collect();
    let entries = if entries.is_empty() { entries.concat() } else { format!(": {}", some_of(&entries)) };
    let others = match errors.len().saturating_sub(1) {
        0 => String::new(),
        count => format!(" (and {count} more; `secrets-exec check` shows all)"),
    };
    let text = format!("a poll failed, and {command} keeps its values{reason}{entries}{others}");
    let mut warning = Line::warning(text).event("poll_failed");
    if let [first] = errors.as_slice() {
        warning.details.clone_from(&first.details);
    } else {
        warning = warning.with("errors", errors.iter().map(|line| line.text.as_str()).collect::<Vec<_>>());
    }
    let hints = report.iter().filter(|line| line.label == Label::Help);
    std::iter::once(warning).chain(hints.cloned()).collect()
}

/// Names a few of them.
pub fn some_of(names: &[String]) -> String {
    let mut shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    let rest = names.len().saturating_sub(shown.len());
    let more = format!("{rest} more");
    if rest > 0 {
        shown.push(&more);
    }
    list(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_changed_secret_has_its_versions_and_the_names_in_text_and_in_json() {
        let names = texts(&["DB_HOST", "DB_PASSWORD"]);
        let (old_version, new_version) = (Some("v1"), Some("v2"));
        let line = changed_secret(&Change { name: "secret prod/db", id: "prod/db", old_version, new_version, names });
        assert_eq!(line.text, "secret prod/db has version v2 after v1: DB_HOST and DB_PASSWORD");
        let details: Vec<_> = line.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            r#"secret="prod/db""#,
            r#"old_version="v1""#,
            r#"new_version="v2""#,
            r#"variables=["DB_HOST","DB_PASSWORD"]"#,
        ];
        assert_eq!(details, expected);
        assert!(line.is_detail);
    }

    #[test]
    fn a_few_of_many_variables_are_named() {
        assert_eq!(some_of(&texts(&["A", "B", "C", "D", "E", "F", "G"])), "A, B, C, D, E and 2 more");
    }

    #[test]
    fn a_failed_poll_is_one_warning_with_the_first_error_and_the_remedies() {
        let report = [
            Line::error("secret prod/db: access denied").with("secret", "prod/db"),
            Line::entry("A"),
            Line::help("allow it"),
            Line::error("1 value could not be read").event(SUMMARY),
        ];
        let lines = poll_failed("node", &report);
        let text = "a poll failed, and node keeps its values: secret prod/db: access denied: A";
        assert_eq!((lines[0].label, lines[0].text.as_str()), (Label::Warning, text));
        assert_eq!(lines[0].details, [("secret", "prod/db".into())]);
        assert_eq!(lines[1..], [Line::help("allow it")]);
    }

    #[test]
    fn of_several_errors_text_has_the_first_and_json_all() {
        let lines = poll_failed("node", &[Line::error("one"), Line::error("two"), Line::error("three")]);
        assert!(lines[0].text.ends_with(": one (and 2 more; `secrets-exec check` shows all)"), "{lines:?}");
        assert_eq!(lines[0].details, [("errors", vec!["one", "two", "three"].into())]);
    }
}
