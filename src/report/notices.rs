//! Lines other than failures (warnings, waits), and the lines of a process that ends at once.

use std::ffi::OsStr;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::time::Duration;

use super::record::Record;
use super::rotation::some_of;
use crate::model::entry::{Origin, Subject};
use crate::model::env_name::EnvName;
use crate::model::environment::CommandLine;
use crate::model::outcome::{Fate, Outcomes};
use crate::model::plan::{Plan, ValueSource};
use crate::model::problem::Problem;
use crate::time::Waiting;

/// The notice of `--local`.
pub fn local_notice(path: &Path) -> Record {
    Record::warning(format!(
        "secrets are read from {}, not from AWS (--local)",
        path.display()
    ))
}

/// The text for the log, the terminal and the service manager about a long wait, which may last for `left`. The last reason comes first, in
/// case a terminal cuts the text off.
pub fn waiting(status: &Waiting, left: Duration) -> String {
    let left = humantime::format_duration(Duration::from_secs(left.as_secs_f64().ceil() as u64));
    let waiting = format!("waiting up to {left} for {}", names(status));
    match &status.reason {
        Some(why) => format!("{why}; {waiting}"),
        None => waiting,
    }
}

/// The line that a signal leaves.
pub fn interrupted(signal: &'static str, after: Duration, status: &Waiting) -> Record {
    /// The limit in characters: a write of less than PIPE_BUF (4,096) bytes to a pipe with room does not block.
    const LONGEST: usize = 1_000;
    let seconds = after.as_secs_f64();
    let reason = match &status.reason {
        Some(why) => format!("; the last error was: {why}"),
        None => String::new(),
    };
    let text = format!(
        "{signal} ended secrets-exec after {seconds:.1}s, while it was waiting for {}{reason}",
        names(status)
    );
    Record::error(text.chars().take(LONGEST).collect::<String>())
        .event("signal")
        .with("signal", signal)
}

fn names(status: &Waiting) -> String {
    match (status.awaited.as_slice(), status.others) {
        ([], _) => "a file or a template".to_owned(),
        (awaited, 0) => awaited.join(", "),
        (awaited, others) => format!("{} and {others} more", awaited.join(", ")),
    }
}

/// A line of `-vv`.
pub fn trace(event: &str) -> Record {
    Record::note(event).event("trace")
}

/// The problem of a deadline that passes while a file or a computation blocks the process.
pub fn overdue(status: &Waiting) -> Problem {
    let awaited = if status.awaited.is_empty() {
        String::new()
    } else {
        format!(" while waiting for {}", names(status))
    };
    let error = format!(
        "timed out{awaited}: a file can't be read, or a template or JSONPath takes too long"
    );
    let help = "look for a file system that hangs, or a pipe that nobody writes to";
    Problem::temporary(error).help(help)
}

/// The warnings about files whose values are written to a disk.
pub fn disk_notices<'a>(
    files: impl Iterator<Item = (&'a Path, &'a Origin)>,
) -> impl Iterator<Item = Record> {
    files.map(|(path, origin)| {
        let path = path.display();
        Record::warning(format!(
            "\"{path}\" ({origin}) is on a disk, where the value stays"
        ))
        .with_help("use a path on tmpfs, for example under /run")
    })
}

/// The warning about values that were read and are empty, if there are some.
pub fn empty_values(outcomes: &Outcomes) -> Option<Record> {
    let empty = outcomes
        .list
        .iter()
        .filter(|outcome| outcome.is_read_empty());
    let subjects: Vec<String> = empty.map(|outcome| outcome.subject.to_string()).collect();
    let text = format!("an empty value was read for {}", some_of(&subjects));
    (!subjects.is_empty()).then(|| Record::warning(text))
}

/// The warnings about entries that hold `${NAME}` and keep it.
pub fn unexpanded(plan: &Plan) -> impl Iterator<Item = Record> {
    plan.unexpanded().map(|subject| {
        Record::warning(format!(
            "the value of {subject} contains ${{NAME}}, which secrets-exec doesn't expand"
        ))
        .with_help("to insert a variable, write { template: \"… {{ env.NAME }} …\" }")
    })
}

/// The warnings about templates in which nothing is Jinja. Those with `${NAME}` have a warning already.
pub fn plain_templates(plan: &Plan) -> impl Iterator<Item = Record> {
    let unexpanded: Vec<&Subject> = plan.unexpanded().collect();
    plan.values().filter_map(move |(entry, source)| {
        let ValueSource::Template { template, .. } = source else {
            return None;
        };
        let is_plain = !template.text.contains("{{") && !template.text.contains("{%");
        if !is_plain || unexpanded.contains(&&entry.subject) {
            return None;
        }
        let text = format!(
            "the value of {} is the text of the template, which has neither {{{{ nor {{%",
            entry.subject
        );
        let help = "to use a secret, write {{ ALIAS.KEY }}; for plain text, write `value` instead of `template`";
        Some(Record::warning(text).with_help(help))
    })
}

/// The programs that expand variables in their arguments: shells, and gettext's envsubst, whose argument lists what to replace.
const EXPANDING_PROGRAMS: &str = "ash bash busybox csh dash envsubst fish ksh mksh sh tcsh zsh";

/// The warnings about arguments of the command that are only a variable of this launch, unless the command expands variables itself.
pub fn unexpanded_arguments(outcomes: &Outcomes, command: &CommandLine) -> Vec<Record> {
    let program = Path::new(command.program()).file_name();
    let mut expanding = EXPANDING_PROGRAMS.split(' ').map(OsStr::new);
    if expanding.any(|name| program == Some(name)) {
        return Vec::new();
    }

    let is_set = |name: &str| {
        outcomes.list.iter().any(|outcome| {
            let variable = outcome.target.variable().map(EnvName::as_str);
            variable == Some(name) && !matches!(outcome.fate, Fate::Absent | Fate::Overridden(_))
        })
    };
    let mut warnings = Vec::new();
    for argument in command.arguments().skip(1).filter_map(OsStr::to_str) {
        if variable_in(argument).is_some_and(is_set) {
            warnings.push(Record::warning(format!(
                "the argument \"{argument}\" is passed on literally, because no shell expands it: use sh -c '…'"
            )));
        }
    }
    warnings
}

/// Returns the name in an argument that is `$NAME`, `${NAME}` or Kubernetes' `$(NAME)`.
fn variable_in(argument: &str) -> Option<&str> {
    let name = argument.strip_prefix('$')?;
    let in_brackets = [('{', '}'), ('(', ')')]
        .iter()
        .find_map(|(open, close)| name.strip_prefix(*open)?.strip_suffix(*close));
    Some(in_brackets.unwrap_or(name))
}

/// The line for a panic: its position, without its message, which may contain a value.
pub fn bug(panic: &PanicHookInfo<'_>) -> Record {
    let place = panic
        .location()
        .map(|place| format!(" at {}:{}", place.file(), place.line()))
        .unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    Record::error(format!(
        "this is a bug in secrets-exec {version}{place}; please report it"
    ))
    .event("bug")
}
