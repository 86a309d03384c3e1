//! The reasons why a backend returns no document.
//!
//! These variants decide on the exit status, on the code in `check`, on what is tried again, and on whether a cached answer may be used. Their
//! wording is in `fetch_problem`.

use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use super::outage::{Again, Outage, OutageKind, Reason};
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Region, SecretRef, Selector, Store};

/// A failed request, and the regions that it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// The first region that was asked. `None` if the request wasn't sent to a region.
    pub region: Option<Region>,
    pub error: FetchError,
    /// The `--local` file, if it was read instead of AWS.
    pub local_file: Option<PathBuf>,
    /// The fallback regions that were tried after `region`, with their errors.
    pub elsewhere: Vec<(Region, FetchError)>,
    /// The time for which secrets-exec tried with `--wait`.
    pub waited: Option<Duration>,
    /// Further facts. Each is a line of the message.
    pub notes: Vec<String>,
    /// The sources of the region and of the account, if the reference doesn't name them: `the region (from AWS_REGION) and the account`.
    pub default_region_and_account: Option<String>,
    /// The advice to choose a profile, if the files have profiles and none is chosen. It is the remedy for a missing region or missing credentials
    /// on a developer's machine.
    pub profile_advice: Option<String>,
    /// If the secret doesn't exist, the most similar id in the local file, or otherwise the most similar alias.
    pub nearest: Option<Box<str>>,
}

impl FetchFailure {
    /// True if `--wait` tries again. Another try is only useful if every region has failed for a reason that can pass.
    pub fn is_waited_for(&self) -> bool {
        self.errors().all(|error| error.again().is_waited_for())
    }

    /// Returns the errors in all regions that were tried.
    pub fn errors(&self) -> impl Iterator<Item = &FetchError> {
        let elsewhere = self.elsewhere.iter().map(|(_, error)| error);
        iter::once(&self.error).chain(elsewhere)
    }

    /// True if the name of the secret may be a password that was written instead of a reference, as in `--env DB_PASSWORD=hunter2`. No message
    /// may show it.
    ///
    /// Such a name isn't found, isn't similar to another name, doesn't contain a slash, and comes without a KEY. An ARN and a name after
    /// `ssm:` are never passwords.
    pub fn hides_name(&self, reference: &SecretRef) -> bool {
        let is_missing = match &self.error {
            FetchError::NotFound(missing) => *missing == Missing::Secret && self.nearest.is_none(),
            // AWS names the ARN of a secret that exists.
            FetchError::Denied { cause, message, .. } => {
                matches!(cause, Denial::PolicyOrMissing | Denial::Metadata)
                    && !message.text.contains("resource: arn:")
            }
            FetchError::Unavailable(_)
            | FetchError::Refused(_)
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion(_) => false,
        };

        let SecretRef { locator, selector } = reference;
        let is_plain_name = locator.store == Store::SecretsManager
            && locator.id.arn().is_none()
            && !locator.id.name().contains('/');
        is_missing && is_plain_name && *selector == Selector::Whole
    }

    /// Creates the failure of a request to `region`, which is `None` if the request wasn't sent.
    pub fn new(region: Option<Region>, error: FetchError) -> Self {
        Self {
            region,
            error,
            local_file: None,
            elsewhere: Vec::new(),
            waited: None,
            notes: Vec::new(),
            default_region_and_account: None,
            profile_advice: None,
            nearest: None,
        }
    }
}

/// The reason why there isn't a document. Only [`FetchError::NotFound`] is an absence, which a `default` can replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    NotFound(Missing),
    Denied {
        /// AWS's message, on one line.
        message: Reason,
        cause: Denial,
        /// The caller according to `sts:GetCallerIdentity`, if AWS's message doesn't name it.
        identity: Option<String>,
    },
    /// AWS didn't send a usable answer before the deadline. A later request may succeed.
    Unavailable(Outage),
    /// A later request would fail in the same way.
    Refused(Refusal),
    /// The request can't be signed.
    NoCredentials(CredentialsError),
    /// No source names a region.
    NoRegion(Again),
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
    /// Creates the error for a denial, before it is known who the caller is.
    pub fn denied(message: impl Into<Reason>, cause: Denial) -> Self {
        Self::Denied {
            message: message.into(),
            cause,
            identity: None,
        }
    }

    /// Returns the exit status of a launch that doesn't get the value.
    pub fn status(&self) -> Status {
        match self {
            Self::NotFound(_) | Self::Refused(_) | Self::NoRegion(_) => Status::Configuration,
            Self::Denied { .. } => Status::Denied,
            Self::Unavailable(_) => Status::Temporary,
            Self::NoCredentials(error) => error.problem.status,
        }
    }

    /// Returns the code for the error in the table and the JSON of `check` (docs/check.md).
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(Missing::Secret) => "not-found",
            Self::NotFound(Missing::Version) => "version-not-found",
            Self::Denied { cause, .. } => match cause {
                Denial::Policy | Denial::PolicyOrMissing | Denial::Metadata => "denied",
                Denial::Key => "kms-denied",
                Denial::Credentials(_) => "credentials-refused",
            },
            Self::Unavailable(outage) => match outage.kind {
                OutageKind::Throttled => "throttled",
                OutageKind::Service => "service-failure",
                OutageKind::Timeout | OutageKind::Silent => "timeout",
                OutageKind::Lookup
                | OutageKind::Connection
                | OutageKind::Handshake
                | OutageKind::NotTls
                | OutageKind::AgentConnection => "unreachable",
                OutageKind::MalformedResponse => "malformed-response",
                OutageKind::ClockSkew | OutageKind::EarlyCertificate => "clock-skew",
            },
            Self::Refused(refusal) => match refusal {
                Refusal::MarkedForDeletion => "marked-for-deletion",
                Refusal::NoValue => "no-value",
                Refusal::Certificate { .. } | Refusal::TrustStore(_) => "certificate",
                Refusal::Proxy { .. } => "proxy",
                Refusal::Endpoint { .. } => "endpoint",
                Refusal::Agent(_) => "agent",
                Refusal::NotSent(_) | Refusal::Request(_) => "refused",
            },
            Self::NoCredentials(error) => error.problem.code,
            Self::NoRegion(_) => "no-region",
        }
    }

    /// Returns what is tried after this error, if anything.
    pub fn again(&self) -> Again {
        match self {
            Self::Unavailable(outage) => outage.again,
            Self::NoCredentials(error) => error.again,
            Self::NoRegion(again) => *again,
            Self::Refused(Refusal::Endpoint { .. }) => Again::Later,
            Self::NotFound(_) | Self::Denied { .. } | Self::Refused(_) => Again::Never,
        }
    }

    /// True if the service itself answered that the value is absent or that access is denied. Such an answer removes the cached one. Credentials that
    /// are missing, expired or refused, and a role that isn't assumed, say nothing about the value, so the cached answer stays.
    pub fn withholds_value(&self) -> bool {
        matches!(
            self,
            Self::NotFound(_)
                | Self::Denied {
                    cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Key,
                    ..
                }
                | Self::Refused(Refusal::MarkedForDeletion | Refusal::NoValue)
        )
    }
}

