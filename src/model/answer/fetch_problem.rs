//! The words of a failed request: the message, and the remedy.

use super::failed_request::FailedRequest;
use super::fetch_error::{
    CredentialsError, Denial, FetchError, FetchFailure, Missing, Refusal, Wanted,
};
use super::outage::{Outage, OutageKind, Reason};
use crate::model::entry::Subject;
use crate::model::problem::{Impact, Problem, Status};
use crate::model::reference::{Aliases, SecretRef, Store, Version};
use crate::model::suggest::did_you_mean;

impl FetchFailure {
    /// Returns the problem of an entry whose reference was not answered.
    pub fn problem(&self, reference: &SecretRef, subject: &Subject, aliases: &Aliases) -> Problem {
        let Self {
            region,
            error,
            is_local,
            elsewhere,
            waited,
            notes,
            remedies,
        } = self;
        let (aliases, region, is_local) = (Some(aliases), region.as_ref(), *is_local);
        let request = FailedRequest {
            reference: Some(reference),
            subject: Some(subject),
            aliases,
            region,
            is_local,
            hides_name: self.hides_name(reference),
        };
        let mut problem = error.problem(&request);
        let mut subject = subject.clone();
        if request.hides_name {
            subject = subject.hidden();
            // A denial of AWS's quotes the name.
            problem.text = problem.text.replace(&reference.locator.written_id(), "…");
        }
        if request.hides_name && !is_local {
            let note = "the name is not shown, because it may be a value; if it is, rotate that value, because AWS has received it as a name";
            problem.notes.push(note.to_owned());
        }
        if matches!(
            error,
            FetchError::NoCredentials(_) | FetchError::NoRegion { .. }
        ) {
            problem.help = problem
                .help
                .map(|help| [remedies.as_slice(), &[help]].concat().join(", "));
        }
        let elsewhere = elsewhere
            .iter()
            .map(|(region, error)| format!("region {region} (fallback): {}", error.text()));
        problem.notes = elsewhere
            .chain(problem.notes)
            .chain(notes.iter().cloned())
            .collect();
        if let Some(waited) = waited {
            problem.status = Status::Temporary;
            problem.text += &format!(
                ", after waiting {} (--wait)",
                humantime::format_duration(*waited)
            );
        }
        problem.of(subject, Impact::Unread)
    }
}

impl FetchError {
    /// Returns the reason alone, without the id of the request.
    pub fn text(&self) -> String {
        match self {
            Self::Unavailable(outage) => outage.text(),
            other => other.problem(&FailedRequest::default()).text,
        }
    }

    /// Returns everything that is said about the error.
    pub fn problem(&self, request: &FailedRequest<'_>) -> Problem {
        let problem = match self {
            Self::NotFound { missing, nearest } => not_found(*missing, nearest.as_deref(), request),
            Self::Denied {
                message,
                cause,
                identity,
            } => {
                let what = if *cause == Denial::Credentials {
                    "credentials"
                } else {
                    "caller"
                };
                let mut problem = with_reason("denied", message);
                problem.notes.extend(
                    identity
                        .iter()
                        .map(|identity| format!("{what}: {identity}")),
                );
                problem.help(
                    policy_remedy(&message.text).unwrap_or_else(|| permission(*cause, request)),
                )
            }
            Self::Unavailable(outage) => {
                unavailable(outage).replace_help(request.region_hint(outage.kind))
            }
            Self::Refused(refusal) => refused(refusal),
            Self::NoCredentials(error) => no_credentials(error),
            Self::NoRegion { .. } => {
                let help = "set --region, AWS_REGION, `region` in the declaration or the profile, or name the secret by its ARN";
                Problem::configuration("no AWS region to read from").help(help)
            }
        };
        let is_about_stage =
            matches!(self, Self::Refused(Refusal::Request(_))) || self.withholds_value();
        let problem = problem.replace_help(request.stage_hint().filter(|_| is_about_stage));
        let about = match self {
            Self::NotFound { .. }
            | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue) => request.about(false),
            Self::Refused(Refusal::TrustStore(_) | Refusal::Proxy { .. }) => None,
            Self::NoCredentials(_) | Self::NoRegion { .. } => None,
            Self::Denied { .. } | Self::Unavailable(_) | Self::Refused(_) => request.about(true),
        };
        Problem {
            status: self.status(),
            about,
            ..problem.code(self.code())
        }
    }
}

