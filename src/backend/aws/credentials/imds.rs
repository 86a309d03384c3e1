//! The instance metadata service (IMDS): the credentials of the instance's role, and the instance's region.

use std::io;

use aws_config::imds;
use aws_config::imds::client::SensitiveString;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::provider::{ErrorKind, ProviderError, SearchContext};
use crate::backend::aws::config::MetadataSettings;
use crate::backend::aws::protocol::{classify_sdk_error, error_text};
use crate::model::answer::{FetchError, Outage, OutageKind};
use crate::model::reference::Region;
use crate::net::errors::{ImdsUnavailable, find_source, is_timeout};
use crate::time::retry::{AttemptFailure, RetryBudget, retry};

/// Returns the credentials of the instance's role. The SDK's own provider panics over a role name that cannot be part of a path.
pub async fn instance(context: &SearchContext<'_>) -> Result<Credentials, ProviderError> {
    let (settings, config) = (context.settings.metadata, context.clients.link_local());
    let without = |why: &str| ProviderError::new(ErrorKind::NotConfigured, why);
    // The SDK checks AWS_EC2_METADATA_DISABLED only after its request for a token.
    if settings.is_disabled {
        return Err(without("AWS_EC2_METADATA_DISABLED is true"));
    }
    let client = client(settings, &config);
    let roles = client.get("/latest/meta-data/iam/security-credentials/").await.map_err(|error| match &error {
        ImdsError::ErrorResponse(response) if response.response().status().as_u16() == 404 => {
            without("the instance has no role")
        }
        ImdsError::FailedToLoadToken(token)
            if token.is_dispatch_failure() && find_source::<ImdsUnavailable>(&error).is_none() =>
        {
            let is_unanswered = is_timeout(&error) || is_unreachable(&error);
            let kind = if is_unanswered { ErrorKind::Unanswered } else { ErrorKind::NotConfigured };
            ProviderError::new(kind, error_text(&error))
        }
        _ => error.into(),
    })?;
    let role = roles.as_ref().trim().to_owned();
    if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)) {
        let why = "the response is not one of the instance metadata service";
        return Err(ProviderError::new(ErrorKind::FAILED, why));
    }
    let provider = ImdsCredentialsProvider::builder().configure(&config).imds_client(client);
    Ok(provider.profile(role).build().provide_credentials().await?)
}

fn client(settings: MetadataSettings, config: &ProviderConfig) -> imds::Client {
    let client = imds::Client::builder().configure(config).max_attempts(settings.attempts);
    client.connect_timeout(settings.timeout).read_timeout(settings.timeout).build()
}

/// Returns the region of the instance.
///
/// # Errors
/// [`FetchError::NoRegion`] without IMDS, which never answers off EC2, or with AWS_EC2_METADATA_DISABLED; [`FetchError::Unavailable`] if IMDS
/// fails, or without a route to it.
pub async fn instance_region(
    settings: MetadataSettings,
    config: &ProviderConfig,
    budget: &RetryBudget,
) -> Result<Region, FetchError> {
    if settings.is_disabled {
        return Err(FetchError::NoRegion { is_final: true });
    }
    let client = client(settings, config);
    let found = retry(budget, async || read_region(client.get("/latest/meta-data/placement/region").await)).await;
    found.map_err(|error| match error {
        FetchError::Unavailable(outage) => FetchError::Unavailable(outage.of("the region from the instance metadata")),
        error => error,
    })
}

fn read_region(answer: Result<SensitiveString, ImdsError>) -> Result<Region, AttemptFailure> {
    let error = match answer {
        Ok(text) => {
            let malformed = || Outage::new(OutageKind::MalformedResponse, "a response that is not a region");
            return Region::parse(text.as_ref().trim()).ok_or_else(|| malformed().into());
        }
        Err(error) => error,
    };
    if is_unreachable(&error) {
        let outage = Outage::new(OutageKind::Connection, error_text(&error));
        return Err(AttemptFailure::Permanent(FetchError::Unavailable(outage)));
    }
    Err(match classify_sdk_error(&error) {
        AttemptFailure::Transient(outage, retry_after)
            if matches!(outage.kind, OutageKind::Service | OutageKind::Throttled | OutageKind::MalformedResponse) =>
        {
            AttemptFailure::Transient(outage, retry_after)
        }
        AttemptFailure::Transient(..) | AttemptFailure::Permanent(_) => {
            AttemptFailure::Permanent(FetchError::NoRegion { is_final: false })
        }
    })
}

/// True without a route to the service, as before the network is up. A host without the service refuses the connection.
fn is_unreachable(error: &ImdsError) -> bool {
    let kind = find_source::<io::Error>(error).map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable))
}
