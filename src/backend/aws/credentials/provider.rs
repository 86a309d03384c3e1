//! A credential provider's part of a search: the clients and settings that it may use, and its failure.

use std::error::Error;
use std::io;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SdkCredentialsError;
use http::HeaderValue;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::{RoleChain, Settings};
use crate::backend::aws::protocol::{classify_sdk_error, error_text};
use crate::backend::retry::AttemptFailure;
use crate::model::answer::{Denial, FetchError, Outage, OutageKind, Refusal};
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
    /// Configured but unusable: end the search, and repeat it only with `--wait`. With the remedy, if one is known.
    Defect(Option<String>),
    /// Configured with invalid settings: end the search, even with `--wait`.
    Misconfigured,
    /// A request that failed in a way that no other provider can mend: repeat the search like the request, here or in the next region. A
    /// certificate, CA bundle or proxy ends it.
    Request(AttemptFailure),
}

impl ProviderError {
    pub fn new(kind: FailureKind, why: impl Into<String>) -> Self {
        Self {
            kind,
            why: why.into(),
        }
    }

    /// The failure of a service or of the machine.
    pub fn temporary(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            kind: FailureKind::Request(Outage::new(OutageKind::Service, why.as_str()).into()),
            why,
        }
    }

    /// A file that cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(
            FailureKind::Defect(None),
            format!(
                "{}: {}",
                path.display(),
                os_error::text_of_file(path, error)
            ),
        )
    }

    /// The failure of a request. The text begins with `subject`.
    pub fn of_request(subject: &str, failure: AttemptFailure) -> Self {
        let why = match &failure {
            AttemptFailure::Transient(outage, _)
            | AttemptFailure::Permanent(FetchError::Unavailable(outage)) => {
                outage.reason.to_string()
            }
            AttemptFailure::Permanent(FetchError::Denied {
                message,
                identity: Some(identity),
                ..
            }) => {
                format!("{message} (credentials: {identity})")
            }
            AttemptFailure::Permanent(
                FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message)),
            ) => message.to_string(),
            AttemptFailure::Permanent(_) => "refused".to_owned(),
        };
        let why = format!("{subject}: {why}");
        Self {
            kind: FailureKind::of(failure),
            why,
        }
    }

    /// The failure of the SDK's provider of a container's or of the instance's credentials. `status` is that of an HTTP response in it.
    pub fn of_sdk(error: &SdkCredentialsError, status: Option<u16>) -> Self {
        // The outermost error only says that the provider failed.
        let why = error.source().map_or_else(|| error.to_string(), error_text);
        let kind = match error {
            SdkCredentialsError::CredentialsNotLoaded(_) => FailureKind::NotConfigured,
            SdkCredentialsError::ProviderTimedOut(_) => return Self::temporary(why),
            SdkCredentialsError::InvalidConfiguration(_) => FailureKind::Misconfigured,
            error => FailureKind::of_response(error, status),
        };
        Self { kind, why }
    }
}

impl FailureKind {
    fn of(failure: AttemptFailure) -> Self {
        match failure {
            AttemptFailure::Transient(..)
            | AttemptFailure::Permanent(
                FetchError::Unavailable(_)
                | FetchError::Refused(
                    Refusal::Certificate { .. } | Refusal::TrustStore(_) | Refusal::Proxy { .. },
                ),
            ) => Self::Request(failure),
            AttemptFailure::Permanent(_) => Self::Defect(None),
        }
    }

    /// Returns the kind of an error of the SDK, in which `status` is that of an HTTP response.
    pub fn of_response(error: &(dyn Error + 'static), status: Option<u16>) -> Self {
        match classify_sdk_error(error, status) {
            // A response that is none of the metadata service's may be that of what is before it.
            AttemptFailure::Permanent(FetchError::Refused(Refusal::Request(why))) => {
                Self::Request(Outage::new(OutageKind::Service, why).into())
            }
            failure => Self::of(failure),
        }
    }
}

/// Returns the defect of credentials that no header can hold: signing would panic over a line break, for example.
pub fn defect(credentials: &Credentials) -> Option<&'static str> {
    let parts = [
        Some(credentials.access_key_id()),
        Some(credentials.secret_access_key()),
        credentials.session_token(),
    ];
    let all_fit = parts
        .into_iter()
        .flatten()
        .all(|text| !text.is_empty() && HeaderValue::from_str(text).is_ok());
    (!all_fit).then_some(
        "the credentials are empty, or have a line break or another character that is not valid in credentials",
    )
}

/// The name of the provider that has the credentials, a property of these.
#[derive(Clone, Copy, Debug)]
pub struct ProviderName(pub &'static str);

/// Adds the provider of `credentials`, and the end of their key's id, to AWS's error that refuses them.
pub fn with_provider(error: FetchError, credentials: Option<&Credentials>) -> FetchError {
    match (error, credentials) {
        (
            FetchError::Denied {
                message,
                cause: cause @ Denial::Credentials,
                ..
            },
            Some(credentials),
        ) => {
            let provider = credentials
                .get_property()
                .map_or("AssumeRole", |ProviderName(name)| name);
            let id = credentials.access_key_id();
            let end = id.get(id.len().saturating_sub(4)..).unwrap_or_default();
            let identity = Some(format!(
                "those of the provider {provider}, with the access key …{end}"
            ));
            FetchError::Denied {
                message,
                cause,
                identity,
            }
        }
        (error, _) => error,
    }
}
