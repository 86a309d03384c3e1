//! A failure that may be temporary, who is asked again after a failure, and the description of one.

use std::fmt;
use std::time::Duration;

/// The headline for a wrong clock.
pub const WRONG_CLOCK: &str = "this machine's clock differs too much from AWS's clock";

/// A failure that may be temporary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub kind: OutageKind,
    /// The request that failed if it was not one for the secret, as a sentence: `the role "…" could not be assumed`.
    pub failed: Option<String>,
    /// The failure of the last attempt.
    pub reason: Reason,
    pub again: Again,
    /// The remedy, if it isn't that of every outage of this kind.
    pub help: Option<String>,
}

/// The next one to ask after a failure: the same service, another one, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nobody, since the answer would be the same.
    Never,
    /// The next provider of credentials. This one is not configured, or does not answer.
    NextProvider,
    /// The next region. The service in this one would answer the same.
    NextRegion,
    /// The same service until the time of its region ends, and then the next region. `after` is the time of AWS's header
    /// `x-amz-retry-after`.
    Here { after: Option<Duration> },
    /// The same as for [`Self::Here`], and then everything again with `--wait`: at boot, the network comes late.
    HereOrLater,
    /// Everything again with `--wait`, but nobody before: at boot, credentials, the region and the right time come late, too.
    Later,
}

impl Again {
    /// True if the same service is asked again, as long as its region has time.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Here { .. } | Self::HereOrLater)
    }

    /// True if the next region is asked.
    pub fn is_in_next_region(self) -> bool {
        self == Self::NextRegion || self.is_here()
    }

    /// True if `--wait` asks again.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::HereOrLater | Self::Later)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// Throttled until the deadline.
    Throttled,
    /// HTTP status 5xx.
    Service,
    /// No answer to a request in time.
    Timeout,
    /// The name of the host does not resolve.
    Lookup,
    /// No answer to the request for a connection.
    Silent,
    /// No connection for another reason, or a broken one.
    Connection,
    /// A connection without an answer to the first message of TLS.
    Handshake,
    /// No connection to the Secrets Manager Agent, or a broken one.
    AgentConnection,
    /// An answer that is not from AWS, or is damaged.
    MalformedResponse,
    /// A request signed with a time that differs too much from AWS's.
    ClockSkew,
    /// A certificate that is not valid yet, which means that this machine's clock is wrong.
    EarlyCertificate,
}

impl Outage {
    /// Returns an outage after which is asked again what usually is after one of its kind.
    pub fn new(kind: OutageKind, reason: impl Into<Reason>) -> Self {
        let again = match kind {
            OutageKind::Throttled | OutageKind::Service | OutageKind::MalformedResponse => {
                Again::Here { after: None }
            }
            OutageKind::Timeout
            | OutageKind::Lookup
            | OutageKind::Silent
            | OutageKind::Connection
            | OutageKind::Handshake
            | OutageKind::AgentConnection => Again::HereOrLater,
            // A wrong clock is wrong in every region.
            OutageKind::ClockSkew | OutageKind::EarlyCertificate => Again::Later,
        };
        Self {
            kind,
            failed: None,
            reason: reason.into(),
            again,
            help: None,
        }
    }

    /// Returns the outage for an answer that is not usable: `an answer that cannot be read`.
    pub fn malformed(why: &str) -> Self {
        Self::new(OutageKind::MalformedResponse, why)
    }

    /// Says what failed, as a sentence.
    #[must_use]
    pub fn of(self, failed: impl Into<String>) -> Self {
        Self {
            failed: Some(failed.into()),
            ..self
        }
    }

    /// Returns the reason as a sentence of its own, without the id of the request.
    pub fn text(&self) -> String {
        let reason = &self.reason.text;
        let text = match self.kind {
            OutageKind::Throttled => format!("AWS throttled the request with {reason}"),
            OutageKind::Service => format!("AWS failed with {reason}"),
            OutageKind::MalformedResponse => format!("the request got {reason}"),
            OutageKind::ClockSkew => format!("{WRONG_CLOCK}: {reason}"),
            OutageKind::Timeout
            | OutageKind::Lookup
            | OutageKind::Silent
            | OutageKind::Connection
            | OutageKind::Handshake
            | OutageKind::AgentConnection
            | OutageKind::EarlyCertificate => reason.clone(),
        };
        match &self.failed {
            Some(failed) => format!("{failed}: {text}"),
            None => text,
        }
    }

    /// Returns the outage of a request to a host that was still in progress at the deadline.
    pub fn unanswered(host: &str) -> Self {
        Self::new(
            OutageKind::Timeout,
            format!("{host} did not answer in time"),
        )
    }
}

/// The description of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub text: String,
    /// The end that differs from answer to answer, with a blank before it: the id of the request, or the attempts and their time.
    pub detail: String,
}

impl<T: Into<String>> From<T> for Reason {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, self.detail)
    }
}
