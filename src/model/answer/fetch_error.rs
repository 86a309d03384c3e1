//! The reasons that a backend returns no document.

use std::time::Duration;

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
}

impl FetchFailure {
    /// Returns a failure without fallback regions.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self { region, error, is_local: false, elsewhere: Vec::new() }
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
        /// The caller by `sts:GetCallerIdentity`, if the message does not name it.
        identity: Option<String>,
    },
    /// No usable answer before the deadline. A later request may succeed.
    Unavailable(Outage),
    /// An error that a later request would return as well.
    Refused(Refusal),
    NoCredentials(CredentialsError),
    /// No source names a region.
    NoRegion,
}

impl FetchError {
    /// True if a later request may succeed, so that the exit status is 75.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::NoCredentials(error) => error.temporary,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Refused(_) | Self::NoRegion => false,
        }
    }

    /// True if the service itself answered that the value is denied or absent. Credentials that are missing, expired or refused, and a
    /// role that is not assumed, say nothing about the value.
    pub fn withholds_value(&self) -> bool {
        match self {
            Self::NotFound { .. } => true,
            Self::Denied { cause, .. } => match cause {
                Denial::Policy | Denial::PolicyOrMissing | Denial::Key => true,
                Denial::Credentials | Denial::Token | Denial::Role => false,
            },
            Self::Refused(refusal) => matches!(refusal, Refusal::MarkedForDeletion | Refusal::NoValue),
            Self::Unavailable(_) | Self::NoCredentials(_) | Self::NoRegion => false,
        }
    }
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
    Agent(AgentLimit),
    /// Any other error response, as one line.
    Request(String),
    /// The HTTP status of a metadata service.
    Status(u16),
}

/// A request that the Secrets Manager Agent does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentLimit {
    /// It reads with its own role only.
    Role,
    /// It reads in its own region only.
    Region,
    /// It reads no parameters.
    Parameter,
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
    /// The time of `--wait`, if it expired.
    pub waited: Option<Duration>,
}

/// The credentials of a request, by backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Credentials,
    /// The token of the Secrets Manager Agent.
    Token,
}