/// Returns a problem whose message ends with the description of a failure.
fn with_reason(what: &str, reason: &Reason) -> Problem {
    let text = format!("{what}: {}", reason.text);
    Problem {
        detail: reason.detail.clone(),
        ..Problem::configuration(text)
    }
}

fn not_found(missing: Missing, nearest: Option<&str>, request: &FailedRequest<'_>) -> Problem {
    let id = request
        .reference
        .map(|reference| reference.locator.written_id())
        .unwrap_or_default();
    let version = request
        .reference
        .map_or(&Version::Current, |reference| &reference.locator.version);
    if request
        .reference
        .is_some_and(|reference| reference.locator.is_path())
    {
        let help = match request.is_local {
            true => format!("the --local file has no id that begins with {id:?}"),
            false => "check the path, the region and the account".to_owned(),
        };
        return Problem::configuration("there are none").help(help);
    }
    match missing {
        Missing::Secret => {
            let is_alias = request
                .aliases
                .is_some_and(|aliases| aliases.contains_key(&id));
            let help = match nearest {
                _ if is_alias => {
                    "an alias has this name, but applies only to its own file and later files, and not in other aliases"
                        .to_owned()
                }
                Some(nearest) => did_you_mean(nearest),
                None if request.hides_name && request.is_local => request.or_literal("add it to the --local file".to_owned()),
                None if request.is_local => request.or_key("the --local file has no such id".to_owned()),
                None if request.is_env_from() && id.starts_with("ssm:/") => did_you_mean(&format!("{id}/")),
                None if id.starts_with('/') => did_you_mean(&format!("ssm:{id}")),
                None => request.or_key(request.or_literal(request.or_default("its name, the region and the account"))),
            };
            let what = match version {
                Version::Current => "does not exist",
                Version::Stage(_) | Version::Id(_) | Version::Both { .. } => {
                    "does not exist, or has no such version"
                }
            };
            Problem::configuration(what).help(help)
        }
        Missing::Version => {
            let check = request.or_default("its name, labels and versions");
            let (what, help) = match (request.store(), version) {
                _ if request.is_local => (
                    "has no such version",
                    "add it under `$stages` in the --local file".to_owned(),
                ),
                (Store::ParameterStore, _) => {
                    ("does not exist, or has no such label or version", check)
                }
                (Store::SecretsManager, Version::Current) => {
                    let help = "store one: aws secretsmanager put-secret-value".to_owned();
                    (
                        "has no value yet (no version with the stage AWSCURRENT)",
                        help,
                    )
                }
                (Store::SecretsManager, _) => ("has no such version", request.or_key(check)),
            };
            Problem::configuration(what).help(help)
        }
    }
}

/// The kinds of policies that AWS's message about a denial names, other than one of the caller that lacks a permission, and who can change
/// one (IAM User Guide, "Troubleshoot access denied error messages").
const POLICIES: [(&str, &str); 5] = [
    // A service control policy or a resource control policy.
    (
        "control policy",
        "whoever administers the AWS organization can change it",
    ),
    (
        "permissions boundary",
        "whoever set the boundary of this identity can change it",
    ),
    (
        "session policy",
        "whoever assumes the role, or issues the session, can change it",
    ),
    (
        "VPC endpoint policy",
        "whoever administers the VPC can change it, or use another endpoint",
    ),
    (
        "resource-based policy",
        "whoever owns the secret, the parameter or the key can change it",
    ),
];

/// Returns the remedy for a denial that another policy than the caller's own decides, or that one of the caller's own makes explicitly.
fn policy_remedy(message: &str) -> Option<String> {
    let denies = message
        .split_once("with an explicit deny in ")
        .map(|(_, policy)| policy);
    let policy = denies.or_else(|| message.split_once("because no ").map(|(_, policy)| policy))?;
    if let Some((name, remedy)) = POLICIES.iter().find(|(name, _)| policy.contains(name)) {
        let verb = if denies.is_some() {
            "denies"
        } else {
            "does not allow"
        };
        return Some(format!("a {name} {verb} this: {remedy}"));
    }
    denies.map(|_| {
        "a policy of this identity denies this explicitly: remove the deny, since no other policy can override it"
            .to_owned()
    })
}

