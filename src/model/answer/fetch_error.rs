//! What the sources answered: for each locator a document, or why there is none.

use std::time::Duration;

use crate::model::reference::Region;

/// Why there is no document, and where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The region that was asked, where one was.
    pub region: Option<Region>,
    /// Why it gave none.
    pub error: FetchError,
    /// Whether a local file was asked, in place of AWS.
    pub is_local: bool,
    /// The fallback regions that were asked after it, and why they gave none either.
    pub elsewhere: Vec<(Region, FetchError)>,
}

impl FetchFailure {
    /// A failure that led nowhere else.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self { region, error, is_local: false, elsewhere: Vec::new() }
    }
}

/// Why a source gave no document. Only [`FetchError::NotFound`] is an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// There is no such secret, or it has no such version.
    NotFound {
        /// Which of the two is missing.
        missing: Missing,
        /// An existing id that is much like the one asked for, where the source knows its ids.
        nearest: Option<String>,
    },
    /// AWS, or its key service, does not let this identity read the secret.
    Denied {
        /// What AWS said, in one line.
        message: String,
        /// What to do about it.
        cause: Denial,
        /// Who asked, where AWS's message does not say it and STS does.
        identity: Option<String>,
    },
    /// No answer, or none that could be used, within the time there was; trying again later may help.
    Unavailable(Outage),
    /// An answer that will be the same next time: marked for deletion, an invalid parameter, a certificate.
    Refused(Refusal),
    /// No credentials to ask with.
    NoCredentials(CredentialsError),
    /// No region to ask in.
    NoRegion,
}

/// What does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The secret itself.
    Secret,
    /// That version of it.
    Version,
}

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The identity may not do it, and AWS named the secret's ARN.
    Policy,
    /// The same, but AWS named no ARN, as it does for a secret that may not exist at all.
    PolicyOrMissing,
    /// The key that encrypts the secret may not be used, or cannot be.
    Key,
    /// AWS does not accept the credentials.
    Credentials,
    /// The Secrets Manager Agent does not accept the token.
    Token,
    /// The role may not be assumed.
    Role,
}

/// Why there was no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// AWS asked to slow down until the time was over.
    Throttled(String),
    /// AWS failed by itself (5xx).
    Service(String),
    /// The time was over before an answer came.
    Timeout(String),
    /// There was no connection, or it broke.
    Connection(String),
    /// What answered was not AWS, or its answer was damaged.
    MalformedResponse(String),
    /// The clocks of this machine and of AWS differ too much.
    ClockSkew(String),
}

impl Outage {
    /// What is known of it.
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

    /// The same kind with another text.
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

    /// Of whatever got no answer, for no reason that is known.
    pub fn unanswered() -> Self {
        Self::Timeout("no answer before the time was over".to_owned())
    }
}

/// Why asking again would not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The secret is on its way out; it can be restored.
    MarkedForDeletion,
    /// The secret holds neither text nor bytes.
    NoValue,
    /// The roots that certificates are held against cannot be read.
    TrustStore(String),
    /// The server's certificate is not trusted.
    Certificate {
        /// Whose, and why.
        why: String,
        /// Whether a root that is not known could make it good.
        is_unknown: bool,
    },
    /// The answer's ARN is of another region than was asked.
    OtherRegion {
        /// The region that was asked.
        asked: String,
        /// The region that the ARN names.
        found: String,
    },
    /// The answer's ARN is of another account than the role or the ARN that was asked for.
    OtherAccount {
        /// The account that was meant.
        asked: String,
        /// The account that the ARN names.
        found: String,
    },
    /// What the Secrets Manager Agent cannot do.
    Agent(AgentLimit),
    /// The request is wrong.
    Request(String),
    /// A status of HTTP from a metadata service.
    Status(u16),
}

/// What the Secrets Manager Agent cannot do for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentLimit {
    /// It reads as itself, with no other role.
    Role,
    /// It reads in one region.
    Region,
    /// It reads parameters only as Lambda's extension.
    Parameter,
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    /// What of.
    pub what: Wanted,
    /// Each source that was tried, and why it gave none.
    pub tried: Vec<(&'static str, String)>,
    /// Whether trying later may help: a source is there but did not answer.
    pub temporary: bool,
    /// How long they were waited for (`--wait`), in vain.
    pub waited: Option<Duration>,
}

/// What a request needs before it can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// AWS credentials.
    Credentials,
    /// The token of the Secrets Manager Agent.
    Token,
}
