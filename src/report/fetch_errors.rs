//! Why variables have no value: what they have in common is said once, with every variable it is about.

use crate::model::answer::{AgentLimit, CredentialsError, Denial, FetchError, Missing, Outage, Refusal, Wanted};
use crate::model::reference::{Locator, SecretRef, Store, Version};
use crate::model::suggest;

/// `secret prod/db`, `parameter /prod/db`
pub fn name(locator: &Locator) -> String {
    format!("{} {}", locator.store, locator.id)
}

pub fn fetching(
    error: &FetchError,
    reference: Option<&SecretRef>,
    is_local: bool,
    aliases: &[String],
) -> (String, Vec<String>) {
    let id = reference.map(|reference| reference.locator.written_id()).unwrap_or_default();
    let store = reference.map_or(Store::SecretsManager, |reference| reference.locator.store);
    match error {
        FetchError::NotFound { missing: Missing::Secret, nearest } => {
            let is_alias = aliases.contains(&id);
            let nearest = nearest.as_deref().or_else(|| suggest::nearest(&id, aliases.iter().map(String::as_str)));
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

pub fn outage(outage: &Outage) -> String {
    match outage {
        Outage::Throttled(why) => format!("throttled to the end: {why}"),
        Outage::Service(why) => format!("AWS failed: {why}"),
        Outage::Timeout(why) => format!("timed out: {why}"),
        Outage::Connection(why) => format!("not reachable: {why}"),
        Outage::MalformedResponse(why) => format!("what answered does not speak as AWS does: {why}"),
        Outage::ClockSkew(why) => format!("the clock of this machine differs too much from AWS's: {why}"),
    }
}

fn outage_hint(outage: &Outage) -> Vec<String> {
    let hint = match outage {
        Outage::Throttled(_) | Outage::Service(_) => "it may work later; --timeout gives it longer",
        Outage::Timeout(_) | Outage::Connection(_) => {
            "is there a way to it: DNS, a route, a proxy, a VPC endpoint? --timeout gives it longer"
        }
        Outage::MalformedResponse(_) => {
            "is there a proxy or a captive portal in between, or is the endpoint another service's?"
        }
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
        Refusal::OtherRegion { asked, found } => (
            format!("the answer comes from region {found}, but {asked} was asked"),
            vec![
                "check the endpoint (--endpoint-url, AWS_ENDPOINT_URL) or the agent: it serves another region"
                    .to_owned(),
            ],
        ),
        Refusal::OtherAccount { asked, found } => (
            format!("the answer comes from account {found}, but {asked} was asked"),
            vec!["check the endpoint and the role, or name the secret by its ARN".to_owned()],
        ),
        Refusal::Agent(beyond) => {
            let what = match beyond {
                AgentLimit::Role => "the Secrets Manager Agent reads with its own role alone",
                AgentLimit::Region => "the Secrets Manager Agent reads in its own region alone",
                AgentLimit::Parameter => "the Secrets Manager Agent reads parameters in Lambda alone",
            };
            (what.to_owned(), vec!["launch without --agent, or leave this out".to_owned()])
        }
        Refusal::Request(why) => (format!("refused: {why}"), Vec::new()),
        Refusal::Status(status) => (format!("refused: HTTP status {status}"), Vec::new()),
    }
}
