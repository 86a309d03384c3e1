//! The words of a failed request: the message, and the remedy.

use super::failed_request::FailedRequest;
use super::fetch_error::{Denial, FetchError, FetchFailure, Missing, Refusal};
use super::outage::{Outage, OutageKind, Reason};
use crate::model::entry::Subject;
use crate::model::problem::{Impact, Problem, Status};
use crate::model::reference::{Aliases, SecretRef};

impl FetchFailure {
    /// Returns the problem of an entry whose reference was not answered.
    pub fn problem(&self, reference: &SecretRef, subject: &Subject, aliases: &Aliases) -> Problem {
        let request = FailedRequest {
            failure: self,
            reference,
            subject,
            aliases,
            hides_name: self.hides_name(reference),
        };
        let mut problem = self.error.problem();
        if let FetchError::NotFound { missing, .. } = self.error {
            problem.text = request.absence(missing);
        }
        problem.help = request.hint(problem.help);
        problem.about = request.about();

        let mut subject = subject.clone();
        if request.hides_name {
            subject = subject.hidden();
            // A denial of AWS's quotes the name.
            let name = reference.locator.written_id();
            problem.aws_says = problem.aws_says.map(|text| text.replace(&name, "…"));
        }
        if request.hides_name && !self.is_local {
            let note = "the name is not shown, because it may be a value; if it is one, rotate that value, because it was sent to AWS as a name";
            problem.notes.push(note.to_owned());
        }

        let mut notes = Vec::new();
        for (region, error) in &self.elsewhere {
            notes.push(format!("the fallback region {region}: {}", error.text()));
        }
        notes.append(&mut problem.notes);
        notes.extend_from_slice(&self.notes);
        if let Some(role) = &reference.locator.role {
            notes.push(format!("the role for this secret is {}", role.arn));
        }
        problem.notes = notes;

        if let Some(waited) = self.waited {
            problem.status = Status::Temporary;
            let waited = humantime::format_duration(waited);
            problem.notes.push(format!("--wait ended after {waited}"));
        }
        problem.of(subject, Impact::Unread)
    }
}

impl FetchError {
    /// Returns the reason on its own, without the secret and without the id of the request.
    pub fn text(&self) -> String {
        match self {
            Self::Unavailable(outage) => outage.text(),
            Self::Denied { message, .. } => format!("access denied: {}", message.text),
            Self::Refused(Refusal::Request(why)) => {
                format!("AWS refused the request: {}", why.text)
            }
            Self::NotFound { missing, .. } => format!("it {}", missing.text()),
            Self::Refused(_) | Self::NoCredentials(_) | Self::NoRegion { .. } => {
                self.problem().text
            }
        }
    }

    /// Returns the problem of the error, without the parts that depend on the request.
    pub fn problem(&self) -> Problem {
        let problem = match self {
            Self::NotFound { missing, .. } => Problem::configuration(missing.text()),
            Self::Denied {
                message,
                cause,
                identity,
            } => denied(message, *cause, identity.as_deref()),
            Self::Unavailable(outage) => unavailable(outage),
            Self::Refused(refusal) => refused(refusal),
            Self::NoCredentials(error) => (*error.problem).clone(),
            Self::NoRegion { .. } => Problem::configuration("no AWS region is set")
                .help("add --region or set AWS_REGION, for example AWS_REGION=us-east-1"),
        };
        Problem {
            status: self.status(),
            ..problem.code(self.code())
        }
    }

    /// Returns the words of the headline before the secret, with a blank at their end. [`Self::problem`] has those after it.
    pub fn before_secret(&self) -> &'static str {
        match self {
            Self::Denied { .. } => "access to ",
            Self::Unavailable(_)
            | Self::Refused(Refusal::Request(_) | Refusal::Certificate { .. }) => "reading ",
            Self::NotFound { .. }
            | Self::Refused(_)
            | Self::NoCredentials(_)
            | Self::NoRegion { .. } => "",
        }
    }
}

impl Missing {
    /// Returns the predicate for what does not exist, in the current version of a secret.
    pub fn text(self) -> &'static str {
        match self {
            Self::Secret => "does not exist",
            Self::Version => "has no value yet (no version with the stage AWSCURRENT)",
        }
    }
}

/// Returns a problem with a message of AWS's.
fn with_message_of_aws(headline: &str, message: &Reason) -> Problem {
    Problem {
        aws_says: Some(message.text.clone()),
        detail: message.detail.clone(),
        ..Problem::configuration(headline)
    }
}

/// Returns the problem of a denial. Its help is missing if it depends on the request.
fn denied(message: &Reason, cause: Denial, identity: Option<&str>) -> Problem {
    let mut problem = with_message_of_aws("was denied", message);
    if let Some(identity) = identity {
        problem.notes.push(format!("caller: {identity}"));
    }
    let help = match cause {
        Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata => None,
        Denial::Key => Some(
            "allow this identity to perform kms:Decrypt on its key, and check that the key is enabled",
        ),
        // Those of the agent: other credentials have an error of their own.
        Denial::Credentials(_) => Some(
            "renew the AWS credentials of the Secrets Manager Agent, which AWS does not accept",
        ),
    };
    problem.help = policy_remedy(&message.text).or(help.map(str::to_owned));
    problem
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
        OutageKind::AgentConnection => "start the agent on this host, or leave out --agent",
        OutageKind::MalformedResponse => {
            "check the endpoint, and for a proxy or captive portal in between"
        }
        OutageKind::ClockSkew => "set the clock of this machine",
    };
    let text = &reason.text;
    let problem = match kind {
        OutageKind::Throttled => with_message_of_aws("was throttled by AWS", reason),
        OutageKind::Service => with_message_of_aws("failed because of an error at AWS", reason),
        OutageKind::ClockSkew => with_message_of_aws(
            "failed because the clock of this machine differs too much from AWS's",
            reason,
        ),
        OutageKind::Timeout => with_detail(format!("timed out: {text}"), reason),
        OutageKind::Connection | OutageKind::Handshake => {
            with_detail(format!("failed: {text}"), reason)
        }
        OutageKind::AgentConnection => with_detail(
            format!("the Secrets Manager Agent can't be reached: {text}"),
            reason,
        ),
        OutageKind::MalformedResponse => with_detail(
            format!("failed because the response is malformed, or isn't from AWS: {text}"),
            reason,
        ),
    };
    problem.help(help)
}

/// Returns a problem whose headline ends with the detail of a reason.
fn with_detail(headline: String, reason: &Reason) -> Problem {
    Problem {
        detail: reason.detail.clone(),
        ..Problem::configuration(headline)
    }
}

fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::MarkedForDeletion => Problem::configuration("is marked for deletion")
            .help("restore it (aws secretsmanager restore-secret), or name another"),
        Refusal::NoValue => Problem::configuration("has no value").help("store a value in it"),
        Refusal::Certificate { why, help } => Problem::configuration(format!(
            "failed because the server's certificate is not trusted: {why}"
        ))
        .replace_help(*help),
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
        Refusal::Agent(why) => Problem::configuration(format!(
            "can't be read with --agent, because the Secrets Manager Agent {why}"
        ))
        .help("run without --agent, or remove this setting"),
        Refusal::Request(why) => with_message_of_aws("was refused by AWS", why),
    }
}
