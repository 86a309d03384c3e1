//! The words for a request that has failed: headlines, notes and helps.
//!
//! The facts are in [`FetchError`], [`FetchFailure`] and, if all failures of a launch share them, in
//! [`Circumstances`]. `absent` has the words for secrets, parameters and versions that don't exist,
//! `denied` has those for denials, and this file has those for every other answer of AWS. A failure
//! before an answer, such as a host that can't be reached, already has a headline.
//!
//! [`Cause::facts`] has one row for each cause: the words, the code, the exit status, and whether
//! the request is sent again.
//!
//! The help has at most two parts: an observation, which is something that secrets-exec has looked
//! up, and the general help of the reason, which consists of facts. If an observation settles the
//! matter, it is the whole help. A help that repeats or rewrites the reference is left out if
//! messages mask a part of it.

mod absent;
mod denied;
mod request;

use super::circumstances::Circumstances;
use super::fetch_error::Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
use super::fetch_error::{
    Again, Cause, DeniedCaller, FetchError, FetchFailure, Limit, Mention, Missing, OutageKind,
    Refusal, RequestFault, Unsigned,
};
use crate::model::entry::Subject;
use crate::model::problem::{About, Headline, Problem, Status};
use crate::model::reference::SecretRef;
use request::{CauseFacts, FailedRequest, GENERAL, OF_SECRET};

impl FetchFailure {
    /// The problem of an entry whose request for `reference` has failed: the error, its help, and
    /// notes about the regions, the role and `--wait`.
    pub fn problem(
        &self,
        reference: &SecretRef,
        subject: &Subject,
        circumstances: &Circumstances,
    ) -> Problem {
        let request = FailedRequest {
            failure: self,
            circumstances,
            reference,
            locator: &reference.locator,
            subject,
        };
        let error = &self.error;
        let mut notes = self.region_notes();
        notes.extend_from_slice(&error.notes);
        match &error.caller {
            DeniedCaller::Arn(arn) => notes.push(format!("the caller is {arn}")),
            DeniedCaller::InMessage | DeniedCaller::Unknown => {}
        }
        if let Some(role) = &reference.locator.role {
            notes.push(format!("the secret is read with the role {}", role.arn));
        }
        if let Some(waited) = circumstances.waited {
            let waited = humantime::format_duration(waited);
            notes.push(format!(
                "secrets-exec kept trying for {waited}, because of --wait"
            ));
        }
        let status = if circumstances.waited.is_some() {
            // `--wait` only waits for what may pass.
            Status::Temporary
        } else {
            error.cause.facts().status
        };
        let mut problem = Problem::of_request(status, request.headline(), request.about())
            .code(error.code)
            .for_entry(subject.clone())
            .with_answer(error.aws_says.clone(), error.suffix())
            .with_notes(notes)
            .help_if_some(request.help())
            .with_other_forms(request.other_forms());
        // AWS's messages about denials differ in the resource. If they differ in the policy, the
        // help differs, too.
        if let Denied(_) = error.cause {
            problem = problem.with_secret_in_answer();
        }
        if request.aws_has_seen_name() && reference.locator.is_masked() {
            problem = problem.with_hidden_name_sent();
        }
        problem
    }

    /// Notes about the region in which each error occurred, if several regions were tried.
    fn region_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(region), [_, ..]) = (&self.region, self.elsewhere.as_slice()) {
            notes.push(format!("this error occurred in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            let sentence = error.sentence();
            notes.push(format!("in the fallback region {region}, {sentence}"));
        }
        notes
    }
}

