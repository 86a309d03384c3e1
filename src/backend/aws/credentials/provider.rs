//! A credential provider's part of a search: the clients and settings that it may use, and its failure.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError as SdkError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::{RoleChain, Settings};
use crate::backend::aws::protocol::{classify_sdk_error, error_text};
use crate::model::answer::{FetchError, OutageKind, Refusal};
use crate::model::library_text::is_metadata_forbidden;
use crate::model::reference::Region;
use crate::net::errors::find_source;
use crate::system::os_error::{self, ReadFailure};
use crate::time::retry::AttemptFailure;

/// The clients and settings of a search.
#[derive(Clone)]
pub struct SearchContext<'a> {
    pub settings: &'a Settings,
    pub clients: &'a Clients,
    /// The region in which STS is called.
    pub region: &'a Region,
    /// The way to the credentials of the profile; `None` if it has none, or is not used.
    pub chain: Option<&'a RoleChain>,
    pub mfa_codes: &'a MfaCodes,
}

/// The failure of a credential provider.
#[derive(Debug)]
pub struct ProviderError {
    pub kind: ErrorKind,
    pub why: String,
}

/// The kind of a failure, which decides how the search for credentials continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Not configured: continue with the next provider.
    NotConfigured,
    /// Perhaps configured, but without an answer: continue with the next provider. A later search may succeed.
    Unanswered,
    /// Configured but unusable: end the search, and repeat it only with `--wait`.
    Defect,
    /// Configured with invalid settings: end the search, even with `--wait`.
    Misconfigured,
    /// Configured, and may work later: repeat the search, as a request that failed so is repeated. The time is that of Retry-After.
    Outage(OutageKind, Option<Duration>),
    /// Configured, but a proxy answers in AWS's place, or the clock is wrong: repeat the search in another region alone.
    Unavailable,
    /// No answer within the share of the budget: repeat the search.
    OutOfTime,
    /// A certificate, CA bundle or proxy, which neither another provider nor waiting can fix.
    Refused(Refusal),
}

impl ProviderError {
    pub fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        let ReadFailure { why, is_limit } = error.into();
        let kind = if is_limit { ErrorKind::FAILED } else { ErrorKind::Defect };
        Self::new(kind, format!("{}: {why}", path.display()))
    }

    /// The failure of a request, whose subject is the beginning of the text.
    pub fn of_request(subject: &str, retry: &AttemptFailure) -> Self {
        let why = match retry {
            AttemptFailure::Transient(outage, _) | AttemptFailure::Permanent(FetchError::Unavailable(outage)) => {
                outage.reason.to_string()
            }
            AttemptFailure::Permanent(FetchError::Denied { message, identity: Some(identity), .. }) => {
                format!("{message} (credentials: {identity})")
            }
            AttemptFailure::Permanent(
                FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message)),
            ) => message.to_string(),
            AttemptFailure::Permanent(_) => "refused".to_owned(),
        };
        Self::new(ErrorKind::of(retry), format!("{subject}: {why}"))
    }
}

/// Converts the error of the SDK's provider of a container's or of the instance's credentials.
impl From<SdkError> for ProviderError {
    fn from(error: SdkError) -> Self {
        // The outermost error only says that the provider failed.
        let why = error.source().map_or_else(|| error.to_string(), error_text);
        let kind = match &error {
            SdkError::CredentialsNotLoaded(_) => ErrorKind::NotConfigured,
            SdkError::ProviderTimedOut(_) => ErrorKind::FAILED,
            SdkError::InvalidConfiguration(_) => ErrorKind::Misconfigured,
            error => ErrorKind::of_sdk_error(error),
        };
        Self { kind, why }
    }
}

/// Converts an error of the SDK's client of the instance metadata service.
impl From<ImdsError> for ProviderError {
    fn from(error: ImdsError) -> Self {
        Self { kind: ErrorKind::of_sdk_error(&error), why: error_text(&error) }
    }
}

impl ErrorKind {
    /// The failure of a service or of the machine, without a Retry-After.
    pub const FAILED: Self = Self::Outage(OutageKind::Service, None);

    fn of(retry: &AttemptFailure) -> Self {
        match retry {
            AttemptFailure::Transient(outage, retry_after) => Self::Outage(outage.kind, *retry_after),
            AttemptFailure::Permanent(FetchError::Unavailable(_)) => Self::Unavailable,
            AttemptFailure::Permanent(FetchError::Refused(
                refusal @ (Refusal::Certificate { .. } | Refusal::TrustStore(_) | Refusal::Proxy { .. }),
            )) => Self::Refused(refusal.clone()),
            AttemptFailure::Permanent(_) => Self::Defect,
        }
    }

    fn of_sdk_error(error: &(dyn Error + 'static)) -> Self {
        if let (Some(error), None) = (find_source::<io::Error>(error), find_source::<ConnectorError>(error)) {
            // The file of a container's token.
            return if os_error::is_limit(os_error::errno(error)) { Self::FAILED } else { Self::Defect };
        }
        match classify_sdk_error(error) {
            // A response that is none of the metadata service's may be that of what is before it.
            AttemptFailure::Permanent(FetchError::Refused(Refusal::Request(why)))
                if !is_metadata_forbidden(&why.text) =>
            {
                Self::FAILED
            }
            retry => Self::of(&retry),
        }
    }
}
