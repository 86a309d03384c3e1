//! Words a failed request as a [`Problem`].
//!
//! The headline, AWS's message and the general remedy come from the [`FetchError`], and `failed_request` replaces the remedy by a more specific one.
//! AWS's message may quote the name of the secret, so the name is removed from the message if it may be a password.

use super::failed_request::FailedRequest;
use super::fetch_error::{Denial, FetchError, FetchFailure, Missing, Refusal};
use super::outage::{Outage, OutageKind, Reason, WRONG_CLOCK};
use crate::model::entry::Subject;
use crate::model::problem::{Impact, Problem, ReasonScope, Status};
use crate::model::reference::{Aliases, SecretRef};

impl FetchFailure {
    /// Returns the problem for an entry whose request has failed. If the name of the secret may be a password, no part of the problem shows it. After
    /// `--wait`, the failure is temporary, whatever it is.
    pub fn problem(&self, reference: &SecretRef, subject: &Subject, aliases: &Aliases) -> Problem {
        let request = FailedRequest {
            failure: self,
            reference,
            subject,
            aliases,
            hides_name: self.hides_name(reference),
        };
        let mut problem = self.error.problem();
        if let FetchError::NotFound(missing) = self.error {
            problem.text = request.absence(missing);
        }
        problem.help = request.hint(problem.help);
        problem.about = request.about();

        let mut shown_subject = subject.clone();
        if request.hides_name {
            shown_subject = subject.without_reference();
            // A denial of AWS's quotes the name.
            let name = reference.locator.written_id();
            problem.aws_says = problem.aws_says.map(|text| text.replace(&name, "…"));
        }
        if request.hides_name && self.local_file.is_none() {
            let note = "the name is not shown, because it may be a password. secrets-exec has already sent it to AWS as the name of a secret, so if it is a password, change it";
            problem.notes.push(note.to_owned());
        }

        problem.notes = [self.region_notes(), problem.notes, self.notes.clone()].concat();
        if let Some(role) = &reference.locator.role {
            problem = problem.note(format!("the secret is read with the role {}", role.arn));
        }
        if let Some(waited) = self.waited {
            let waited = humantime::format_duration(waited);
            problem = problem.note(format!(
                "secrets-exec kept trying for {waited}, because of --wait"
            ));
            problem.status = Status::Temporary;
        }
        problem.for_entry(shown_subject, Impact::Unread)
    }

    /// Returns the notes about the errors in the fallback regions. There aren't any if only one region was tried.
    fn region_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(region), [_, ..]) = (&self.region, self.elsewhere.as_slice()) {
            notes.push(format!("this is the error in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            notes.push(format!(
                "in the fallback region {region}, {}",
                error.sentence()
            ));
        }
        notes
    }
}

impl FetchError {
    /// Returns the reason as a sentence that can be read without the name of the secret, and without the id of the request.
    pub fn sentence(&self) -> String {
        match self {
            Self::Unavailable(outage) => outage.sentence(),
            Self::Denied { message, .. } => format!("access denied: {}", message.text),
            Self::Refused(Refusal::Request(why)) => {
                format!("AWS refused the request: {}", why.text)
            }
            Self::NotFound(missing) => format!("it {}", missing.predicate()),
            Self::Refused(_) | Self::NoCredentials(_) | Self::NoRegion(_) => self.problem().text,
        }
    }

    /// Returns the problem without the parts that depend on the request. If [`Self::naming`] returns a beginning, the text is only the predicate of a
    /// sentence about the secret.
    pub fn problem(&self) -> Problem {
        let problem = match self {
            Self::NotFound(missing) => Problem::configuration(missing.predicate()),
            Self::Denied {
                message,
                cause,
                identity,
            } => denial_problem(message, *cause, identity.as_deref()),
            Self::Unavailable(outage) => outage_problem(outage),
            Self::Refused(refusal) => refusal_problem(refusal),
            Self::NoCredentials(error) => (*error.problem).clone(),
            Self::NoRegion(_) => Problem::configuration("no AWS region is set")
                .help("add --region or set AWS_REGION, for example AWS_REGION=us-east-1"),
        };
        Problem {
            status: self.status(),
            ..problem.code(self.code())
        }
    }

    /// Returns how a message names the secret. Returns `None` if the failure has nothing to do with a particular secret, so that the message doesn't
    /// name one.
    ///
    /// The string is the beginning of the headline, before the secret: in `access to the secret "prod/db" was denied`, it is `access to `, and
    /// [`Self::problem`] has the rest. If the string is `None`, the headline is about something else, such as a host, and the secret is named in the
    /// line about its entry. The scope says whether one record can name all secrets with the same failure, or each secret needs a record of its own.
    pub fn naming(&self) -> Option<(Option<&'static str>, ReasonScope)> {
        Some(match self {
            // The headline begins with the secret: `the secret "prod/db" does not exist`.
            Self::NotFound(_) | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue) => {
                (Some(""), ReasonScope::OneSecret)
            }
            Self::Refused(Refusal::Agent(_)) => (Some(""), ReasonScope::AnySecret),
            Self::Denied { .. } => (Some("access to "), ReasonScope::AnySecret),
            // An outage with a headline of its own failed at something else, such as a role.
            Self::Unavailable(Outage {
                kind: OutageKind::Throttled | OutageKind::Service | OutageKind::MalformedResponse,
                headline: None,
                ..
            })
            | Self::Refused(Refusal::Request(_)) => {
                (Some("the request for "), ReasonScope::AnySecret)
            }
            Self::Unavailable(_)
            | Self::Refused(Refusal::Certificate { .. } | Refusal::Endpoint { .. }) => {
                (None, ReasonScope::AnySecret)
            }
            Self::Refused(Refusal::TrustStore(_) | Refusal::Proxy { .. } | Refusal::NotSent(_))
            | Self::NoCredentials(_)
            | Self::NoRegion(_) => return None,
        })
    }
}

