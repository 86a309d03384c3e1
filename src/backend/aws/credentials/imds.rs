//! The instance metadata service (IMDS): the credentials of the instance's role, and the instance's region.

use std::error::Error;
use std::io::ErrorKind;

use aws_config::imds;
use aws_config::imds::client::SensitiveString;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;

use super::provider::{
    SearchContext, failed, not_configured, of_response, of_sdk, unanswered, with_help,
};
use crate::backend::aws::clients::{Clients, response_status};
use crate::backend::aws::config::{METADATA_URL, MetadataSettings};
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::{Again, FetchError, Outage, OutageKind};
use crate::model::reference::Region;
use crate::net::errors::{NetFailure, error_text, find_source};

const UNREADABLE: &str = "the instance's credentials can't be read";

/// Returns the credentials of the instance's role. The SDK's own provider panics over a role name that cannot be part of a path.
pub async fn instance(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    let settings = &context.settings.metadata;
    // The SDK checks AWS_EC2_METADATA_DISABLED only after its request for a token.
    if settings.is_disabled {
        return Err(not_configured("AWS_EC2_METADATA_DISABLED is true"));
    }
    let client = client(settings, context.clients);
    let roles = client
        .get("/latest/meta-data/iam/security-credentials/")
        .await
        .map_err(|error| no_role(&error, settings))?;
    let role = roles.as_ref().trim().to_owned();
    if role.is_empty()
        || !role
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
    {
        let why = "something other than the instance metadata service answered at its address";
        return Err(failed(why));
    }
    let provider = ImdsCredentialsProvider::builder()
        .configure(&context.clients.link_local(is_token))
        .imds_client(client);
    let found = provider.profile(role).build().provide_credentials().await;
    found.map_err(|error| of_sdk(UNREADABLE, &error, status(&error)))
}

/// Returns the failure of the request for the name of the instance's role. A refused connection means that this is not an instance. Silence
/// or a missing route can also mean that its network is not up yet, except on Fargate and in Lambda.
fn no_role(error: &ImdsError, settings: &MetadataSettings) -> FetchError {
    let (why, status) = (error_text(error), status(error));
    match error {
        ImdsError::ErrorResponse(_) if status == Some(404) => with_help(
            not_configured("this EC2 instance does not have a role"),
            "attach an IAM role to this instance",
        ),
        ImdsError::FailedToLoadToken(token) if token.is_dispatch_failure() && status.is_none() => {
            let is_silent = matches!(
                find_source(error),
                Some(NetFailure::Timeout(_) | NetFailure::Silent(_) | NetFailure::Handshake(_))
            );
            let why = format!("the instance metadata service did not answer: {why}");
            if (is_silent || is_unreachable(error)) && !settings.is_missing {
                unanswered(why)
            } else {
                not_configured(why)
            }
        }
        _ => of_response(error, status, &format!("{UNREADABLE}: {why}")),
    }
}

fn client(settings: &MetadataSettings, clients: &Clients) -> imds::Client {
    let new = || {
        // Without an endpoint, the SDK would read the configuration files again, by its own rules. The URL is valid, so the builder's default
        // is never used.
        let url = match &settings.endpoint {
            Some(endpoint) => endpoint.as_str(),
            None => settings.endpoint_of_mode.unwrap_or(METADATA_URL),
        };
        let builder = imds::Client::builder().endpoint(url);
        let client = builder
            .unwrap_or_default()
            .configure(&clients.link_local(is_token))
            .max_attempts(settings.attempts);
        client
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            .build()
    };
    clients.metadata.get_or_init(new).clone()
}

/// True for an answer to a request for a token whose status the SDK's error hides.
fn is_token(uri: &str, status: u16) -> bool {
    uri.ends_with("/latest/api/token") && matches!(status, 403 | 500..)
}

/// Returns the HTTP status in an error of the SDK.
fn status(error: &(dyn Error + 'static)) -> Option<u16> {
    response_status(error).or_else(|| match find_source(error)? {
        ImdsError::ErrorResponse(response) => Some(response.response().status().as_u16()),
        _ => None,
    })
}

/// Returns the region of the instance.
///
/// # Errors
/// [`FetchError::NoRegion`] without IMDS, which never answers off EC2, or with AWS_EC2_METADATA_DISABLED; [`FetchError::Unavailable`] if
/// IMDS fails, or without a route to it.
pub async fn instance_region(
    settings: &MetadataSettings,
    clients: &Clients,
    budget: &RetryBudget,
) -> Result<Region, FetchError> {
    if settings.is_disabled {
        return Err(FetchError::NoRegion {
            again: Again::Never,
        });
    }
    let client = client(settings, clients);
    let budget = budget.for_request(
        "the instance metadata".to_owned(),
        "the region of the instance".to_owned(),
    );
    let found = retry(&budget, async || {
        read_region(client.get("/latest/meta-data/placement/region").await)
    })
    .await;
    found.map_err(|error| match error {
        FetchError::Unavailable(outage) if outage.kind == OutageKind::Timeout => {
            FetchError::NoRegion {
                again: Again::Later,
            }
        }
        FetchError::Unavailable(outage) => outage
            .of("the region can't be read from the instance metadata")
            .into(),
        error => error,
    })
}

fn read_region(answer: Result<SensitiveString, ImdsError>) -> Result<Region, FetchError> {
    let error = match answer {
        Ok(text) => {
            let region = Region::parse(text.as_ref().trim());
            return region
                .ok_or_else(|| Outage::malformed("an answer that is not a region").into());
        }
        Err(error) => error,
    };
    if is_unreachable(&error) {
        return Err(FetchError::Unavailable(Outage {
            again: Again::Later,
            ..Outage::new(OutageKind::Connection, error_text(&error))
        }));
    }
    match status(&error) {
        Some(status @ (408 | 429 | 500..)) => {
            Err(Outage::new(OutageKind::Service, format!("HTTP status {status}")).into())
        }
        Some(_) | None => Err(FetchError::NoRegion {
            again: Again::Later,
        }),
    }
}

/// True without a route to the service, as before the network is up. A host without the service refuses the connection.
fn is_unreachable(error: &ImdsError) -> bool {
    matches!(
        find_source(error),
        Some(NetFailure::Io {
            kind: Some(ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable),
            ..
        })
    )
}
