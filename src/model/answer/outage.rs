//! A failure that may be temporary, and [`Again`], which says what is tried next after a failure. Retries, the change to the next region, and
//! `--wait` all decide by [`Again`].

use std::time::Duration;

/// The headline for a wrong clock.
pub const WRONG_CLOCK: &str = "this machine's clock differs too much from AWS's clock";

/// A failure that may be temporary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub kind: OutageKind,
    /// A sentence about what failed, if it wasn't the request for the secret itself: `the role "…" could not be assumed`. In the message, the
    /// sentence comes before the reason.
    pub headline: Option<String>,
    /// The reason why the last attempt failed.
    pub reason: Reason,
    pub again: Again,
    /// The remedy for this outage. `None` if the general remedy for its kind applies.
    pub help: Option<String>,
}

/// The next thing to try after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Nothing, because the answer would be the same.
    Never,
    /// The next provider of credentials, because this one isn't configured or doesn't answer.
    NextProvider,
    /// The next region, because the service in this one would answer the same.
    NextRegion,
    /// The same service, for as long as its region has time, and then the next region. `after` is the pause that AWS asks for in the header
    /// `x-amz-retry-after`.
    Here { after: Option<Duration> },
    /// The same service and then the next region, as for [`Self::Here`]. After that, `--wait` tries everything again, because the network may
    /// come up late while a machine boots.
    HereOrLater,
    /// Nothing in this try. But `--wait` tries everything again, because credentials, the region and the right time may come late while a
    /// machine boots.
    Later,
}

impl Again {
    /// True if the same service is tried again while its region has time.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Here { .. } | Self::HereOrLater)
    }

    /// True if the next region is tried.
    pub fn is_in_next_region(self) -> bool {
        self == Self::NextRegion || self.is_here()
    }

    /// True if `--wait` tries everything again.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::HereOrLater | Self::Later)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// AWS throttled the request until the deadline.
    Throttled,
    /// AWS answered with an HTTP status of 500 or more.
    Service,
    /// A request wasn't answered in time.
    Timeout,
    /// The host's name doesn't resolve.
    Lookup,
    /// The host doesn't answer the request for a connection, so that the packets are probably dropped.
    Silent,
    /// The connection failed for another reason, or broke.
    Connection,
    /// The host accepted the connection, but didn't answer the first TLS message.
    Handshake,
    /// The connection to the Secrets Manager Agent failed, or broke.
    AgentConnection,
    /// The host doesn't speak TLS, so something in between has probably answered for AWS.
    NotTls,
    /// The answer isn't from AWS, or is damaged.
    MalformedResponse,
    /// AWS refused the time in the signature, because it differs too much from AWS's own.
    ClockSkew,
    /// A certificate that is not valid yet, which means that this machine's clock is wrong.
    EarlyCertificate,
}

impl Outage {
    /// Creates an outage with the usual [`Again`] of its kind.
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
            | OutageKind::NotTls
            | OutageKind::AgentConnection => Again::HereOrLater,
            // The clock is wrong for every region.
            OutageKind::ClockSkew | OutageKind::EarlyCertificate => Again::Later,
        };
        Self {
            kind,
            headline: None,
            reason: reason.into(),
            again,
            help: None,
        }
    }

    /// Creates the outage for an answer that can't be used. `why` completes "the request got …", as in "a response that cannot be read".
    pub fn malformed(why: &str) -> Self {
        Self::new(OutageKind::MalformedResponse, why)
    }

    /// Sets the sentence about what failed, which comes before the reason.
    #[must_use]
    pub fn with_headline(mut self, headline: impl Into<String>) -> Self {
        self.headline = Some(headline.into());
        self
    }

    /// Returns the whole failure as a sentence, without the id of the request.
    pub fn sentence(&self) -> String {
        let reason = &self.reason.text;
        let text = match self.kind {
            OutageKind::Throttled => format!("AWS throttled the request ({reason})"),
            OutageKind::Service => format!("AWS returned {reason}"),
            OutageKind::MalformedResponse => format!("the request got {reason}"),
            OutageKind::ClockSkew => format!("{WRONG_CLOCK}: {reason}"),
            OutageKind::Timeout
            | OutageKind::Lookup
            | OutageKind::Silent
            | OutageKind::Connection
            | OutageKind::Handshake
            | OutageKind::NotTls
            | OutageKind::AgentConnection
            | OutageKind::EarlyCertificate => reason.clone(),
        };
        match &self.headline {
            Some(headline) => format!("{headline}: {text}"),
            None => text,
        }
    }

    /// Creates the outage for a request that the deadline interrupted.
    pub fn unanswered(host: &str) -> Self {
        let reason = format!("{host} did not answer in time");
        Self::new(OutageKind::Timeout, reason)
    }
}

/// The reason for a failure, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub text: String,
    /// The part that differs from answer to answer: the id of the request, or the number and duration of attempts. It begins with a space.
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