fn permission(cause: Denial, request: &FailedRequest<'_>) -> String {
    let help = match cause {
        Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata => {
            return request.or_literal(request.permission_help(cause));
        }
        Denial::Key => {
            "allow this identity to perform kms:Decrypt on its key, and check that the key is enabled"
        }
        Denial::Token => {
            "the agent takes the token of its own host: AWS_TOKEN, else /var/run/awssmatoken"
        }
        Denial::Credentials => {
            "check that the credentials are complete, not expired, and for this partition and region"
        }
        Denial::RoleRequest => "check the ARN of the role, and its external id",
        Denial::Role => {
            "allow this identity to perform sts:AssumeRole, in its own policy and in the role's trust policy"
        }
    };
    help.to_owned()
}

fn unavailable(Outage { kind, reason, .. }: &Outage) -> Problem {
    let help = match kind {
        OutageKind::Throttled | OutageKind::Service => {
            "try again later; outside Lambda, --timeout allows more time"
        }
        OutageKind::Timeout | OutageKind::Connection => {
            "check the region, DNS, routes, the proxy and VPC endpoints"
        }
        OutageKind::Handshake => {
            "check the proxy and firewalls; one that looks for the server's name in the first packet passes --key-exchange classical \
             (docs/troubleshooting.md)"
        }
        OutageKind::AgentConnection => "check that the agent runs, and its port (--agent=URL)",
        OutageKind::MalformedResponse => {
            "check the endpoint, and for a proxy or captive portal in between"
        }
        OutageKind::ClockSkew => "set the clock of this machine",
    };
    let message = kind.message();
    // One fault of AWS's has several codes.
    if matches!(kind, OutageKind::Throttled | OutageKind::Service) {
        return Problem {
            detail: format!(": {reason}"),
            ..Problem::temporary(message).help(help)
        };
    }
    with_reason(message, reason).help(help)
}

fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::MarkedForDeletion => Problem::configuration("is marked for deletion")
            .help("restore it (aws secretsmanager restore-secret), or name another"),
        Refusal::NoValue => {
            Problem::configuration("AWS returned no value").help("store a value in it")
        }
        Refusal::Certificate { why, help } => {
            Problem::configuration(format!("the server's certificate is not trusted: {why}"))
                .replace_help(*help)
        }
        Refusal::TrustStore(why) => {
            Problem::configuration(format!("root certificates cannot be read: {why}"))
        }
        Refusal::Proxy {
            proxy,
            has_password,
        } => {
            let what = match has_password {
                true => "rejects the user name and password in its URL",
                false => "requires a user name and a password",
            };
            let help = "write them into HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT, special characters as %XX";
            Problem::configuration(format!("the proxy {proxy} {what} (HTTP status 407)")).help(help)
        }
        Refusal::Agent(why) => Problem::configuration(format!("the Secrets Manager Agent {why}"))
            .help("run without --agent, or remove this setting"),
        Refusal::Request(why) => with_reason("refused", why),
    }
}

fn no_credentials(
    CredentialsError {
        what,
        tried,
        has_tried_all,
        temporary,
        help,
        ..
    }: &CredentialsError,
) -> Problem {
    let (missing, sources) = match what {
        Wanted::Credentials => (
            "no AWS credentials",
            "log in (`aws sso login`), or give the task, the pod or the instance a role",
        ),
        Wanted::Token => (
            "no token for the Secrets Manager Agent",
            "set AWS_TOKEN to the agent's token, or to file:// and the path of its file",
        ),
    };
    let mut notes = tried.clone();
    // A source that is configured, and fails, ends the search, and is the reason.
    let failed = if *has_tried_all { None } else { notes.pop() };
    let text = match failed {
        Some(failed) => format!("{missing}: {failed}"),
        None if *temporary => format!("{missing}: a source did not answer"),
        None => missing.to_owned(),
    };
    let help = help.clone().or(has_tried_all.then(|| sources.to_owned()));
    Problem {
        notes,
        help,
        ..Problem::configuration(text)
    }
}