impl FailedRequest<'_> {
    /// True if AWS has certainly received the name of the secret in any region, because it has
    /// answered that the secret doesn't exist, or that access to it is denied. All other failures
    /// don't match: they may be those of a request for credentials, which doesn't have the name, or
    /// have come before the request. A local file needs no request.
    fn aws_has_seen_name(&self) -> bool {
        if self.circumstances.local_file.is_some() {
            return false;
        }
        self.failure
            .errors()
            .any(|error| matches!(error.cause, Absent(_)) || error.cause.is_not_permitted())
    }

    /// The headline. If it names the secret, [`Self::about`] has the name.
    fn headline(&self) -> Headline {
        let error = &self.failure.error;
        let text = error.text.clone();
        match (error.cause, error.mention) {
            (Absent(missing), _) => self.headline_of_absence(missing),
            (_, Mention::Nowhere | Mention::InEntries) => Headline::General(text),
            (_, Mention::AsSubject) => Headline::OfSecret(text),
            (_, Mention::InHeadline(before)) => Headline::OfSecrets {
                one: (before, text.clone()),
                several: (before, text),
            },
        }
    }

    /// The secret as the message describes it, or `None` if the failure has nothing to do with a
    /// particular secret.
    fn about(&self) -> Option<Box<About>> {
        let FetchError { cause, mention, .. } = self.failure.error;
        if mention == Mention::Nowhere {
            return None;
        }
        // The headline of an absence names the version at its end (`has no version with the stage
        // "x"`), so the version isn't repeated after the name of the secret.
        if let Absent(_) = cause {
            return Some(About::without_version(self.locator));
        }
        Some(About::new(self.locator))
    }

    /// The help. The most specific one wins: that of the absence or denial, that of this failure,
    /// and then that of its cause.
    fn help(&self) -> Option<String> {
        let error = &self.failure.error;
        match error.cause {
            Absent(Missing::Secret) => Some(self.help_for_absent_secret()),
            Absent(Missing::Version) => Some(self.help_for_absent_version()),
            Denied(denial) => Some(
                self.policy_help()
                    .unwrap_or_else(|| self.permission_help(denial)),
            ),
            Refused(Refusal::MarkedForDeletion) => {
                let restore = self.aws_command("secretsmanager restore-secret");
                Some(format!("if it was deleted by mistake, run {restore}"))
            }
            Outage(_) | Refused(_) | NoCredentials(_) | NoRegion => {
                error.help.clone().or_else(|| error.general_remedy())
            }
        }
    }
}

impl FetchError {
    /// The failure as a sentence that can be read without the name of the secret. The details, such
    /// as the id of the request, aren't part of the sentence.
    pub fn sentence(&self) -> String {
        // With `InHeadline`, the text is only the part after the secret's name, and AWS's message
        // may not be a sentence. So the sentence of the cause completes them. With `Nowhere`, the
        // text says more than AWS's message: for example, which role couldn't be assumed.
        match (self.mention, &self.aws_says) {
            (Mention::InEntries, Some(_)) | (Mention::AsSubject | Mention::InHeadline(_), _) => {
                self.cause.facts().sentence.replace("{}", self.reason())
            }
            (Mention::InEntries, None) | (Mention::Nowhere, _) => self.text.clone(),
        }
    }

    /// The remedy for the cause. After an outage, the remedy names a limit only if raising it can
    /// help. `None` if no remedy fits every failure with this cause.
    fn general_remedy(&self) -> Option<String> {
        use OutageKind::{Service, Throttled, Timeout};
        let remedy = match (self.cause, self.limit) {
            (Outage(Throttled | Service), Limit::MaxAttempts) => {
                "try again later, or raise AWS_MAX_ATTEMPTS"
            }
            (Outage(Timeout), Limit::MaxAttempts) => {
                "check the network between this machine and AWS (DNS, routes, firewalls), or raise \
                 AWS_MAX_ATTEMPTS"
            }
            (cause, _) => cause.facts().remedy,
        };
        Some(remedy.to_owned()).filter(|remedy| !remedy.is_empty())
    }
}

/// The facts of a failure whose headline is about something other than the secret, such as a host.
const OF_SERVER: CauseFacts = CauseFacts {
    mention: Mention::InEntries,
    ..GENERAL
};

/// The facts of an outage that concerns the host or this machine, not a single request.
const UNREACHABLE: CauseFacts = CauseFacts {
    code: "unreachable",
    status: Status::Temporary,
    again: Again::HereOrLater,
    ..OF_SERVER
};

/// The facts of an outage that concerns a single request, which was answered.
const ANSWERED: CauseFacts = CauseFacts {
    again: Again::Here { after: None },
    mention: OF_REQUEST,
    ..UNREACHABLE
};

/// The facts of a request that AWS refuses.
const REFUSED: CauseFacts = CauseFacts {
    mention: OF_REQUEST,
    headline: "was refused by AWS",
    sentence: "AWS refused the request: {}",
    ..GENERAL
};

const OF_REQUEST: Mention = Mention::InHeadline("the request for ");
const RETRY: &str = "try again later, or allow more time with --timeout";
const PORTAL: &str = "check for a proxy or captive portal between this machine and AWS";

