//! A credential provider's part of a search: the clients and settings that it may use, and its failure.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError as SdkCredentialsError;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::{RoleChain, Settings};
use crate::backend::aws::protocol::{classify_sdk_error, error_text};
use crate::backend::retry::AttemptFailure;
use crate::model::answer::{FetchError, OutageKind, Refusal};
use crate::model::reference::Region;
use crate::system::os_error;

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
    pub kind: FailureKind,
    pub why: String,
}

/// The kind of a failure, which decides how the search for credentials continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Not configured: continue with the next provider.
    NotConfigured,
    /// Perhaps configured, but without an answer: continue with the next provider. A later search may succeed.
    Unanswered,
    /// Configured but unusable: end the search, and repeat it only with `--wait`.
    Defect,
    /// A [`Self::Defect`] with its remedy.
    Remediable(String),
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
    pub fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(FailureKind::Defect, format!("{}: {}", path.display(), os_error::text_of_file(path, error)))
    }

    /// The failure of a request. The text begins with `subject`.
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
        Self::new(FailureKind::of(retry), format!("{subject}: {why}"))
    }

    /// The failure of the SDK's provider of a container's or of the instance's credentials. `status` is that of an HTTP response in it.
    pub fn of_sdk(error: &SdkCredentialsError, status: Option<u16>) -> Self {
        // The outermost error only says that the provider failed.
        let why = error.source().map_or_else(|| error.to_string(), error_text);
        let kind = match error {
            SdkCredentialsError::CredentialsNotLoaded(_) => FailureKind::NotConfigured,
            SdkCredentialsError::ProviderTimedOut(_) => FailureKind::FAILED,
            SdkCredentialsError::InvalidConfiguration(_) => FailureKind::Misconfigured,
            error => FailureKind::of_response(error, status),
        };
        Self { kind, why }
    }
}

impl FailureKind {
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

    /// Returns the kind of an error of the SDK, in which `status` is that of an HTTP response.
    pub fn of_response(error: &(dyn Error + 'static), status: Option<u16>) -> Self {
        match classify_sdk_error(error, status) {
            // A response that is none of the metadata service's may be that of what is before it.
            AttemptFailure::Permanent(FetchError::Refused(Refusal::Request(_))) => Self::FAILED,
            failure => Self::of(&failure),
        }
    }
}