impl Missing {
    /// Returns the predicate of a sentence about a secret that doesn't exist, or that doesn't have a current version.
    pub fn predicate(self) -> &'static str {
        match self {
            Self::Secret => "does not exist",
            Self::Version => "has no value yet (no version has the stage AWSCURRENT)",
        }
    }
}

/// Returns a problem with AWS's message.
fn with_message_of_aws(headline: &str, message: &Reason) -> Problem {
    Problem {
        aws_says: Some(message.text.clone()),
        detail: message.detail.clone(),
        ..Problem::configuration(headline)
    }
}

/// Returns the problem for a denial. The problem has a help only if the help doesn't depend on the request.
fn denial_problem(message: &Reason, cause: Denial, identity: Option<&str>) -> Problem {
    let headline = if cause == Denial::Key {
        "was denied by KMS"
    } else {
        "was denied"
    };
    let mut problem = with_message_of_aws(headline, message);
    if let Some(identity) = identity {
        problem.notes.push(format!("the caller is {identity}"));
    }
    problem.help = policy_remedy(&message.text);

    // The agent has credentials of its own. An error about those of secrets-exec is a `CredentialsError`.
    if let Denial::Credentials(_) = cause {
        problem = problem.help(
            "renew the AWS credentials of the Secrets Manager Agent, which AWS does not accept",
        );
    }
    problem
}

/// Returns the remedy for a denial that another policy than the caller's own causes. AWS's message names that policy (IAM User Guide, "Troubleshoot
/// access denied error messages"). Returns `None` if the message names no other policy.
fn policy_remedy(message: &str) -> Option<String> {
    if let Some((_, policy)) = message.split_once("with an explicit deny in a") {
        // The message continues with `n identity-based policy: arn:…` or ` service control policy`.
        let kind = policy.trim_start_matches("n ").split(':').next()?.trim();
        return Some(format!(
            "an administrator has to change the {kind}: no other policy can override its explicit deny"
        ));
    }

    let (_, policy) = message.split_once("because no ")?;
    match policy.split_once(" allows ")? {
        ("identity-based policy", _) => None,
        (kind, _) => Some(format!(
            "an administrator has to allow this in the {kind}, too"
        )),
    }
}

/// Returns the problem for a failure that may be temporary. Its remedy is the one of this failure, if there is one, or that of every failure of this
/// kind.
fn outage_problem(outage: &Outage) -> Problem {
    let reason = &outage.reason;
    let problem = match outage.kind {
        // A request that was not for the secret has a sentence of its own.
        _ if outage.headline.is_some() => with_detail(outage.sentence(), reason),
        OutageKind::Throttled => with_message_of_aws("was throttled by AWS", reason),
        OutageKind::Service => with_message_of_aws("failed because of an error at AWS", reason),
        OutageKind::ClockSkew => with_message_of_aws(WRONG_CLOCK, reason),
        OutageKind::MalformedResponse => with_detail(format!("got {}", reason.text), reason),
        OutageKind::Timeout
        | OutageKind::Lookup
        | OutageKind::Silent
        | OutageKind::Connection
        | OutageKind::Handshake
        | OutageKind::NotTls
        | OutageKind::AgentConnection
        | OutageKind::EarlyCertificate => with_detail(outage.sentence(), reason),
    };
    let help = outage.help.as_deref();
    problem.help(help.unwrap_or(outage_remedy(outage.kind)))
}

/// Returns the remedy for every outage of a kind.
fn outage_remedy(kind: OutageKind) -> &'static str {
    match kind {
        OutageKind::Throttled | OutageKind::Service => {
            "try again later, or allow more time for retries with --timeout"
        }
        OutageKind::Timeout => {
            "check the network between this machine and AWS (DNS, routes, firewalls), or allow more time with --timeout"
        }
        OutageKind::Lookup => "check the region, and this machine's DNS settings",
        OutageKind::Silent => {
            "in a VPC, add a NAT gateway or a VPC endpoint for the service, and allow port 443 in the endpoint's security group; \
             elsewhere, check the firewall, or set HTTPS_PROXY if the network needs a proxy"
        }
        OutageKind::Connection => {
            "check the firewall and the routes, or set HTTPS_PROXY if the network needs a proxy"
        }
        OutageKind::Handshake => {
            "if a firewall or proxy in between does not accept large first messages, pass --key-exchange classical (docs/troubleshooting.md)"
        }
        OutageKind::AgentConnection => {
            "check that the agent is running at this address, or turn --agent off"
        }
        OutageKind::NotTls | OutageKind::MalformedResponse => {
            "check for a proxy or captive portal between this machine and AWS"
        }
        OutageKind::ClockSkew | OutageKind::EarlyCertificate => {
            "correct this machine's clock, for example with NTP"
        }
    }
}

/// Returns a problem that has the detail of a reason.
fn with_detail(headline: String, reason: &Reason) -> Problem {
    Problem {
        detail: reason.detail.clone(),
        ..Problem::configuration(headline)
    }
}

/// Returns the problem for an error that a later request would meet again.
fn refusal_problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::MarkedForDeletion => Problem::configuration("is marked for deletion"),
        Refusal::NoValue => Problem::configuration("has no value").help("store a value in it"),
        Refusal::Certificate { why, help } => Problem::configuration(why).replace_help(*help),
        Refusal::Endpoint { why, help } => Problem::configuration(why).help(help),
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
        .help("run without --agent"),
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
