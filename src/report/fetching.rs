//! Why variables have no value: what they have in common is said once, with every variable it is about.

use super::{CONFIGURATION, DENIED, TEMPORARY, USAGE, by_origin};
use crate::binding::{Binding, Recipe};
use crate::fetched::{CredentialsError, Denial, FetchError, FetchFailure, Missing, Outage, Refusal};
use crate::reference::{Locator, Region, SecretRef, Version};
use crate::resolve::{Absent, ExtractError, Problem, ResolveError};
use crate::suggest;

pub(super) fn status(error: &ResolveError) -> u8 {
    match &error.problem {
        Problem::Extract { .. } | Problem::NotBase64 => CONFIGURATION,
        Problem::Fetch(failure) => match &failure.error {
            FetchError::NotFound { .. } | FetchError::NoRegion => CONFIGURATION,
            FetchError::Denied { .. } => DENIED,
            FetchError::Unavailable(_) => TEMPORARY,
            FetchError::NoCredentials(CredentialsError { temporary, .. }) => {
                if *temporary {
                    TEMPORARY
                } else {
                    DENIED
                }
            }
            FetchError::Refused(Refusal::NotYet) => by_origin(&error.binding.origin),
            FetchError::Refused(Refusal::TrustStore(_)) => USAGE,
            FetchError::Refused(
                Refusal::MarkedForDeletion | Refusal::NoValue | Refusal::Certificate(_) | Refusal::Request(_),
            ) => CONFIGURATION,
        },
    }
}

/// One paragraph for each thing that went wrong, in the order of the plan.
pub(super) fn lines(errors: &[ResolveError], aliases: &[String]) -> Vec<String> {
    let mut groups: Vec<(&Problem, Option<&Locator>, Vec<&Binding>)> = Vec::new();
    for ResolveError { binding, problem } in errors {
        let locator = binding.locator().filter(|_| !is_about_everything(problem));
        let same = groups
            .iter_mut()
            .find(|(other, place, _)| matches!(problem, Problem::Fetch(_)) && *other == problem && *place == locator);
        match same {
            Some((_, _, bindings)) => bindings.push(binding),
            None => groups.push((problem, locator, vec![binding])),
        }
    }
    groups.into_iter().flat_map(|(problem, _, bindings)| paragraph(problem, &bindings, aliases)).collect()
}

/// Whether the secret does not matter to what went wrong.
fn is_about_everything(problem: &Problem) -> bool {
    match problem {
        Problem::Fetch(FetchFailure { error, .. }) => match error {
            FetchError::NoCredentials(_) | FetchError::NoRegion | FetchError::Refused(Refusal::TrustStore(_)) => true,
            FetchError::NotFound { .. }
            | FetchError::Denied { .. }
            | FetchError::Unavailable(_)
            | FetchError::Refused(_) => false,
        },
        Problem::Extract { .. } | Problem::NotBase64 => false,
    }
}

fn paragraph(problem: &Problem, bindings: &[&Binding], aliases: &[String]) -> Vec<String> {
    let who: Vec<String> = bindings.iter().map(|binding| target(binding)).collect();
    let who = who.join(", ");
    let reference = bindings.first().and_then(|binding| secret_ref(binding));
    let secret = |region: &Option<Region>| {
        reference.map(|reference| secret(&reference.locator, region.as_ref())).unwrap_or_default()
    };
    let (what, hints) = match problem {
        Problem::NotBase64 => {
            (format!("{}: the value is not base64, which `decode` expects", secret(&None)), Vec::new())
        }
        Problem::Extract { region, error } => {
            let (what, hint) = extraction(reference, error);
            (format!("{}: {what}", secret(region)), Vec::from_iter(hint))
        }
        Problem::Fetch(FetchFailure { region, error }) => {
            let (what, hints) = fetching(error, reference, aliases);
            match error {
                FetchError::NoCredentials(_) | FetchError::NoRegion | FetchError::Refused(Refusal::TrustStore(_)) => {
                    (what, hints)
                }
                FetchError::NotFound { .. }
                | FetchError::Denied { .. }
                | FetchError::Unavailable(_)
                | FetchError::Refused(_) => (format!("{}: {what}", secret(region)), hints),
            }
        }
    };
    std::iter::once(format!("{who}: {what}")).chain(hints.into_iter().map(|hint| format!("  {hint}"))).collect()
}

