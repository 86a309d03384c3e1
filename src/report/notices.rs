//! Lines other than failures (warnings, waits), and the lines of a process that ends at once.

use std::panic::PanicHookInfo;
use std::path::Path;
use std::time::Duration;

use super::fetch_errors;
use super::line::Line;
use crate::backend::aws::{PolicyNotice, UnreachableFile};
use crate::model::answer::Outage;
use crate::model::entry::Origin;
use crate::model::plan::Plan;
use crate::model::reference::{Arn, SecretRef};
use crate::model::suggest::Suggestions;
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

/// The progress line of a long wait, which is cut at the terminal's width: the reason comes first, and names are short.
pub fn progress(status: &Status, left: Duration) -> Line {
    let reason = status.reason.as_ref().map(|why| format!(" ({})", brief_reason(why))).unwrap_or_default();
    let names = names(status);
    let names: Vec<_> = names.split(' ').map(brief_name).collect();
    Line::note(format!("waiting up to {}{reason} for {}", whole_seconds(left), names.join(" ")))
}

fn whole_seconds(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs_f64().ceil() as u64))
}

/// Returns the name of an ARN's resource, and any other word as it is.
fn brief_name(word: &str) -> String {
    let name = Arn::parse(word).and_then(|arn| Some(arn.resource().split_once([':', '/'])?.1.to_owned()));
    name.unwrap_or_else(|| word.to_owned())
}

fn brief_reason(reason: &WaitReason) -> String {
    let what = match reason {
        WaitReason::Outage(Outage::Throttled(_)) => "throttled",
        WaitReason::Outage(Outage::Service(_)) => "AWS failed",
        WaitReason::Outage(Outage::Timeout(_)) => "timed out",
        WaitReason::Outage(Outage::Connection(_)) => "not reachable",
        WaitReason::Outage(Outage::MalformedResponse(_)) => "malformed response",
        WaitReason::Outage(Outage::ClockSkew(_)) => "clock differs from AWS's",
        WaitReason::Source(source, _) => return format!("{source} failed"),
    };
    what.to_owned()
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
            let words = |error| fetch_errors::fetching(error, None, false, &[], &Suggestions::default(), None).0;
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
        PolicyNotice::AnyRegion { partition } => Line::warning(format!(
            "no region is known, so the policy allows any region of the partition {partition} (`*`); name it by --region, \
             AWS_REGION or a profile"
        )),
        PolicyNotice::UnknownRegion { region, partition, nearest } => {
            let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
            Line::warning(format!("{region} is not a known region; its partition is taken to be {partition}{hint}"))
        }
        PolicyNotice::OtherPartition { region, partition } => Line::warning(format!(
            "{region} is not in the partition {partition} of an ARN that is read there; such a request fails"
        )),
        PolicyNotice::Partitions(partitions) => Line::warning(format!(
            "the policy has ARNs of several partitions ({}); IAM accepts only those of its own, so print one policy for each partition",
            partitions.join(", ")
        )),
        PolicyNotice::OtherAccount { role, given, is_used } => Line::warning(other_account(role, given, *is_used)),
        PolicyNotice::UnusedKey(key) => {
            Line::warning(format!("--kms-key {key} is left out: nothing is read in its region by this identity"))
        }
        PolicyNotice::Size { characters, limit } => Line::warning(format!(
            "the policy has {characters} characters, and a managed policy at most {limit}; a role's inline policies may have 10240, \
             or split the statements over several policies"
        )),
        PolicyNotice::Empty => {
            Line::warning("no permission is needed, so the policy has no statement, which IAM does not accept")
        }
        PolicyNotice::CallerRoles { web_identity, profile_roles } => {
            Line::note(caller_roles(web_identity.as_ref(), profile_roles))
        }
        PolicyNotice::OtherRole(role) => Line::note(format!("--for-role {role} prints the policy of that role")),
        PolicyNotice::Agent { has_fallback } => Line::warning(format!(
            "with --agent the requests are the agent's: its role needs this policy{}",
            if *has_fallback { ", and with --agent-fallback so does the caller" } else { "" }
        )),
    }
}

fn other_account(role: &Arn, given: &str, is_used: bool) -> String {
    if is_used {
        format!("--account {given} is not the account of the caller, {role}: this is the policy of another identity")
    } else {
        format!("--account {given} is not used: {role} reads names in its own account")
    }
}

/// The policy's identity, and the permissions of those with which it is assumed.
fn caller_roles(web_identity: Option<&Arn>, profile_roles: &[Arn]) -> String {
    let this = match (profile_roles.last(), web_identity) {
        (Some(role), _) => format!("this is the policy of {role}, which the profile assumes"),
        (None, Some(role)) => format!("this is the policy of {role}, the role of the web identity"),
        (None, None) => return "this is the policy of the caller".to_owned(),
    };
    let source = web_identity.map_or_else(|| "the profile's source of credentials".to_owned(), Arn::to_string);
    let before = std::iter::once(source).chain(profile_roles.iter().map(Arn::to_string));
    let steps =
        before.zip(profile_roles).map(|(identity, role)| format!("; {identity} needs sts:AssumeRole on {role}"));
    this + &steps.collect::<String>()
}

/// The line for a panic: its position, without its message, which may contain a value.
pub fn bug(panic: &PanicHookInfo<'_>) -> Line {
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    Line::error(format!("this is a bug in secrets-exec {version}{place}; please report it")).event("bug")
}
