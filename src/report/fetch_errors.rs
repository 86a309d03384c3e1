//! Messages about documents that could not be fetched, and hints for each cause.

use super::line::Line;
use crate::model::answer::{
    AGENT, AGENT_TOKEN_FILE, AgentLimit, CredentialsError, Denial, FetchError, INSTANCE_METADATA, Missing, Outage,
    Refusal, Wanted,
};
use crate::model::entry::{Origin, Subject, SubjectKind};
use crate::model::reference::{Locator, SecretRef, Store, Version};
use crate::model::suggest;

/// `secret prod/db`, `parameter /prod/db`, `parameters below /prod/`
pub fn name(locator: &Locator) -> String {
    if locator.is_path() {
        format!("parameters below {}", locator.id)
    } else {
        format!("{} {}", locator.store, locator.id)
    }
}

/// Returns the advice for a value that need not exist; `None` for an `env-from` entry, which cannot have a default.
pub fn default_hint(subject: &Subject) -> Option<&'static str> {
    match (subject.kind, &subject.origin) {
        (SubjectKind::EnvFrom, _) => None,
        (SubjectKind::Credential, _) => Some("give the credential a `default`"),
        (SubjectKind::Entry, Origin::File { .. }) => Some("give the entry a `default` or `optional: true`"),
        (SubjectKind::Entry, Origin::Argument(_) | Origin::Inherited) => {
            Some("declare the entry in a file, with a `default` or `optional: true`")
        }
    }
}

fn check_hint(what: &str, default: Option<&str>) -> String {
    match default {
        Some(default) => format!("check {what}, or {default}"),
        None => format!("check {what}"),
    }
}

/// Returns the message about an error alone, without advice.
pub fn fetch_text(error: &FetchError, reference: Option<&SecretRef>) -> String {
    fetching(error, reference, false, &[], None).0
}

/// Returns the message, and the lines below it.
pub fn fetching(
    error: &FetchError,
    reference: Option<&SecretRef>,
    is_local: bool,
    aliases: &[String],
    default: Option<&'static str>,
) -> (String, Vec<Line>) {
    let id = reference.map(|reference| reference.locator.written_id()).unwrap_or_default();
    let store = reference.map_or(Store::SecretsManager, |reference| reference.locator.store);
    let is_path = reference.is_some_and(|reference| reference.locator.is_path());
    match error {
        FetchError::NotFound { .. } if is_path => {
            let hint = if is_local {
                format!("the --local file has no id that begins with {id:?}")
            } else {
                "check the path, the region and the account".to_owned()
            };
            ("there are none".to_owned(), vec![Line::help(hint)])
        }
        FetchError::NotFound { missing: Missing::Secret, nearest } => {
            let is_alias = aliases.contains(&id);
            let nearest = nearest.as_deref().or_else(|| suggest::nearest(&id, aliases.iter().map(String::as_str)));
            let hint = match nearest {
                _ if is_alias => {
                    "an alias has this name, but applies only to its own file and later files, and not in other aliases"
                        .to_owned()
                }
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None if is_local => "the --local file has no such id".to_owned(),
                None => check_hint("its name, the region and the account", default),
            };
            let current = reference.is_none_or(|reference| reference.locator.version == Version::Current);
            let what = if current { "does not exist" } else { "does not exist, or has no such version" };
            (what.to_owned(), vec![Line::help(hint)])
        }
        FetchError::NotFound { missing: Missing::Version, .. } if is_local => {
            ("has no such version".to_owned(), vec![Line::help("add the version under `$stages` in the --local file")])
        }
        FetchError::NotFound { missing: Missing::Version, .. } => {
            let current = reference.is_some_and(|reference| reference.locator.version == Version::Current);
            let what = match store {
                Store::ParameterStore => "does not exist, or has no such label or version",
                Store::SecretsManager if current => "has no value yet (no version with the stage AWSCURRENT)",
                Store::SecretsManager => "has no such version",
            };
            let hint = check_hint("its name, labels and versions", default);
            (what.to_owned(), vec![Line::help(hint)])
        }
        FetchError::Denied { message, cause, identity } => {
            let identity = identity.iter().map(|identity| Line::note(format!("caller: {identity}")));
            (format!("denied: {message}"), identity.chain([Line::help(denial(*cause, store, is_path))]).collect())
        }
        FetchError::Unavailable(unavailable) => (outage(unavailable), outage_hint(unavailable)),
        FetchError::Refused(refusal) => {
            let (what, hints) = refusal_text(refusal);
            (what, hints.into_iter().map(Line::help).collect())
        }
        FetchError::NoCredentials(CredentialsError { what: wanted, tried, temporary, waited }) => {
            let missing = match wanted {
                Wanted::Credentials => "no AWS credentials",
                Wanted::Token => "no token for the Secrets Manager Agent",
            };
            let what = match waited {
                Some(waited) => format!("{missing} after waiting {} (--wait)", humantime::format_duration(*waited)),
                None if *temporary => format!("{missing}: a source did not answer"),
                None => missing.to_owned(),
            };
            let notes = tried.iter().map(|(source, why)| Line::note(format!("{source}: {why}")));
            (what, notes.chain(credentials_hint(wanted, tried).map(Line::help)).collect())
        }
        FetchError::NoRegion => {
            let hint =
                "set --region, AWS_REGION, `region` in the declaration or the profile, or name the secret by its ARN";
            ("no AWS region to read from".to_owned(), vec![Line::help(hint)])
        }
    }
}