/// `DB_HOST (app.yaml:3, db:host)`
fn target(binding: &Binding) -> String {
    match &binding.recipe {
        Recipe::Secret { written, .. } => format!("{} ({}, {written})", binding.name, binding.origin),
        Recipe::Literal(_) => format!("{} ({})", binding.name, binding.origin),
    }
}

fn secret_ref(binding: &Binding) -> Option<&SecretRef> {
    match &binding.recipe {
        Recipe::Secret { reference, .. } => Some(reference),
        Recipe::Literal(_) => None,
    }
}

/// `secret prod/db, stage AWSPREVIOUS, region us-east-1, role arn:…`
fn secret(locator: &Locator, region: Option<&Region>) -> String {
    let mut text = format!("secret {}", locator.id);
    match &locator.version {
        Version::Current => {}
        Version::Stage(stage) => text.push_str(&format!(", stage {stage}")),
        Version::Id(id) => text.push_str(&format!(", version {id}")),
        Version::Both { stage, id } => text.push_str(&format!(", stage {stage}, version {id}")),
    }
    if let Some(region) = region {
        text.push_str(&format!(", region {region}"));
    }
    if let Some(role) = &locator.role {
        text.push_str(&format!(", role {}", role.arn));
    }
    text
}

fn extraction(reference: Option<&SecretRef>, error: &ExtractError) -> (String, Option<String>) {
    let key = reference.map(|reference| reference.selector.to_string()).unwrap_or_default();
    match error {
        ExtractError::Absent(Absent::Key { nearest, as_path }) => {
            let hint = match (as_path, nearest) {
                (Some(path), _) => Some(format!("a KEY is one top-level key; for a value within another write {path}")),
                (None, Some(nearest)) => Some(format!("did you mean {nearest:?}?")),
                (None, None) => None,
            };
            (format!("has no key {key:?}"), hint)
        }
        ExtractError::Absent(Absent::Node) => (format!("has nothing at {key}"), None),
        ExtractError::Absent(Absent::Null) => (
            format!("{key:?} is null, which counts as absent"),
            Some("give the entry a `default`, or `optional: true`".to_owned()),
        ),
        ExtractError::NotJson { line, column } => (
            format!("is not JSON (line {line}, column {column}), so it has no key {key:?}"),
            Some("leave KEY out to take the whole value".to_owned()),
        ),
        ExtractError::NotAnObject(kind) => (
            format!("is JSON, but {kind} and no object, so it has no key {key:?}"),
            Some("leave KEY out to take the whole value, or use a JSONPath, which begins with $".to_owned()),
        ),
        ExtractError::Several { paths, count } => {
            let more = if *count > paths.len() { ", …" } else { "" };
            (format!("{key} matches {count} values and must match one: {}{more}", paths.join(", ")), None)
        }
        ExtractError::BadPath => (format!("{key} cannot be evaluated"), None),
    }
}

