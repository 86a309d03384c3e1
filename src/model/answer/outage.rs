//! A failure that may be temporary, and the description of a failure.

use std::fmt;

/// A failure that may be temporary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub kind: OutageKind,
    /// The failure of the last attempt.
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// Throttled until the deadline.
    Throttled,
    /// HTTP status 5xx.
    Service,
    /// No answer before the deadline.
    Timeout,
    /// No connection, or a broken one.
    Connection,
    /// A connection without an answer to the first message of TLS.
    Handshake,
    /// No connection to the Secrets Manager Agent, or a broken one.
    AgentConnection,
    /// An answer that is not from AWS, or is damaged.
    MalformedResponse,
    /// A request signed with a time that differs too much from AWS's.
    ClockSkew,
}

impl OutageKind {
    pub fn message(self) -> &'static str {
        match self {
            Self::Throttled => "throttled by AWS",
            Self::Service => "AWS failed",
            Self::Timeout => "timed out",
            Self::Connection | Self::Handshake | Self::AgentConnection => "not reachable",
            Self::MalformedResponse => "the response is malformed, or not from AWS",
            Self::ClockSkew => "the clock of this machine differs too much from that of AWS",
        }
    }
}

impl Outage {
    pub fn new(kind: OutageKind, reason: impl Into<Reason>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }

    pub fn malformed(why: &str) -> Self {
        Self::new(OutageKind::MalformedResponse, why)
    }

    /// Puts the request that failed before the reason.
    #[must_use]
    pub fn of(self, request: impl fmt::Display) -> Self {
        Self {
            reason: self.reason.with_prefix(request),
            ..self
        }
    }

    /// Returns the message without the id of the request.
    pub fn text(&self) -> String {
        format!("{}: {}", self.kind.message(), self.reason.text)
    }

    /// Returns the outage of a request that was still in progress at the deadline.
    pub fn unanswered() -> Self {
        Self::new(OutageKind::Timeout, "no answer before the deadline")
    }
}

/// The description of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub text: String,
    /// The end that differs from answer to answer, with a blank before it: the id of the request, or the attempts and their time.
    pub detail: String,
}

impl Reason {
    /// Puts `prefix` and a colon before the text.
    #[must_use]
    pub fn with_prefix(self, prefix: impl fmt::Display) -> Self {
        Self {
            text: format!("{prefix}: {}", self.text),
            ..self
        }
    }
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
