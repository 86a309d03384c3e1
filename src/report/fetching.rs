//! Why variables have no value: what they have in common is said once, with every variable it is about.

use super::extracting::{expansion, extraction, rendering};
use super::{CONFIGURATION, DENIED, TEMPORARY};
use crate::fetched::{
    BeyondAgent, CredentialsError, Denial, FetchError, FetchFailure, Missing, Outage, Refusal, Wanted,
};
use crate::reference::{Locator, Region, SecretRef, Store, Version};
use crate::resolve::{Problem, ResolveError};
use crate::suggest;

pub(super) fn status(error: &ResolveError) -> u8 {
    match &error.problem {
        Problem::Extract { .. } | Problem::Expand { .. } | Problem::Render { .. } | Problem::NotBase64 => CONFIGURATION,
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
            FetchError::Refused(
                Refusal::MarkedForDeletion
                | Refusal::NoValue
                | Refusal::Certificate { .. }
                | Refusal::TrustStore(_)
                | Refusal::Agent(_)
                | Refusal::Request(_),
            ) => CONFIGURATION,
        },
    }
}

/// One paragraph for each thing that went wrong, in the order of the plan.
pub(super) fn lines(errors: &[ResolveError], aliases: &[String]) -> Vec<String> {
    let mut groups: Vec<(&ResolveError, Vec<String>)> = Vec::new();
    for error in errors {
        let who = error.subject.to_string();
        match groups.iter_mut().find(|(first, _)| is_same(first, error)) {
            Some((_, subjects)) => subjects.push(who),
            None => groups.push((error, vec![who])),
        }
    }
    groups.into_iter().flat_map(|(error, subjects)| paragraph(error, &subjects, aliases)).collect()
}

/// Whether two failures are one to whoever mends them: the same secret cannot be read, or nothing can.
fn is_same(left: &ResolveError, right: &ResolveError) -> bool {
    let locator = |error: &ResolveError| error.reference.as_ref().map(|reference| reference.locator.clone());
    matches!(left.problem, Problem::Fetch(_))
        && left.problem == right.problem
        && (is_about_everything(&left.problem) || locator(left) == locator(right))
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
        Problem::Extract { .. } | Problem::Expand { .. } | Problem::Render { .. } | Problem::NotBase64 => false,
    }
}

fn paragraph(failure: &ResolveError, subjects: &[String], aliases: &[String]) -> Vec<String> {
    let reference = failure.reference.as_ref();
    let (region, (what, hints)) = match &failure.problem {
        Problem::NotBase64 => {
            let hint = "leave `decode` out, or mend the value".to_owned();
            (None, ("the value is not base64, which `decode` expects".to_owned(), vec![hint]))
        }
        Problem::Extract { region, error } => (region.as_ref(), extraction(reference, error)),
        Problem::Expand { region, error } => (region.as_ref(), expansion(reference, error)),
        Problem::Render { region, error } => (region.as_ref(), rendering(error)),
        Problem::Fetch(FetchFailure { region, error, is_local, elsewhere }) => {
            let (what, hints) = fetching(error, reference, *is_local, aliases);
            let elsewhere = elsewhere.iter().map(|(region, error)| {
                format!("region {region}, asked instead: {}", fetching(error, reference, false, aliases).0)
            });
            (region.as_ref(), (what, elsewhere.chain(hints).collect()))
        }
    };
    let mut line = format!("{}: ", subjects.join(", "));
    if let Some(reference) = reference.filter(|_| !is_about_everything(&failure.problem)) {
        line.push_str(&format!("{}: ", secret(&reference.locator, region)));
    }
    std::iter::once(line + &what).chain(hints.into_iter().map(|hint| format!("  {hint}"))).collect()
}

/// `secret prod/db`, `parameter /prod/db`
pub(super) fn name(locator: &Locator) -> String {
    match locator.store {
        Store::SecretsManager => format!("secret {}", locator.id),
        Store::ParameterStore => {
            let id = locator.id.as_str();
            format!("parameter {}", id.strip_prefix("ssm:").unwrap_or(id))
        }
    }
}

