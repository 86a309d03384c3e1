//! The reasons that a backend returns no document.

use std::time::Duration;

use super::asked::Asked;
use crate::model::problem::Status;
use crate::model::reference::Region;

/// A failed request, and the regions that it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The first region; `None` if the request was not sent to one.
    pub region: Option<Region>,
    pub error: FetchError,
    /// True for the file of `--local`.
    pub is_local: bool,
    /// The fallback regions that were tried after the first, and their errors.
    pub elsewhere: Vec<(Region, FetchError)>,
    /// The time of `--wait`, if it expired.
    pub waited: Option<Duration>,
}

impl FetchFailure {
    /// True if `--wait` waits for every region.
    pub fn is_waited_for(&self) -> bool {
        self.error.is_waited_for() && self.elsewhere.iter().all(|(_, error)| error.is_waited_for())
    }

    /// Returns a failure without fallback regions.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self { region, error, is_local: false, elsewhere: Vec::new(), waited: None }
    }
}

/// The reason that there is no document. Only [`FetchError::NotFound`] is an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    NotFound {
        missing: Missing,
        /// The most similar id that exists, in a local file.
        nearest: Option<String>,
    },
    Denied {
        /// The message of AWS, on one line.
        message: String,
        cause: Denial,
        /// The caller by `sts:GetCallerIdentity`, if the message does not name it; the source of the credentials if these are refused.
        identity: Option<String>,
    },
    /// No usable answer before the deadline. A later request may succeed.
    Unavailable(Outage),
    /// An error that a later request would return as well.
    Refused(Refusal),
    NoCredentials(CredentialsError),
    /// No source names a region.
    NoRegion {
        /// True if the instance metadata is disabled, so that none will come.
        is_final: bool,
    },
}

impl FetchError {
    /// True if a later request may succeed, so that the exit status is 75.
    pub fn is_temporary(&self) -> bool {
        self.problem(&Asked::default()).status == Status::Temporary
    }

    /// True for missing credentials and an unreachable network, which `--wait` waits for.
    pub fn is_waited_for(&self) -> bool {
        match self {
            Self::NoCredentials(error) => !error.is_final,
            Self::Unavailable(outage) => matches!(outage, Outage::Connection(_) | Outage::Timeout(_)),
            Self::NoRegion { is_final } => !is_final,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Refused(_) => false,
        }
    }

    /// True if the service itself answered that the value is denied or absent. Credentials that are missing, expired or refused, and a
    /// role that is not assumed, say nothing about the value.
    pub fn withholds_value(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::Denied { cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Key, .. }
                | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue)
        )
    }
}

/// Begins the id of the request at the end of a text.
pub const REQUEST_ID: &str = " (request id ";

/// Begins the attempts and their time at the end of a text.
pub const ATTEMPTS: &str = " (after ";

/// Returns a text without its end that differs from answer to answer, and that end.
pub fn split_detail(text: &str) -> (&str, &str) {
    let end = [REQUEST_ID, ATTEMPTS].iter().filter_map(|mark| text.rfind(mark)).min();
    text.split_at(end.unwrap_or(text.len()))
}

/// The resource that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Secret,
    /// The version of an existing secret. AWS does not distinguish the two for a parameter.
    Version,
}

/// The cause of a denial, which decides the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The identity lacks the permission; the message names the ARN of the secret.
    Policy,
    /// The identity lacks the permission, and the message names no ARN: the secret may not exist.
    PolicyOrMissing,
    /// The KMS key of the secret is disabled, or the identity may not use it.
    Key,
    /// The credentials are invalid or expired.
    Credentials,
    /// The Secrets Manager Agent refuses the token.
    Token,
    /// The identity may not assume the role.
    Role,
}

/// A failure that may be temporary. Each variant has a description of what happened last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Throttled until the deadline.
    Throttled(String),
    /// HTTP status 5xx.
    Service(String),
    /// No answer before the deadline.
    Timeout(String),
    /// No connection, or a broken one.
    Connection(String),
    /// An answer that is not from AWS, or is damaged.
    MalformedResponse(String),
    /// A request signed with a time that differs too much from AWS's.
    ClockSkew(String),
}

impl Outage {
    pub fn text(&self) -> &str {
        match self {
            Self::Throttled(text)
            | Self::Service(text)
            | Self::Timeout(text)
            | Self::Connection(text)
            | Self::MalformedResponse(text)
            | Self::ClockSkew(text) => text,
        }
    }

    /// Replaces the description.
    #[must_use]
    pub fn map_text(self, map: impl Fn(String) -> String) -> Self {
        match self {
            Self::Throttled(text) => Self::Throttled(map(text)),
            Self::Service(text) => Self::Service(map(text)),
            Self::Timeout(text) => Self::Timeout(map(text)),
            Self::Connection(text) => Self::Connection(map(text)),
            Self::MalformedResponse(text) => Self::MalformedResponse(map(text)),
            Self::ClockSkew(text) => Self::ClockSkew(map(text)),
        }
    }

    /// Returns the outage of a request that was still in progress at the deadline.
    pub fn unanswered() -> Self {
        Self::Timeout("no answer before the deadline".to_owned())
    }
}

/// A permanent error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    MarkedForDeletion,
    /// A response with neither SecretString nor SecretBinary, or a parameter without Value.
    NoValue,
    /// The root certificates cannot be read.
    TrustStore(String),
    /// An untrusted server certificate.
    Certificate {
        why: String,
        help: Option<&'static str>,
    },
    /// HTTP status 407 of a proxy.
    Proxy {
        /// Its host and port.
        proxy: String,
        /// True if a name and a password were sent.
        has_password: bool,
    },
    /// A request that the Secrets Manager Agent does not support, and why.
    Agent(&'static str),
    /// Any other error response, as one line.
    Request(String),
    /// The HTTP status of a metadata service.
    Status(u16),
}

/// The last source of credentials that is tried.
pub const INSTANCE_METADATA: &str = "instance metadata";

/// The file with the agent's token, which its installation creates: the last source that is tried.
pub const AGENT_TOKEN_FILE: &str = "/var/run/awssmatoken";

/// The beginning of the description of an outage of the agent.
pub const AGENT: &str = "the Secrets Manager Agent";

/// The reason that a request cannot be authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    pub what: Wanted,
    /// Each source that was tried, and the reason that it has none.
    pub tried: Vec<(&'static str, String)>,
    /// True if a source did not answer, so that a later attempt may succeed.
    pub temporary: bool,
    /// True if the settings themselves are wrong, so that waiting does not help.
    pub is_final: bool,
}

/// The credentials of a request, by backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Credentials,
    /// The token of the Secrets Manager Agent.
    Token,
}
