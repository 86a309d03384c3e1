//! Lines that are no failures, provenance, warnings and waits, and those of a process that ends at once.

use std::panic::PanicHookInfo;
use std::path::Path;
use std::time::Duration;

use super::fetch_errors;
use super::line::Line;
use crate::backend::aws::UnreachableFile;
use crate::model::answer::Fetched;
use crate::model::entry::{Origin, Subject};
use crate::model::reference::Store;
use crate::model::resolved::{ReadFrom, Resolved};
use crate::model::suggest::Suggestions;
use crate::time::progress::{Event, Status};

/// The lines of `--verbose`: the secret, version and region of each variable and file.
pub fn provenance(resolved: &Resolved, fetched: &Fetched) -> Vec<Line> {
    let read = |ReadFrom { locator, below }: &ReadFrom| {
        let answer = fetched.get(locator)?.as_ref().ok()?;
        let (name, document) = match below {
            None => (fetch_errors::name(locator), answer),
            Some(rest) => {
                let (_, parameter) = answer.below.iter().find(|(name, _)| name == rest)?;
                (format!("{} {}{rest}", locator.store, locator.id), parameter)
            }
        };
        let version = document.version_id.as_deref().unwrap_or("without id");
        let stages = document.stages.join(", ");
        let place =
            document.region.as_ref().map_or_else(|| "local file".to_owned(), |region| format!("region {region}"));
        let stages = match locator.store {
            Store::SecretsManager => format!(", stage {stages}"),
            Store::ParameterStore if stages.is_empty() => String::new(),
            Store::ParameterStore => format!(", label {stages}"),
        };
        let passed_over = answer.passed_over.iter();
        let instead = passed_over
            .map(|passed| format!(", in place of {} ({})", passed.region, fetch_errors::outage(&passed.outage)));
        Some(format!("{name}, version {version}{stages}, {place}{}", instead.collect::<String>()))
    };
    let line = |(subject, read_from): &(Subject, Vec<ReadFrom>)| match (read_from.as_slice(), &subject.written) {
        ([], None) => format!("{subject}: literal"),
        ([], Some(_)) => format!("{subject}: absent, so its default is set"),
        (read_from, _) => format!("{subject}: {}", read_from.iter().filter_map(read).collect::<Vec<_>>().join("; ")),
    };
    let not_set = resolved.omitted.iter().filter(|subject| !resolved.has(&subject.label));
    let not_set = not_set.map(|subject| format!("{subject}: not set, since it is optional and absent"));
    resolved.sources.iter().map(line).chain(not_set).map(Line::note).collect()
}

/// The warning about `--describe` with an option that keeps secrets from being described.
pub fn not_described(option: &str) -> Line {
    Line::warning(format!("--describe has no effect with {option}: only AWS itself describes secrets"))
}

/// The notice of `--local`.
pub fn local_notice(path: &Path) -> Line {
    Line::warning(format!("secrets are read from {}, not from AWS (--local)", path.display()))
}

/// The line of `--verbose` for a configuration file of AWS that counts as absent.
pub fn unreachable_file(file: &UnreachableFile) -> Line {
    Line::note(format!("{}: AWS's configuration file counts as absent: {}", file.path.display(), file.why))
}

/// The line for a long wait, which may last for `left`.
pub fn waiting(status: &Status, left: Duration) -> Line {
    let left = humantime::format_duration(Duration::from_secs(left.as_secs_f64().ceil() as u64));
    Line::note(format!("waiting up to {left} for {}", awaited(status)))
}

/// The end of the line that a signal leaves, an error; its beginning names the signal and the time.
pub fn interrupted(status: &Status) -> String {
    format!(": ended while waiting for {}; nothing was started", awaited(status))
}

fn awaited(status: &Status) -> String {
    let awaited = match (status.awaited.as_slice(), status.others) {
        ([], _) => "files or the evaluation of values".to_owned(),
        (awaited, 0) => awaited.join(", "),
        (awaited, others) => format!("{} and {others} more", awaited.join(", ")),
    };
    let reason = status.reason.as_ref().map(|why| format!(", last error: {why}"));
    awaited + &reason.unwrap_or_default()
}

/// The line of `-vv` for an event.
pub fn trace(event: &Event) -> Line {
    Line::note(match event {
        Event::Credentials { provider } => format!("credentials: from the provider {provider}"),
        Event::Identity { role, arn } => {
            let role = role.as_ref().map(|role| format!(" with role {role}")).unwrap_or_default();
            let arn = arn.as_deref().unwrap_or("unknown, since STS does not say it");
            format!("identity{role}: {arn}")
        }
        Event::Attempt { request, number, elapsed, failure } => {
            let words =
                |error| fetch_errors::fetching(error, None, false, &[], &Suggestions::default(), &Origin::Inherited).0;
            let failure = failure.as_ref().map(|error| format!(": {}", words(error))).unwrap_or_default();
            format!("{request}, attempt {number}, {} ms{failure}", elapsed.as_millis())
        }
    })
}

/// The last line of `-vv`.
pub fn resolved_after(elapsed: Duration) -> Line {
    Line::note(format!("resolved after {} ms", elapsed.as_millis()))
}

/// The lines for a deadline that passes while a file or a computation blocks the process.
pub fn overdue() -> [Line; 2] {
    [
        Line::error(
            "timed out: a file does not answer (AWS configuration, token, root certificates), or a JSONPath or template does not end",
        ),
        Line::help("check for a file system that hangs, or a pipe without a writer; nothing was started"),
    ]
}

/// The warning about a file whose value is written to a disk.
pub fn disk_notice(path: &Path, origin: &Origin) -> Line {
    let what = "written to a disk; use a path on tmpfs, for example under /run";
    Line::warning(format!("{} ({origin}): {what}", path.display()))
}

/// The line for a panic: its position, without its message, which may contain a value.
pub fn bug(panic: &PanicHookInfo<'_>) -> Line {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    Line::error(format!("this is a bug in secrets-exec {version}{place}; please report it"))
}
