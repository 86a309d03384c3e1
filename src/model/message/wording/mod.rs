//! The wording of messages about failed requests: headlines, notes and helps.
//!
//! `absent` words the messages about secrets, parameters and versions that don't exist, `denied`
//! those about denied access, and this file the rest. [`Cause::facts`] has one row for each cause.
//! If AWS never answered, the headline comes from the code that noticed the failure.
//!
//! A help has at most two parts: what secrets-exec found out about this failure, and the general
//! help for its cause, unless the first part explains everything. A help that repeats or corrects
//! the user's reference is left out if messages mask a part of the reference.

mod absent;
mod denied;
mod request;

use super::circumstances::Circumstances;
use super::fetch_error::Cause::{Absent, Denied, NoCredentials, NoRegion, Outage, Refused};
use super::fetch_error::{
    Again, Cause, DeniedCaller, FetchError, Limit, Mention, Missing, OutageKind, Refusal,
    RequestFault, Unsigned,
};
use crate::model::entry::Subject;
use crate::model::message::problem::{About, Frame, Headline, Problem, Status};
use crate::model::reference::SecretRef;
use request::{CauseFacts, FailedRequest, GENERAL, OF_SECRET};

impl FetchError {
    /// Words this failure for an entry that reads `reference`.
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
        let mut notes = self.region_notes(&reference.locator.noun_phrase());
        notes.extend_from_slice(&self.notes);
        match &self.caller {
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
            // `--wait` only waits out failures that may be temporary, so a later launch may
            // succeed.
            Status::Temporary
        } else {
            self.cause.facts().status
        };
        Problem {
            status: Some(status),
            code: self.code,
            headline: request.headline(),
            details: self.suffix(),
            entries: vec![subject.clone()],
            part: None,
            about: request.about().map(Box::new),
            aws_says: self.aws_says.clone(),
            // AWS's message names the secret, so denials of different secrets can share a record
            // although their messages differ. If different policies are to blame, the helps differ,
            // so the denials get separate records.
            aws_names_secret: matches!(self.cause, Denied(_)),
            notes,
            help: request.help(),
            other_forms: request.other_forms(),
            has_sent_hidden_name: request.aws_has_seen_name() && reference.locator.is_masked(),
        }
    }

    /// The error in each region, if several were tried.
    fn region_notes(&self, noun: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(region) = &self.region
            && !self.elsewhere.is_empty()
        {
            notes.push(format!("this error occurred in the region {region}"));
        }
        for (region, error) in &self.elsewhere {
            let mut sentence = error.sentence();
            if let Some(predicate) = sentence.strip_prefix("it ") {
                sentence = format!("{noun} {predicate}");
            }
            notes.push(format!("in the fallback region {region}, {sentence}"));
        }
        notes
    }
}

impl FailedRequest<'_> {
    /// True if AWS certainly received the secret's name, because some region answered that the
    /// secret is absent or that access is denied. Any other failure may have happened earlier, in a
    /// request for credentials.
    fn aws_has_seen_name(&self) -> bool {
        let is_from_aws = self.circumstances.local_file.is_none();
        is_from_aws
            && self
                .failure
                .errors()
                .any(|error| matches!(error.cause, Absent(_)) || error.cause.is_not_permitted())
    }

    /// If the headline names the secret, the name comes from [`Self::about`].
    fn headline(&self) -> Headline {
        let error = self.failure;
        if let Absent(missing) = error.cause {
            return self.headline_of_absence(missing);
        }
        let text = error.text.clone();
        match error.mention {
            Mention::Nowhere | Mention::InEntries => Headline::General(text),
            Mention::AsSubject => Headline::OfSecret(text),
            Mention::InHeadline(before) => {
                let frame = Frame {
                    before,
                    after: text,
                };
                Headline::OfSecrets {
                    one: frame.clone(),
                    several: frame,
                }
            }
        }
    }

    fn about(&self) -> Option<About> {
        let FetchError { cause, mention, .. } = *self.failure;
        if mention == Mention::Nowhere {
            return None;
        }
        // The headline itself ends with the version: `has no version with the stage "x"`.
        if let Absent(_) = cause {
            return Some(About::without_version(self.locator));
        }
        Some(About::new(self.locator))
    }

    fn help(&self) -> Option<String> {
        let error = self.failure;
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
    /// A sentence that doesn't name the secret, without details such as the request id.
    pub fn sentence(&self) -> String {
        let is_text_enough = match self.mention {
            // The text says more than AWS's message: for example, which role couldn't be assumed.
            Mention::Nowhere => true,
            Mention::InEntries => self.aws_says.is_none(),
            // The text is only the rest of a sentence that names the secret.
            Mention::AsSubject | Mention::InHeadline(_) => false,
        };
        if is_text_enough {
            return self.text.clone();
        }
        // AWS's message isn't a complete sentence either, so the cause supplies one around it.
        self.cause.facts().sentence.replace("{}", self.reason())
    }

    /// Suggests raising `AWS_MAX_ATTEMPTS` only if that limit ended the attempts.
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

/// The facts for messages that begin with a server, such as an endpoint or a proxy, instead of the
/// secret.
const OF_SERVER: CauseFacts = CauseFacts {
    mention: Mention::InEntries,
    ..GENERAL
};

/// The facts for outages of a host or of this machine, which affect every request.
const UNREACHABLE: CauseFacts = CauseFacts {
    code: "unreachable",
    status: Status::Temporary,
    again: Again::HereOrLater,
    ..OF_SERVER
};

/// The facts for outages that affect a single request: AWS answered, but without a result.
const ANSWERED: CauseFacts = CauseFacts {
    again: Again::Here { after: None },
    mention: OF_REQUEST,
    ..UNREACHABLE
};

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
    /// The facts that all failures with this cause share.
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
            // A wrong clock breaks the requests to every region, so the next region isn't tried.
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
