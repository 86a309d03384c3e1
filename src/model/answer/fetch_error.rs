//! The reasons that a backend returns no document.

use std::iter;
use std::time::Duration;

use super::outage::{Again, Outage, OutageKind, Reason};
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Region, SecretRef, Selector, Store};

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
    /// The time until `--wait` expired.
    pub waited: Option<Duration>,
    /// Further facts, a line each.
    pub notes: Vec<String>,
    /// The origin of the region and the account if the reference names neither: `the region (from AWS_REGION) and the account`.
    pub place: Option<String>,
    /// The remedies of a missing region or credentials that only a developer's machine has: a profile, or a file for `--local`.
    pub remedies: Vec<String>,
}

impl FetchFailure {
    /// True if `--wait` waits for every region.
    pub fn is_waited_for(&self) -> bool {
        let mut errors =
            iter::once(&self.error).chain(self.elsewhere.iter().map(|(_, error)| error));
        errors.all(|error| error.again().is_waited_for())
    }

    /// True if the name of the secret may be a value that was written instead of a reference, as in `--env DB_PASSWORD=hunter2`, so that no
    /// message may show it. Such a name isn't found, doesn't contain a slash, comes without a KEY, and isn't similar to another name.
    ///
    /// Nobody writes a value as an ARN, or after `ssm:`.
    pub fn hides_name(&self, reference: &SecretRef) -> bool {
        let is_missing = match &self.error {
            FetchError::NotFound { missing, nearest } => {
                *missing == Missing::Secret && nearest.is_none()
            }
            // AWS names the ARN of a secret that exists.
            FetchError::Denied { cause, message, .. } => {
                matches!(cause, Denial::PolicyOrMissing | Denial::Metadata)
                    && !message.text.contains("resource: arn:")
            }
            FetchError::Unavailable(_)
            | FetchError::Refused(_)
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion { .. } => false,
        };
        let SecretRef { locator, selector } = reference;
        let is_plain_name = locator.store == Store::SecretsManager
            && locator.id.arn().is_none()
            && !locator.id.name().contains('/');
        is_missing && is_plain_name && *selector == Selector::Whole
    }

    /// Returns a failure without fallback regions.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self {
            region,
            error,
            is_local: false,
            elsewhere: Vec::new(),
            waited: None,
            notes: Vec::new(),
            place: None,
            remedies: Vec::new(),
        }
    }
}

/// The reason that there is no document. Only [`FetchError::NotFound`] is an absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    NotFound {
        missing: Missing,
        /// The most similar id in a local file, or the most similar alias.
        nearest: Option<String>,
    },
    Denied {
        /// The message of AWS, on one line.
        message: Reason,
        cause: Denial,
        /// The caller by `sts:GetCallerIdentity`, if the message does not name it.
        identity: Option<String>,
    },
    /// No usable answer before the deadline. A later request may succeed.
    Unavailable(Outage),
    /// An error that a later request would return as well.
    Refused(Refusal),
    /// The request cannot be authenticated.
    NoCredentials(CredentialsError),
    /// No source names a region.
    NoRegion { again: Again },
}

impl From<Outage> for FetchError {
    fn from(outage: Outage) -> Self {
        Self::Unavailable(outage)
    }
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CredentialsError> for FetchError {
    fn from(error: CredentialsError) -> Self {
        Self::NoCredentials(error)
    }
}

impl FetchError {
    /// Returns the absence of a secret or of a version, without a similar name.
    pub fn not_found(missing: Missing) -> Self {
        Self::NotFound {
            missing,
            nearest: None,
        }
    }

    /// Returns a denial that does not name the caller.
    pub fn denied(message: impl Into<Reason>, cause: Denial) -> Self {
        Self::Denied {
            message: message.into(),
            cause,
            identity: None,
        }
    }

