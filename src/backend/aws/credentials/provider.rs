//! A credential provider's part of a search: the clients and settings that it may use, and its failures.

use std::error::Error;
use std::io;
use std::path::Path;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError as SdkCredentialsError;
use http::HeaderValue;

use super::mfa::MfaCodes;
use crate::backend::aws::clients::Clients;
use crate::backend::aws::config::{RoleChain, Settings};
use crate::backend::aws::protocol::classify_sdk_error;
use crate::model::answer::{
    Again, CredentialsError, Denial, FetchError, Outage, OutageKind, Reason, Refusal, Wanted,
};
use crate::model::reference::Region;
use crate::net::errors::error_text;
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

/// Returns the failure of a provider that is not configured: the search goes on with the next one.
pub fn not_configured(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::NextProvider)
}

/// Returns the failure of a provider that may be configured, but does not answer: the search goes on with the next one, and a later search may
/// succeed.
pub fn unanswered(why: impl Into<String>) -> FetchError {
    FetchError::NoCredentials(CredentialsError {
        tried: vec![why.into()],
        temporary: true,
        ..CredentialsError::new(Wanted::Credentials, Again::NextProvider)
    })
}

/// Returns the failure of a provider that is configured, but cannot be used: the search ends, and only `--wait` repeats it.
pub fn unusable(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::Later)
}

/// Returns the failure of a provider with invalid settings: the search ends, even with `--wait`.
pub fn misconfigured(why: impl Into<String>) -> FetchError {
    without_credentials(why, Again::Never)
}

fn without_credentials(why: impl Into<String>, again: Again) -> FetchError {
    FetchError::NoCredentials(CredentialsError {
        tried: vec![why.into()],
        ..CredentialsError::new(Wanted::Credentials, again)
    })
}

/// Returns the failure of a service or of this machine, after which the provider is asked again.
pub fn failed(why: impl Into<Reason>) -> FetchError {
    Outage::new(OutageKind::Service, why).into()
}

/// Returns the failure of a provider whose file cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> FetchError {
    let why = os_error::text_of_file(path, error);
    unusable(format!("{}: {why}", path.display()))
}

/// Returns the failure of a provider for that of its request. The text begins with `subject`.
pub fn of_request(subject: &str, error: FetchError) -> FetchError {
    match error {
        FetchError::Unavailable(outage) => outage.of(subject).into(),
        FetchError::Denied {
            message,
            identity: Some(identity),
            ..
        } => unusable(format!("{subject}: {message} (credentials: {identity})")),
        FetchError::Denied { message, .. } | FetchError::Refused(Refusal::Request(message)) => {
            unusable(format!("{subject}: {message}"))
        }
        error => only_if_general(error, &format!("{subject}: refused")),
    }
}

/// Returns the failure of the SDK's provider of a container's or of the instance's credentials. `status` is that of an HTTP response in it.
pub fn of_sdk(error: &SdkCredentialsError, status: Option<u16>) -> FetchError {
    // The outermost error only says that the provider failed.
    let why = error.source().map_or_else(|| error.to_string(), error_text);
    match error {
        SdkCredentialsError::CredentialsNotLoaded(_) => not_configured(why),
        SdkCredentialsError::ProviderTimedOut(_) => failed(why),
        SdkCredentialsError::InvalidConfiguration(_) => misconfigured(why),
        error => of_response(error, status, &why),
    }
}

/// Returns the failure of a provider whose request the SDK made. `status` is that of an HTTP response in the error.
pub fn of_response(error: &(dyn Error + 'static), status: Option<u16>, why: &str) -> FetchError {
    match status {
        Some(408 | 429 | 500..) => return failed(why),
        Some(_) => return unusable(why),
        None => {}
    }
    match classify_sdk_error(error) {
        // The response may come from something else, in front of the metadata service.
        FetchError::Refused(Refusal::Request(_)) => failed(why),
        FetchError::Unavailable(outage) => FetchError::Unavailable(Outage {
            reason: why.into(),
            ..outage
        }),
        error => only_if_general(error, why),
    }
}

/// Returns the error of a certificate, a CA bundle or a proxy, which no other provider can mend. Any other one makes the provider unusable.
fn only_if_general(error: FetchError, why: &str) -> FetchError {
    match error {
        FetchError::Refused(
            Refusal::Certificate { .. } | Refusal::TrustStore(_) | Refusal::Proxy { .. },
        ) => error,
        FetchError::NotFound { .. }
        | FetchError::Denied { .. }
        | FetchError::Unavailable(_)
        | FetchError::Refused(_)
        | FetchError::NoCredentials(_)
        | FetchError::NoRegion { .. } => unusable(why),
    }
}

/// Adds the remedy to the failure of a provider that cannot be used.
pub fn with_help(mut error: FetchError, help: impl Into<String>) -> FetchError {
    if let FetchError::NoCredentials(error) = &mut error
        && error.again == Again::Later
    {
        error.help = Some(help.into());
    }
    error
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