fn fetching(error: &FetchError, reference: Option<&SecretRef>, aliases: &[String]) -> (String, Vec<String>) {
    let id = reference.map(|reference| reference.locator.id.as_str()).unwrap_or_default();
    match error {
        FetchError::NotFound { missing: Missing::Secret, nearest } => {
            let nearest = nearest.as_deref().or_else(|| suggest::nearest(id, aliases.iter().map(String::as_str)));
            let hint = nearest.map_or_else(
                || {
                    "check its name, the region and the account, or give the entry a `default` or `optional: true`"
                        .to_owned()
                },
                |nearest| format!("did you mean {nearest:?}?"),
            );
            let current = reference.is_none_or(|reference| reference.locator.version == Version::Current);
            let what = if current { "does not exist" } else { "does not exist, or has no such version" };
            (what.to_owned(), vec![hint])
        }
        FetchError::NotFound { missing: Missing::Version, .. } => {
            let current = reference.is_some_and(|reference| reference.locator.version == Version::Current);
            let what =
                if current { "has no value yet (no version with the stage AWSCURRENT)" } else { "has no such version" };
            (what.to_owned(), Vec::new())
        }
        FetchError::Denied { message, cause } => (format!("denied: {message}"), denial(*cause)),
        FetchError::Unavailable(outage) => (outage_text(outage), outage_hint(outage)),
        FetchError::Refused(refusal) => refusal_text(refusal),
        FetchError::NoCredentials(CredentialsError { tried, temporary }) => {
            let what = if *temporary {
                "no AWS credentials: the source that should have them did not answer"
            } else {
                "no AWS credentials"
            };
            (what.to_owned(), tried.iter().map(|(source, why)| format!("{source}: {why}")).collect())
        }
        FetchError::NoRegion => {
            let hint =
                "set --region, AWS_REGION, `region` in the declaration or the profile, or name the secret by its ARN";
            ("no AWS region to read from".to_owned(), vec![hint.to_owned()])
        }
    }
}

fn denial(cause: Denial) -> Vec<String> {
    let hint = match cause {
        Denial::Policy => "allow secretsmanager:GetSecretValue on it to this identity",
        Denial::PolicyOrMissing => {
            "allow secretsmanager:GetSecretValue on it to this identity; AWS also answers like this when there is no secret of that name"
        }
        Denial::Key => "allow kms:Decrypt on the secret's key to this identity, and check that the key is enabled",
        Denial::Credentials => {
            "AWS does not accept the credentials: are they complete, in force, and for this partition and region?"
        }
        Denial::Role => "allow sts:AssumeRole to this identity, in its own policy and in the role's trust policy",
    };
    vec![hint.to_owned()]
}

fn outage_text(outage: &Outage) -> String {
    match outage {
        Outage::Throttled(why) => format!("throttled until the time was over: {why}"),
        Outage::Service(why) => format!("AWS failed: {why}"),
        Outage::Timeout(why) => format!("timed out: {why}"),
        Outage::Connection(why) => format!("not reachable: {why}"),
        Outage::Garbled(why) => format!("what answered does not speak as AWS does: {why}"),
        Outage::ClockSkew(why) => format!("the clock of this machine differs too much from AWS's: {why}"),
    }
}

fn outage_hint(outage: &Outage) -> Vec<String> {
    let hint = match outage {
        Outage::Throttled(_) | Outage::Service(_) => "it may work later; --timeout gives it longer",
        Outage::Timeout(_) | Outage::Connection(_) => {
            "is there a way to it: DNS, a route, a proxy, a VPC endpoint? --timeout gives it longer"
        }
        Outage::Garbled(_) => "is there a proxy or a captive portal in between, or is the endpoint another service's?",
        Outage::ClockSkew(_) => "set the clock",
    };
    vec![hint.to_owned()]
}

fn refusal_text(refusal: &Refusal) -> (String, Vec<String>) {
    match refusal {
        Refusal::MarkedForDeletion => (
            "is marked for deletion".to_owned(),
            vec!["restore it (aws secretsmanager restore-secret), or name another".to_owned()],
        ),
        Refusal::NoValue => ("AWS answered without a value".to_owned(), vec!["put a value into it".to_owned()]),
        Refusal::Certificate(why) => (
            format!("the server's certificate is not trusted: {why}"),
            vec![
                "if it is a proxy's or a private endpoint's, name its roots with --ca-bundle or AWS_CA_BUNDLE"
                    .to_owned(),
            ],
        ),
        Refusal::TrustStore(why) => (format!("root certificates cannot be read: {why}"), Vec::new()),
        Refusal::NotYet => ("parameters of SSM cannot be read yet".to_owned(), Vec::new()),
        Refusal::Request(why) => (format!("refused: {why}"), Vec::new()),
    }
}