    /// Returns the exit status of a launch that lacks the value.
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound { .. } | Self::Refused(_) | Self::NoRegion { .. } => {
                Status::Configuration
            }
            Self::Denied { .. } => Status::Denied,
            Self::Unavailable(_) => Status::Temporary,
            Self::NoCredentials(error) => error.problem.status,
        }
    }

    /// Returns the word for the error in the table of `check`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound {
                missing: Missing::Secret,
                ..
            } => "not-found",
            Self::NotFound {
                missing: Missing::Version,
                ..
            } => "version-not-found",
            Self::Denied {
                cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata,
                ..
            } => "denied",
            Self::Denied {
                cause: Denial::Key, ..
            } => "kms-denied",
            Self::Denied {
                cause: Denial::Credentials(_),
                ..
            } => "credentials-refused",
            Self::Unavailable(outage) => match outage.kind {
                OutageKind::Throttled => "throttled",
                OutageKind::Service => "service-failure",
                OutageKind::Timeout | OutageKind::Silent => "timeout",
                OutageKind::Lookup
                | OutageKind::Connection
                | OutageKind::Handshake
                | OutageKind::AgentConnection => "unreachable",
                OutageKind::MalformedResponse => "malformed-response",
                OutageKind::ClockSkew | OutageKind::EarlyCertificate => "clock-skew",
            },
            Self::Refused(refusal) => match refusal {
                Refusal::MarkedForDeletion => "marked-for-deletion",
                Refusal::NoValue => "no-value",
                Refusal::Certificate { .. } | Refusal::TrustStore(_) => "certificate",
                Refusal::Proxy { .. } => "proxy",
                Refusal::Agent(_) => "agent",
                Refusal::NotSent(_) | Refusal::Request(_) => "refused",
            },
            Self::NoCredentials(error) => error.problem.code,
            Self::NoRegion { .. } => "no-region",
        }
    }

    /// Returns who is asked again.
    pub fn again(&self) -> Again {
        match self {
            Self::Unavailable(outage) => outage.again,
            Self::NoCredentials(error) => error.again,
            Self::NoRegion { again } => *again,
            Self::NotFound { .. } | Self::Denied { .. } | Self::Refused(_) => Again::Never,
        }
    }

    /// True if the service itself answered that the value is denied or absent. Credentials that are missing, expired or refused, and a
    /// role that is not assumed, say nothing about the value.
    pub fn withholds_value(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::Denied {
                    cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Key,
                    ..
                }
                | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue)
        )
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
    /// The identity lacks the permission to describe the secret or parameter, which `check --metadata` needs.
    Metadata,
    /// The KMS key of the secret is disabled, or the identity may not use it.
    Key,
    /// AWS does not accept the credentials. Where their origin is known, this becomes a [`CredentialsError`].
    Credentials(CredentialsFault),
}

/// The reason why AWS does not accept credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Expired,
    /// The signature was not made with the secret key of the access key.
    WrongSecretKey,
    /// AWS does not recognize the access key, or its session token is wrong or missing.
    Unrecognized,
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
        /// Its host and port, and the variable that names it.
        proxy: String,
        variable: &'static str,
        /// True if a name and a password were sent.
        has_password: bool,
    },
    /// A request that the Secrets Manager Agent does not support, and why.
    Agent(&'static str),
    /// A request that cannot be made, or whose answer is too large, and why.
    NotSent(Reason),
    /// Any other error response of AWS, as one line.
    Request(Reason),
}

/// The reason that a request cannot be authenticated: there are no credentials, or something refuses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    /// The words. If no source has credentials, there is a note for each source.
    pub problem: Box<Problem>,
    pub again: Again,
    /// True if no source of credentials is configured, so that the remedies of a developer's machine apply.
    pub is_unconfigured: bool,
}

impl CredentialsError {
    /// Returns the error of a source that has no credentials.
    pub fn new(text: impl Into<String>, again: Again) -> Self {
        Self {
            problem: Box::new(Problem::new(Status::Denied, text).code("no-credentials")),
            again,
            is_unconfigured: false,
        }
    }

    /// Returns the error of credentials, a role or a token that is refused. `code` is the word for the table of `check`.
    pub fn refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::new(text, Again::Never);
        error.problem.code = code;
        error
    }

    /// Makes the error one of a source that did not answer, so that a later attempt may succeed.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.problem.status = Status::Temporary;
        self
    }

    /// Adds a message of AWS's.
    #[must_use]
    pub fn aws_says(mut self, message: Reason) -> Self {
        self.problem.aws_says = Some(message.text);
        self.problem.detail = message.detail;
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.problem.help = Some(help.into());
        self
    }
}