impl Cause {
    /// The row of the cause: the facts that all failures with this cause share.
    pub fn facts(self) -> CauseFacts {
        match self {
            Absent(missing) => absent::facts(missing),
            Denied(denial) => denied::facts(denial),

            // As printed: the secret "prod/db" is marked for deletion
            Refused(Refusal::MarkedForDeletion) => CauseFacts {
                code: "marked-for-deletion",
                headline: "is marked for deletion",
                ..OF_SECRET
            },
            // As printed: the secret "prod/db" has no value
            Refused(Refusal::NoValue) => CauseFacts {
                code: "no-value",
                headline: "has no value",
                remedy: "store a value in it",
                ..OF_SECRET
            },

            // As printed: the request for the secret "prod/db" was throttled by AWS
            Outage(OutageKind::Throttled) => CauseFacts {
                code: "throttled",
                headline: "was throttled by AWS",
                sentence: "AWS throttled the request ({})",
                remedy: RETRY,
                ..ANSWERED
            },
            // As printed: the request for the secret "prod/db" failed because of an AWS error
            Outage(OutageKind::Service) => CauseFacts {
                code: "service-failure",
                headline: "failed because of an AWS error",
                sentence: "AWS returned {}",
                remedy: RETRY,
                ..ANSWERED
            },
            Outage(OutageKind::MalformedResponse) => CauseFacts {
                code: "malformed-response",
                sentence: "the request {}",
                remedy: PORTAL,
                ..ANSWERED
            },
            Outage(OutageKind::Timeout) => CauseFacts {
                code: "timeout",
                remedy: "check the network between this machine and AWS (DNS, routes, firewalls), or allow \
                 more time with --timeout",
                ..UNREACHABLE
            },
            Outage(OutageKind::Lookup | OutageKind::UnknownRegion) => CauseFacts {
                remedy: "check the region, and this machine's DNS settings",
                ..UNREACHABLE
            },
            Outage(OutageKind::Silent) => CauseFacts {
                code: "timeout",
                remedy: "in a VPC, add a NAT gateway or a VPC endpoint for the service, and allow port 443 \
                 in the endpoint's security group; elsewhere, check the firewall, or set \
                 HTTPS_PROXY if the network needs a proxy",
                ..UNREACHABLE
            },
            Outage(OutageKind::Connection) => CauseFacts {
                remedy: "check the firewall and the routes, or set HTTPS_PROXY if the network needs a proxy",
                ..UNREACHABLE
            },
            Outage(OutageKind::Handshake) => CauseFacts {
                remedy: "if a firewall or proxy in between doesn't accept large first messages, pass \
                 --key-exchange classical (docs/troubleshooting.md)",
                ..UNREACHABLE
            },
            Outage(OutageKind::NotTls) => CauseFacts {
                remedy: PORTAL,
                ..UNREACHABLE
            },
            // A wrong clock makes the requests to all regions fail, so the next region isn't tried.
            Outage(OutageKind::ClockSkew | OutageKind::EarlyCertificate) => CauseFacts {
                code: "clock-skew",
                again: Again::Later,
                headline: "this machine's clock differs too much from AWS's clock",
                sentence: "this machine's clock differs too much from AWS's clock: {}",
                remedy: "correct this machine's clock, for example with NTP",
                ..UNREACHABLE
            },

            Refused(Refusal::Certificate) => CauseFacts {
                code: "certificate",
                ..OF_SERVER
            },
            Refused(Refusal::Endpoint) => CauseFacts {
                code: "endpoint",
                again: Again::Later,
                ..OF_SERVER
            },
            Refused(Refusal::TrustStore) => CauseFacts {
                code: "certificate",
                ..GENERAL
            },
            Refused(Refusal::Proxy) => CauseFacts {
                code: "proxy",
                ..GENERAL
            },
            Refused(Refusal::Agent) => CauseFacts {
                code: "agent",
                mention: Mention::InHeadline(""),
                ..GENERAL
            },
            Refused(Refusal::NotSent) => GENERAL,
            // The endpoint is that of a different region or service.
            Refused(Refusal::Request(RequestFault::WrongEndpoint)) => CauseFacts {
                remedy: "correct the endpoint or the region",
                ..REFUSED
            },
            Refused(Refusal::Request(RequestFault::ForeignDefaultKey)) => CauseFacts {
                remedy: "encrypt the secret with a customer managed KMS key, and share that key with this account, too",
                ..REFUSED
            },
            // As printed: the request for the secret "prod/db" was refused by AWS
            Refused(Refusal::Request(RequestFault::Other)) => REFUSED,

            NoCredentials(why) => CauseFacts {
                code: "no-credentials",
                status: if why == Unsigned::Unanswered {
                    Status::Temporary
                } else {
                    Status::Denied
                },
                ..GENERAL
            },
            NoRegion => CauseFacts {
                code: "no-region",
                headline: "no AWS region is set",
                ..GENERAL
            },
        }
    }
}
