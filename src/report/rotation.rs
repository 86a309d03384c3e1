//! Lines about what supervision does: polls, changes, and starts and ends of the command. `terminal::print_notices` prints them.
//!
//! The text format has one note for each restart, signal or exit, and warnings; the rest only with `--verbose`. JSON has them all.

use std::time::Duration;

use serde_json::Value;

use super::fetch_errors::name;
use super::line::{Label, Line, SUMMARY, list};
use crate::model::options::SignalNumber;
use crate::model::reference::Locator;

/// A secret with another version, and the variables and files with another value because of it.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    pub locator: &'a Locator,
    /// The rest of the name of a parameter that is read by its path.
    pub parameter_name: Option<&'a str>,
    /// `None` if it was not read before, as the secret of an optional entry.
    pub old_version: Option<&'a str>,
    /// `None` if it is not read any more.
    pub new_version: Option<&'a str>,
    pub names: &'a [String],
}

/// The most names in a line of text. JSON has them all.
const MOST_NAMES: usize = 5;

pub fn started(command: &str, pid: i32) -> Line {
    Line::note(format!("{command} started with the process id {pid}")).event("started").with("pid", pid).detail()
}

/// Returns one line for each secret.
pub fn changed(changes: &[Change<'_>]) -> Vec<Line> {
    changes.iter().map(changed_secret).collect()
}

fn changed_secret(change: &Change<'_>) -> Line {
    let Change { locator, parameter_name, old_version, new_version, names } = *change;
    let versions = match (old_version, new_version) {
        (Some(old), Some(new)) => format!("has version {new} after {old}"),
        (None, Some(new)) => format!("has version {new}, and was not there before"),
        (Some(old), None) => format!("is not there any more; its version was {old}"),
        (None, None) => "changed".to_owned(),
    };
    let names_text = if names.is_empty() { String::new() } else { format!(": {}", some_of(names)) };
    let name = match parameter_name {
        None => name(locator),
        Some(rest) => format!("{} {}{rest}", locator.store, locator.id),
    };
    Line::note(format!("{name} {versions}{names_text}"))
        .event("changed")
        .with("secret", locator.written_id() + parameter_name.unwrap_or_default())
        .with_some("old_version", old_version)
        .with_some("new_version", new_version)
        .with("variables", names)
        .detail()
}

/// Returns the line for what follows from a change after a part of `--splay`.
pub fn delayed(command: &str, consequence: &str, delay: Duration) -> Line {
    let seconds = delay.as_secs();
    let delay = humantime::format_duration(Duration::from_secs(seconds));
    Line::note(format!("{command} {consequence} in {delay} (--splay)"))
        .event("delayed")
        .with("seconds", seconds)
        .detail()
}

pub fn reverted(command: &str) -> Line {
    Line::note(format!("the values are again those that {command} has, so nothing is done")).event("reverted").detail()
}

/// Returns the lines for the first of several polls that fail; `report` has the failures as they end a launch.
pub fn poll_failed(command: &str, report: &[Line]) -> Vec<Line> {
    failed("poll_failed", &format!("the secrets cannot be read again, so {command} keeps its values"), report)
}

pub fn poll_recovered() -> Line {
    Line::note("the secrets can be read again").event("poll_recovered")
}

/// Returns the lines for new values that no environment or file can have; `report` has the failures.
pub fn not_prepared(command: &str, report: &[Line]) -> Vec<Line> {
    failed("not_prepared", &format!("the new values cannot be used, so {command} keeps its own"), report)
}

/// Returns a warning with the first error and the number of the others, and the remedies.
fn failed(event: &'static str, consequence: &str, report: &[Line]) -> Vec<Line> {
    let is_error = |line: &&Line| line.begins_error() && line.event != SUMMARY;
    let errors: Vec<&Line> = report.iter().filter(is_error).collect();
    let reason = errors.first().map(|line| format!(": {}", line.text)).unwrap_or_default();
    let others = match errors.len().saturating_sub(1) {
        0 => String::new(),
        count => format!(" (and {count} more; `secrets-exec check` shows all)"),
    };
    let mut warning = Line::warning(format!("{consequence}{reason}{others}")).event(event);
    if let [first] = errors.as_slice() {
        warning.details.clone_from(&first.details);
    } else {
        warning = warning.with("errors", errors.iter().map(|line| line.text.as_str()).collect::<Vec<_>>());
    }
    let hints = report.iter().filter(|line| line.label == Label::Help);
    std::iter::once(warning).chain(hints.cloned()).collect()
}

/// Returns the warning about variables and files in memory that changed while the mode is `signal=`.
pub fn unseen(command: &str, names: &[String]) -> Vec<Line> {
    let what = format!(
        "{} changed, which {command} cannot see while it runs: only files with `path` are replaced",
        some_of(names)
    );
    let help = format!("restart {command}, or use --on-rotation restart");
    vec![Line::warning(what).event("unseen").with("variables", names), Line::help(help)]
}

pub fn restarted(command: &str, pid: i32, changes: &[Change<'_>]) -> Line {
    let why = because(changes);
    consequence(format!("{command} was started again{why}"), "restarted", changes).with("pid", pid)
}

/// Returns the warning before the errors of a start that failed after the command was stopped.
pub fn not_restarted(command: &str, changes: &[Change<'_>]) -> Line {
    let why = because(changes);
    let text = format!("{command} was stopped for new values, and cannot be started again{why}");
    Line::warning(text).event("not_restarted").with("variables", Value::from(names(changes)))
}

pub fn signalled(command: &str, signal: SignalNumber, changes: &[Change<'_>]) -> Line {
    let why = because(changes);
    consequence(format!("{signal} was sent to {command}{why}"), "signalled", changes).with("signal", signal.to_string())
}

/// Returns the line of an exit for a service manager that starts the unit again.
pub fn exiting(command: &str, status: u8, changes: &[Change<'_>]) -> Line {
    let why = because(changes);
    let text = format!("{command} was stopped for new values, and secrets-exec exits with status {status}{why}");
    consequence(text, "exiting", changes).with("status", status)
}

pub fn ended(command: &str, pid: i32, status: u8, signal: Option<SignalNumber>) -> Line {
    let how = signal.map_or_else(|| format!("with status {status}"), |signal| format!("by {signal}"));
    let line = Line::note(format!("{command} ended {how}")).event("ended").with("pid", pid).with("status", status);
    line.with_some("signal", signal.map(|signal| signal.to_string())).detail()
}

/// Returns the warning about a command that ended by the signal of `--on-rotation signal=`.
pub fn unhandled(command: &str, ended: Line) -> Vec<Line> {
    let help = format!("use a signal that {command} handles, or --on-rotation restart");
    vec![Line { is_detail: false, label: Label::Warning, ..ended }, Line::help(help)]
}

/// Returns the line for a SIGTERM that arrives in the grace period of a rotation.
pub fn cancelled(command: &str) -> Line {
    Line::note(format!("SIGTERM came meanwhile, so {command} is not started again"))
        .event("cancelled")
        .with("signal", SignalNumber::TERM.to_string())
        .detail()
}

/// Returns the line for a process group that is killed; with a grace of zero that was asked for.
pub fn killed(command: &str, grace: Duration) -> Line {
    let line = match grace.is_zero() {
        true => Line::note(format!("the process group of {command} is killed (--grace 0s)")).detail(),
        false => {
            let grace = humantime::format_duration(grace);
            Line::warning(format!("the process group of {command} did not end and is killed (--grace {grace})"))
        }
    };
    line.event("killed").with("signal", SignalNumber::KILL.to_string())
}

/// Returns the line for a process group that is killed because another SIGTERM followed the one that cancelled the rotation.
pub fn killed_by_term(command: &str) -> Line {
    Line::warning(format!("a second SIGTERM came, so the process group of {command} is killed"))
        .event("killed")
        .with("signal", SignalNumber::KILL.to_string())
}

fn consequence(text: String, event: &'static str, changes: &[Change<'_>]) -> Line {
    let names = names(changes);
    Line::note(text).event(event).with("variables", Value::from(names))
}

/// Returns the names of all changes, each once and in order.
fn names(changes: &[Change<'_>]) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = changes.iter().flat_map(|change| change.names).collect();
    names.into_iter().cloned().collect()
}

fn because(changes: &[Change<'_>]) -> String {
    match names(changes).as_slice() {
        [] => String::new(),
        names => format!(": {} changed", some_of(names)),
    }
}

fn some_of(names: &[String]) -> String {
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
    use crate::model::reference::Reference;

    fn locator(reference: &str) -> Locator {
        let aliases = crate::model::reference::Aliases::default();
        let inherited = crate::model::inherited::Inherited::default();
        Reference::parse(reference).unwrap().locate(&aliases, &inherited).unwrap().locator
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_changed_secret_has_its_versions_and_the_names_in_text_and_in_json() {
        let (locator, names) = (locator("prod/db"), texts(&["DB_HOST", "DB_PASSWORD"]));
        let change = Change {
            locator: &locator,
            parameter_name: None,
            old_version: Some("v1"),
            new_version: Some("v2"),
            names: &names,
        };
        let line = changed_secret(&change);
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
    fn a_parameter_below_a_path_is_named_as_a_whole() {
        let (locator, names) = (locator("ssm:/prod/"), texts(&["KEY"]));
        let change = Change {
            locator: &locator,
            parameter_name: Some("key"),
            old_version: None,
            new_version: Some("3"),
            names: &names,
        };
        let line = changed_secret(&change);
        assert_eq!(line.text, "parameter /prod/key has version 3, and was not there before: KEY");
        assert_eq!(line.details[0], ("secret", "ssm:/prod/key".into()));
    }

    #[test]
    fn a_restart_names_each_variable_once_and_a_few_of_many() {
        let (locator, names) = (locator("prod/db"), texts(&["A", "B", "C", "D", "E", "F", "G"]));
        let change =
            Change { locator: &locator, parameter_name: None, old_version: None, new_version: None, names: &names };
        let line = restarted("node", 7, &[change, change]);
        assert_eq!(line.text, "node was started again: A, B, C, D, E and 2 more changed");
        assert_eq!(line.details[0].1.as_array().unwrap().len(), 7);
        assert!(!line.is_detail);
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
        let text = "the secrets cannot be read again, so node keeps its values: secret prod/db: access denied";
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

    #[test]
    fn a_group_that_is_killed_is_a_warning_unless_that_was_asked_for() {
        assert_eq!(killed("node", Duration::from_secs(30)).label, Label::Warning);
        assert_eq!(killed("node", Duration::ZERO).label, Label::Note);
        assert!(!killed_by_term("node").text.contains("--grace"));
    }

    #[test]
    fn an_end_by_a_signal_names_it() {
        let line = ended("node", 7, 143, Some(SignalNumber::TERM));
        assert_eq!(line.text, "node ended by SIGTERM");
        assert_eq!(line.details.last(), Some(&("signal", "SIGTERM".into())));
        assert_eq!(ended("node", 7, 3, None).text, "node ended with status 3");
    }
}