/// The thing that doesn't exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Secret,
    /// The version. A secret exists in this case, but AWS doesn't say whether a parameter does.
    Version,
}

/// The reason why access is denied. The hint depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The caller doesn't have the permission. AWS's message names the ARN of the secret, so the secret exists.
    Policy,
    /// The caller doesn't have the permission, and AWS's message doesn't name an ARN. The secret may not exist.
    PolicyOrMissing,
    /// The caller may not describe the secret or parameter, which `check --metadata` needs.
    Metadata,
    /// The KMS key of the secret is disabled, or the caller may not use it.
    Key,
    /// AWS doesn't accept the credentials, or the token of a web identity. Once their origin is
    /// known, this becomes a [`CredentialsError`].
    Credentials(CredentialsFault),
}

/// The reason why AWS doesn't accept credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsFault {
    Expired,
    /// The signature wasn't made with the secret key that belongs to the access key.
    WrongSecretKey,
    /// AWS doesn't recognize the access key or the token, or the session token is wrong or missing.
    Unrecognized,
}

/// An error that a later request would meet again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    MarkedForDeletion,
    /// The response has neither SecretString nor SecretBinary, or the parameter doesn't have a Value.
    NoValue,
    /// The root certificates can't be read.
    TrustStore(String),
    /// The certificate of the server isn't trusted.
    Certificate {
        why: String,
        help: Option<&'static str>,
    },
    /// A proxy answered with HTTP status 407.
    Proxy {
        /// The host and port.
        proxy: String,
        /// The variable that names the proxy.
        variable: &'static str,
        /// True if a user name and a password were sent.
        has_password: bool,
    },
    /// The user has named an endpoint or a proxy that doesn't speak TLS, or a region that AWS
    /// doesn't have. A network that is coming up can look like this, so `--wait` tries again.
    Endpoint {
        why: String,
        help: String,
    },
    /// The Secrets Manager Agent doesn't support the request. The text completes "because the Secrets Manager Agent …".
    Agent(&'static str),
    /// The request can't be made, or its answer is too large.
    NotSent(Reason),
    /// AWS returned another error.
    Request(Reason),
}

/// The reason why a request can't be signed: nothing provides credentials, or AWS or a role refuses them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct CredentialsError {
    /// The message. If none of the sources has credentials, the message has a note about each source.
    pub problem: Box<Problem>,
    pub again: Again,
    /// True if none of the sources is configured. In that case, the advice to choose a profile applies.
    pub is_unconfigured: bool,
}

impl CredentialsError {
    /// Creates the error for a source that doesn't have credentials.
    pub fn new(text: impl Into<String>, again: Again) -> Self {
        Self {
            problem: Box::new(Problem::new(Status::Denied, text).code("no-credentials")),
            again,
            is_unconfigured: false,
        }
    }

    /// Creates the error of credentials, a role or a token that is refused. `code` is the code in `check`.
    pub fn refused(code: &'static str, text: impl Into<String>) -> Self {
        let mut error = Self::new(text, Again::Never);
        error.problem.code = code;
        error
    }

    /// Sets the exit status of a temporary failure, because the source didn't answer, so that a later launch may succeed.
    pub fn temporary(mut self) -> Self {
        self.problem.status = Status::Temporary;
        self
    }

    /// Sets AWS's message, and its detail.
    pub fn aws_says(mut self, message: Reason) -> Self {
        self.problem.aws_says = Some(message.text);
        self.problem.detail = message.detail;
        self
    }

    /// Sets the remedy, and replaces an earlier one.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.problem.help = Some(help.into());
        self
    }
}