/// Returns the hint for a search that no source ended: a source that is set, and fails, has its own reason.
fn credentials_hint(wanted: &Wanted, tried: &[(&'static str, String)]) -> Option<&'static str> {
    match (wanted, tried.last()?.0) {
        (Wanted::Credentials, INSTANCE_METADATA) => Some(
            "choose a profile (AWS_PROFILE), log in (`aws sso login`), or give the task, the pod or the instance a role",
        ),
        (Wanted::Token, AGENT_TOKEN_FILE) => {
            Some("set AWS_TOKEN to the agent's token, or to file:// and the path of its file")
        }
        (Wanted::Credentials | Wanted::Token, _) => None,
    }
}

fn denial(cause: Denial, store: Store, is_path: bool) -> &'static str {
    match cause {
        Denial::Policy | Denial::PolicyOrMissing if is_path => {
            "allow this identity to perform ssm:GetParametersByPath on it and on all below it; secrets-exec policy prints the policy"
        }
        Denial::Policy | Denial::PolicyOrMissing if store == Store::ParameterStore => {
            "allow this identity to perform ssm:GetParameters on it; secrets-exec policy prints the policy"
        }
        Denial::Policy => {
            "allow this identity to perform secretsmanager:GetSecretValue on it; secrets-exec policy prints the policy"
        }
        Denial::PolicyOrMissing => {
            "allow this identity to perform secretsmanager:GetSecretValue on it (secrets-exec policy prints the policy); \
             AWS also answers this if the secret does not exist"
        }
        Denial::Key => "allow this identity to perform kms:Decrypt on its key, and check that the key is enabled",
        Denial::Token => "the agent takes the token of its own host: AWS_TOKEN, else /var/run/awssmatoken",
        Denial::Credentials => {
            "check that the credentials are complete, not expired, and for this partition and region"
        }
        Denial::Role => {
            "allow this identity to perform sts:AssumeRole, in its own policy and in the role's trust policy"
        }
    }
}

pub fn outage(outage: &Outage) -> String {
    match outage {
        Outage::Throttled(why) => format!("throttled until the deadline: {why}"),
        Outage::Service(why) => format!("AWS failed: {why}"),
        Outage::Timeout(why) => format!("timed out: {why}"),
        Outage::Connection(why) => format!("not reachable: {why}"),
        Outage::MalformedResponse(why) => format!("the response is malformed, or not from AWS: {why}"),
        Outage::ClockSkew(why) => format!("the clock of this machine differs too much from that of AWS: {why}"),
    }
}

fn outage_hint(outage: &Outage) -> Vec<Line> {
    let hint = match outage {
        Outage::Throttled(_) | Outage::Service(_) => "try again later, or allow more time with --timeout",
        Outage::Connection(why) if why.starts_with(AGENT) => "check that the agent runs, and its port (--agent=URL)",
        Outage::Timeout(_) | Outage::Connection(_) => {
            "check the region's name, DNS, routes, the proxy and VPC endpoints; --timeout allows more time"
        }
        Outage::MalformedResponse(_) => "check the endpoint, and for a proxy or captive portal in between",
        Outage::ClockSkew(_) => "set the clock of this machine",
    };
    vec![Line::help(hint)]
}

fn refusal_text(refusal: &Refusal) -> (String, Vec<String>) {
    match refusal {
        Refusal::MarkedForDeletion => (
            "is marked for deletion".to_owned(),
            vec!["restore it (aws secretsmanager restore-secret), or name another".to_owned()],
        ),
        Refusal::NoValue => ("AWS returned no value".to_owned(), vec!["store a value in it".to_owned()]),
        Refusal::Certificate { why, help } => {
            (format!("the server's certificate is not trusted: {why}"), help.map(str::to_owned).into_iter().collect())
        }
        Refusal::TrustStore(why) => (format!("root certificates cannot be read: {why}"), Vec::new()),
        Refusal::Proxy { proxy, has_password } => {
            let what = if *has_password {
                "rejects the user name and password in its URL"
            } else {
                "requires a user name and a password"
            };
            let hint = "write them into HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT, special characters as %XX";
            (format!("the proxy {proxy} {what} (HTTP status 407)"), vec![hint.to_owned()])
        }
        Refusal::Agent(limit) => {
            let what = match limit {
                AgentLimit::Role => "the Secrets Manager Agent reads only with its own role",
                AgentLimit::Region => "the Secrets Manager Agent reads only in its own region",
                AgentLimit::Parameter => "the Secrets Manager Agent reads no parameters",
            };
            (what.to_owned(), vec!["run without --agent, or remove this setting".to_owned()])
        }
        Refusal::Request(why) => (format!("refused: {why}"), Vec::new()),
        Refusal::Status(status) => (format!("refused: HTTP status {status}"), Vec::new()),
    }
}