/// `secret prod/db, stage AWSPREVIOUS, region us-east-1, role arn:…`
fn secret(locator: &Locator, region: Option<&Region>) -> String {
    let mut text = name(locator);
    let stage_is = if locator.store == Store::ParameterStore { "label" } else { "stage" };
    match &locator.version {
        Version::Current => {}
        Version::Stage(stage) => text.push_str(&format!(", {stage_is} {stage}")),
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

fn fetching(
    error: &FetchError,
    reference: Option<&SecretRef>,
    is_local: bool,
    aliases: &[String],
) -> (String, Vec<String>) {
    let id = reference.map(|reference| reference.locator.id.as_str()).unwrap_or_default();
    let store = reference.map_or(Store::SecretsManager, |reference| reference.locator.store);
    match error {
        FetchError::NotFound { missing: Missing::Secret, nearest } => {
            let is_alias = aliases.iter().any(|alias| alias == id);
            let nearest = nearest.as_deref().or_else(|| suggest::nearest(id, aliases.iter().map(String::as_str)));
            let hint = match nearest {
                _ if is_alias => {
                    "if the alias of that name is meant: it serves only its own file and later ones, and no other alias"
                        .to_owned()
                }
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None if is_local => "the --local file has no such id".to_owned(),
                None => "check its name, the region and the account, or give the entry a `default` or `optional: true`"
                    .to_owned(),
            };
            let current = reference.is_none_or(|reference| reference.locator.version == Version::Current);
            let what = if current { "does not exist" } else { "does not exist, or has no such version" };
            (what.to_owned(), vec![hint])
        }
        FetchError::NotFound { missing: Missing::Version, .. } if is_local => (
            "has no such version".to_owned(),
            vec!["`$stages` in the --local file gives it versions by stage".to_owned()],
        ),
        FetchError::NotFound { missing: Missing::Version, .. } => {
            let current = reference.is_some_and(|reference| reference.locator.version == Version::Current);
            let what = match store {
                Store::ParameterStore => "does not exist, or has no such label or version",
                Store::SecretsManager if current => "has no value yet (no version with the stage AWSCURRENT)",
                Store::SecretsManager => "has no such version",
            };
            let hint = "check its name, labels and versions, or give the entry a `default` or `optional: true`";
            (what.to_owned(), vec![hint.to_owned()])
        }
        FetchError::Denied { message, cause, identity } => {
            let identity = identity.iter().map(|identity| format!("who asked: {identity}"));
            (format!("denied: {message}"), identity.chain([denial(*cause, store).to_owned()]).collect())
        }
        FetchError::Unavailable(unavailable) => (outage(unavailable), outage_hint(unavailable)),
        FetchError::Refused(refusal) => refusal_text(refusal),
        FetchError::NoCredentials(CredentialsError { what, tried, temporary, waited }) => {
            let missing = match what {
                Wanted::Credentials => "no AWS credentials",
                Wanted::Token => "no token for the Secrets Manager Agent",
            };
            let what = match waited {
                Some(waited) => format!("{missing}, waited for {} (--wait)", humantime::format_duration(*waited)),
                None if *temporary => format!("{missing}: the source that should have them did not answer"),
                None => missing.to_owned(),
            };
            (what, tried.iter().map(|(source, why)| format!("{source}: {why}")).collect())
        }
        FetchError::NoRegion => {
            let hint =
                "set --region, AWS_REGION, `region` in the declaration or the profile, or name the secret by its ARN";
            ("no AWS region to read from".to_owned(), vec![hint.to_owned()])
        }
    }
}

fn denial(cause: Denial, store: Store) -> &'static str {
    match cause {
        Denial::Policy | Denial::PolicyOrMissing if store == Store::ParameterStore => {
            "allow ssm:GetParameters on it to this identity"
        }
        Denial::Policy => "allow secretsmanager:GetSecretValue on it to this identity",
        Denial::PolicyOrMissing => {
            "allow secretsmanager:GetSecretValue on it to this identity; AWS also answers like this when there is no secret of that name"
        }
        Denial::Key => "allow kms:Decrypt on its key to this identity, and check that the key is enabled",
        Denial::Token => {
            "the agent takes the token of its own host: AWS_TOKEN, else /var/run/awssmatoken, else AWS_SESSION_TOKEN"
        }
        Denial::Credentials => {
            "AWS does not accept the credentials: are they complete, in force, and for this partition and region?"
        }
        Denial::Role => "allow sts:AssumeRole to this identity, in its own policy and in the role's trust policy",
    }
}

pub(super) fn outage(outage: &Outage) -> String {
    match outage {
        Outage::Throttled(why) => format!("throttled to the end: {why}"),
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
        Refusal::Certificate { why, is_unknown } => {
            let hint = "if it is a proxy's or a private endpoint's, name its roots with --ca-bundle or AWS_CA_BUNDLE";
            let hints = is_unknown.then(|| hint.to_owned()).into_iter().collect();
            (format!("the server's certificate is not trusted: {why}"), hints)
        }
        Refusal::TrustStore(why) => (format!("root certificates cannot be read: {why}"), Vec::new()),
        Refusal::Agent(beyond) => {
            let what = match beyond {
                BeyondAgent::Role => "the Secrets Manager Agent reads with its own role alone",
                BeyondAgent::Region => "the Secrets Manager Agent reads in its own region alone",
                BeyondAgent::Parameter => "the Secrets Manager Agent reads parameters in Lambda alone",
            };
            (what.to_owned(), vec!["launch without --agent, or leave this out".to_owned()])
        }
        Refusal::Request(why) => (format!("refused: {why}"), Vec::new()),
    }
}
