//! Lines other than failures (warnings, waits), and the lines of a process that ends at once.

use std::panic::PanicHookInfo;
use std::path::Path;
use std::time::Duration;

use super::fetch_errors;
use super::line::Line;
use crate::backend::aws::{PolicyNotice, UnreachableFile};
use crate::model::entry::Origin;
use crate::model::plan::Plan;
use crate::model::reference::SecretRef;
use crate::time::progress::{Event, Status, WaitReason};

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

/// The text for a service manager about a long wait, which may last for `left`.
pub fn waiting(status: &Status, left: Duration) -> String {
    format!("waiting up to {} for {}", whole_seconds(left), awaited(status))
}

/// The progress line of a long wait.
pub fn progress(status: &Status, left: Duration) -> String {
    let awaited = match status.awaited.len() + status.others {
        0 => "values".to_owned(),
        1 => "1 answer".to_owned(),
        count => format!("{count} answers"),
    };
    format!("waiting up to {} for {awaited}", whole_seconds(left))
}

fn whole_seconds(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs_f64().ceil() as u64))
}

/// The end of the line that a signal leaves, an error; its beginning names the signal and the time.
pub fn interrupted(status: &Status) -> String {
    format!(": ended while waiting for {}; nothing was started", awaited(status))
}

fn awaited(status: &Status) -> String {
    let reason = match &status.reason {
        None => String::new(),
        Some(WaitReason::Outage(outage)) => format!(", last error: {}", outage.text()),
        Some(WaitReason::Source(source, why)) => format!(", last error: {source}: {why}"),
    };
    names(status) + &reason
}

fn names(status: &Status) -> String {
    match (status.awaited.as_slice(), status.others) {
        ([], _) => "files or the evaluation of values".to_owned(),
        (awaited, 0) => awaited.join(", "),
        (awaited, others) => format!("{} and {others} more", awaited.join(", ")),
    }
}

/// The line of `-vv` for an event.
pub fn trace(event: &Event) -> Line {
    Line::note(match event {
        Event::Credentials { provider } => format!("credentials: from the provider {provider}"),
        Event::Identity { role, arn } => {
            let role = role.as_ref().map(|role| format!(" with role {role}")).unwrap_or_default();
            let arn = arn.as_deref().unwrap_or("unknown, since STS did not answer");
            format!("identity{role}: {arn}")
        }
        Event::Attempt { request, number, elapsed, failure } => {
            let words = |error| fetch_errors::fetching(error, None, false, &[], None).0;
            let failure = failure.as_ref().map(|error| format!(": {}", words(error))).unwrap_or_default();
            format!("{request}, attempt {number}, {} ms{failure}", elapsed.as_millis())
        }
    })
    .event("trace")
}

/// The line of `-vv` at the end of the resolution, whether values were found or not.
pub fn resolution_time(elapsed: Duration) -> Line {
    Line::note(format!("resolution took {} ms", elapsed.as_millis())).event("trace")
}

/// The lines for a deadline that passes while a file or a computation blocks the process.
pub fn overdue(status: &Status) -> [Line; 2] {
    let help = "check for a file system that hangs, or a pipe without a writer; nothing was started";
    [blocked(status), Line::help(help)]
}

/// The error for a deadline that passes in this way.
pub fn blocked(status: &Status) -> Line {
    let awaited =
        if status.awaited.is_empty() { String::new() } else { format!(" while waiting for {}", names(status)) };
    Line::error(format!(
        "timed out{awaited}: a file does not answer (AWS configuration, token, root certificates, --local), or a JSONPath or template \
         does not end",
    ))
}

/// The warning about a file whose value is written to a disk.
pub fn disk_notice(path: &Path, origin: &Origin) -> Line {
    let what = "written to a disk; use a path on tmpfs, for example under /run";
    Line::warning(format!("{} ({origin}): {what}", path.display()))
}

/// The warnings about references that look like URLs: a policy is printed without the answer that would tell that they are wrong.
pub fn scheme_warnings(plan: &Plan) -> impl Iterator<Item = Line> {
    let with_scheme = plan.references().filter(|(_, _, reference)| reference.has_scheme());
    with_scheme.map(|(_, subject, SecretRef { locator, selector })| {
        let secret = fetch_errors::name(locator);
        Line::warning(format!(
            "{subject}: a reference has no scheme, so this is the key \"{selector}\" of {secret}; write SECRET[:KEY[:STAGE[:VERSION-ID]]]"
        ))
    })
}

/// The line for a notice about a policy.
pub fn policy_notice(notice: &PolicyNotice) -> Line {
    match notice {
        PolicyNotice::AnyRegion => Line::warning(
            "no region is known, so the policy allows any (`*`); name it by --region, AWS_REGION or a profile",
        ),
        PolicyNotice::OtherIdentity(Some(role)) => {
            Line::note(format!("--for-role {role} prints the policy of that role"))
        }
        PolicyNotice::OtherIdentity(None) => Line::warning(
            "with --agent the requests are the agent's: its role needs this policy, and with --agent-fallback the caller as well",
        ),
        PolicyNotice::TooLong { characters } => Line::warning(format!(
            "the policy has {characters} characters, and a managed policy at most 6,144; a role's inline policies may have 10,240, \
             or split the statements over several policies"
        )),
        PolicyNotice::Empty => {
            Line::warning("no permission is needed, so the policy has no statement, which IAM does not accept")
        }
    }
}

/// The line for a panic: its position, without its message, which may contain a value.
pub fn bug(panic: &PanicHookInfo<'_>) -> Line {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    Line::error(format!("this is a bug in secrets-exec {version}{place}; please report it")).event("bug")
}
