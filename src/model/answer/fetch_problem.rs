//! The words of a failed request: the message, and the remedy.

use super::failed_request::FailedRequest;
use super::fetch_error::{Denial, FetchError, FetchFailure, Missing, Refusal};
use super::outage::{Outage, OutageKind, Reason, WRONG_CLOCK};
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
            let note = "the name is not shown, because it may be a password. AWS has received it as a name: if it is a password, change it";
            problem.notes.push(note.to_owned());
        }

        let mut notes = Vec::new();
        if let (Some(region), [_, ..]) = (&self.region, self.elsewhere.as_slice()) {
            notes.push(format!("this is the error in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            notes.push(format!("in the fallback region {region}, {}", error.text()));
        }
        notes.append(&mut problem.notes);
        notes.extend_from_slice(&self.notes);
        if let Some(role) = &reference.locator.role {
            notes.push(format!("the secret is read with the role {}", role.arn));
        }
        problem.notes = notes;

        if let Some(waited) = self.waited {
            problem.status = Status::Temporary;
            let waited = humantime::format_duration(waited);
            problem
                .notes
                .push(format!("secrets-exec tried for {waited} (--wait)"));
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

    /// Returns the words of the headline before the secret, with a blank at their end. [`Self::problem`] has those after it. `None` if
    /// the headline doesn't name the secret, because the reason lies elsewhere.
    pub fn before_secret(&self) -> Option<&'static str> {
        match self {
            Self::Denied { cause, .. } if *cause != Denial::Key => Some("access to "),
            Self::Unavailable(Outage {
                kind: OutageKind::Throttled | OutageKind::Service | OutageKind::MalformedResponse,
                failed: None,
                ..
            })
            | Self::Refused(Refusal::Request(_)) => Some("the request for "),
            Self::Denied { .. }
            | Self::NotFound { .. }
            | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue | Refusal::Agent(_)) => {
                Some("")
            }
            Self::Unavailable(_)
            | Self::Refused(_)
            | Self::NoCredentials(_)
            | Self::NoRegion { .. } => None,
        }
    }
}

impl Missing {
    /// Returns the predicate for what does not exist, in the current version of a secret.
    pub fn text(self) -> &'static str {
        match self {
            Self::Secret => "does not exist",
            Self::Version => "has no value yet (no version has the stage AWSCURRENT)",
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
    let headline = if cause == Denial::Key {
        "could not be decrypted by KMS"
    } else {
        "was denied"
    };
    let mut problem = with_message_of_aws(headline, message);
    if let Some(identity) = identity {
        problem.notes.push(format!("the caller is {identity}"));
    }
    let help = match cause {
        Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata | Denial::Key => None,
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
    ("control policy", "an administrator of the AWS organization"),
    (
        "permissions boundary",
        "the administrator who set the boundary",
    ),
    (
        "session policy",
        "the service that assumes the role or issues the session",
    ),
    ("VPC endpoint policy", "an administrator of the VPC"),
    (
        "resource-based policy",
        "the owner of the secret, the parameter or the key",
    ),
];

/// Returns the remedy for a denial that another policy than the caller's own decides, or that one of the caller's own makes explicitly.
fn policy_remedy(message: &str) -> Option<String> {
    let denies = message
        .split_once("with an explicit deny in ")
        .map(|(_, policy)| policy);
    let policy = denies.or_else(|| message.split_once("because no ").map(|(_, policy)| policy))?;
    if let Some((name, who)) = POLICIES.iter().find(|(name, _)| policy.contains(name)) {
        return Some(match denies {
            Some(_) => format!("{who} has to change the {name} that denies this"),
            None => format!("{who} has to allow this in the {name}"),
        });
    }
    denies.map(|_| {
        "remove the explicit deny from the caller's own policy: no other policy can override it"
            .to_owned()
    })
}

fn unavailable(outage: &Outage) -> Problem {
    let reason = &outage.reason;
    let itself = || with_detail(outage.text(), reason);
    let later = "try again later, or allow more time for retries with --timeout";
    let set_clock = "correct this machine's clock, for example with NTP";
    let (problem, help) = match outage.kind {
        OutageKind::Throttled => (with_message_of_aws("was throttled by AWS", reason), later),
        OutageKind::Service => (
            with_message_of_aws("failed because of an error at AWS", reason),
            later,
        ),
        OutageKind::Timeout => (
            itself(),
            "check the network between this machine and AWS (DNS, routes, firewalls), or allow more time with --timeout",
        ),
        OutageKind::Lookup => (
            itself(),
            "check the region, and the DNS server of this machine",
        ),
        OutageKind::Silent => (
            itself(),
            "in a VPC, add a NAT gateway or a VPC endpoint for the service, and allow port 443 in the endpoint's security group; \
             elsewhere, check the firewall, or set HTTPS_PROXY if the network needs a proxy",
        ),
        OutageKind::Connection => (
            itself(),
            "check the firewall and the routes, or set HTTPS_PROXY if the network needs a proxy",
        ),
        OutageKind::Handshake => (
            itself(),
            "if a firewall or proxy in between does not accept large first messages, pass --key-exchange classical (docs/troubleshooting.md)",
        ),
        OutageKind::AgentConnection => (
            itself(),
            "start the agent on this host, or leave out --agent",
        ),
        OutageKind::MalformedResponse => (
            with_detail(format!("got {}", reason.text), reason),
            "check for a proxy or captive portal between this machine and AWS",
        ),
        OutageKind::ClockSkew => (with_message_of_aws(WRONG_CLOCK, reason), set_clock),
        OutageKind::EarlyCertificate => (itself(), set_clock),
    };
    // A request that was not for the secret has a headline of its own.
    let problem = if outage.failed.is_some() {
        itself()
    } else {
        problem
    };
    problem.help(outage.help.as_deref().unwrap_or(help))
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
        Refusal::MarkedForDeletion => Problem::configuration("is marked for deletion"),
        Refusal::NoValue => Problem::configuration("has no value").help("store a value in it"),
        Refusal::Certificate { why, help } => Problem::configuration(why).replace_help(*help),
        Refusal::TrustStore(why) => Problem::configuration(why)
            .help("correct --ca-bundle, AWS_CA_BUNDLE, SSL_CERT_FILE or SSL_CERT_DIR"),
        Refusal::Proxy {
            proxy,
            variable,
            has_password,
        } => {
            let (what, help) = match has_password {
                true => (
                    "rejects the user name and password in its URL",
                    format!("correct them in {variable}, with special characters as %XX"),
                ),
                false => (
                    "requires a user name and a password",
                    format!(
                        "write {variable}=http://USER:PASSWORD@{proxy}, with special characters as %XX"
                    ),
                ),
            };
            let text = format!("the proxy {proxy} ({variable}) {what} (HTTP status 407)");
            Problem::configuration(text).help(help)
        }
        Refusal::Agent(why) => Problem::configuration(format!(
            "can't be read with --agent, because the Secrets Manager Agent {why}"
        ))
        .help("run without --agent, or remove this setting"),
        Refusal::NotSent(why) => Problem::configuration(&why.text),
        Refusal::Request(why) => {
            let is_of_another_account = why.text.contains("different AWS account");
            with_message_of_aws("was refused by AWS", why).replace_help(
                is_of_another_account.then_some(
                    "encrypt the secret with a customer managed KMS key, and share that key with this account, too",
                ),
            )
        }
    }
}
