//! The instance metadata service (IMDS), which has the credentials of the instance's role and the
//! instance's region.
//!
//! A machine outside EC2 doesn't have this service. There, the connection is refused, or nobody
//! answers. An instance that doesn't have a network yet, at boot, looks the same. So silence means
//! "not configured" for now, but with `--wait` the service is asked again.

use std::error::Error;
use std::io::ErrorKind;

use aws_config::imds;
use aws_config::imds::client::SensitiveString;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;

use super::provider::{
    SearchContext, not_configured, response_failure, sdk_failure, service_failure, unanswered,
};
use crate::backend::aws::clients::{Clients, http_status};
use crate::backend::aws::config::{METADATA_URL, MetadataSettings};
use crate::backend::retry::{RetryBudget, retry};
use crate::model::answer::{Again, Cause, FetchError, OutageKind};
use crate::model::reference::Region;
use crate::model::url::HttpUrl;
use crate::net::errors::{error_text, find_source};

/// The beginning of the message about an error.
const UNREADABLE: &str = "the instance's credentials can't be read";

/// The message if the role doesn't trust EC2, and the remedy.
const NOT_TRUSTED: &str = "EC2 may not assume the instance's role";
const TRUST_EC2: &str = "allow ec2.amazonaws.com to use sts:AssumeRole in the role's trust policy";

/// Gets the credentials of the instance's role: asks for the role's name, checks it, and then lets
/// the SDK's provider do the rest. By itself, that provider would panic at a name that isn't
/// allowed in a path.
///
/// # Errors
/// One of the failures in `provider`'s table. If this machine isn't an instance, or if the instance
/// doesn't have a role, the next provider is asked.
pub async fn instance(context: &SearchContext<'_>) -> Result<Credentials, FetchError> {
    let settings = &context.settings.metadata;
    // The SDK would only check AWS_EC2_METADATA_DISABLED after its request for a token.
    if settings.is_disabled {
        return Err(not_configured("AWS_EC2_METADATA_DISABLED is true"));
    }

    let client = metadata_client(settings, context.clients);
    let path = "/latest/meta-data/iam/security-credentials/";
    let answer = client.get(path).await;
    let roles = answer.map_err(|error| no_role(&error, settings))?;
    let role = roles.as_ref().trim().to_owned();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if role.is_empty() || !role.bytes().all(is_allowed) {
        let why = "something other than the instance metadata service answered at its address";
        return Err(service_failure(why));
    }

    let provider = ImdsCredentialsProvider::builder()
        .configure(&context.clients.link_local(hides_token_status))
        .imds_client(client);
    let found = provider.profile(role).build().provide_credentials().await;
    found.map_err(|error| match &error {
        // The metadata service reports AssumeRoleUnauthorizedAccess.
        CredentialsError::InvalidConfiguration(_) => {
            let why = error.source().map(error_text).unwrap_or_default();
            let refused = FetchError::credentials_refused("role-denied", NOT_TRUSTED);
            refused.aws_says(why).help(TRUST_EC2)
        }
        _ => sdk_failure(UNREADABLE, &error),
    })
}

/// Returns the failure of the request for the name of the instance's role. A refused connection
/// means that this machine is not an instance. Silence or a missing route can also mean that the
/// network is not up yet, except on Fargate and in Lambda.
fn no_role(error: &ImdsError, settings: &MetadataSettings) -> FetchError {
    let (why, status) = (error_text(error), http_status(error));
    match error {
        ImdsError::ErrorResponse(_) if status == Some(404) => {
            let why = "this EC2 instance doesn't have a role";
            not_configured(why).help("attach an IAM role to this instance")
        }
        ImdsError::FailedToLoadToken(token) if token.is_dispatch_failure() && status.is_none() => {
            let is_silent = failure_kind(error) == Some(ErrorKind::TimedOut);
            let why = format!("the instance metadata service didn't answer: {why}");
            if (is_silent || is_unreachable(error)) && settings.may_exist {
                unanswered(why)
            } else {
                not_configured(why)
            }
        }
        _ => response_failure(&format!("{UNREADABLE}: {why}"), error),
    }
}

/// Returns the client of the instance metadata service. The first call creates it, and later calls
/// return the same one, so that its token is requested only once.
fn metadata_client(settings: &MetadataSettings, clients: &Clients) -> imds::Client {
    let new = || {
        // The endpoint is always set. Otherwise the SDK would read the configuration files itself,
        // by its own rules. The URL has been checked, so `unwrap_or_default` never applies.
        let endpoint = settings.endpoint.as_ref();
        let url = endpoint.map_or(METADATA_URL, HttpUrl::as_str);
        let builder = imds::Client::builder().endpoint(url);
        builder
            .unwrap_or_default()
            .configure(&clients.link_local(hides_token_status))
            .max_attempts(settings.attempts)
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            .build()
    };
    clients.metadata.get_or_init(new).clone()
}

/// True for an answer to the request for a token whose status the SDK's error would hide.
fn hides_token_status(uri: &str, status: u16) -> bool {
    uri.ends_with("/latest/api/token") && matches!(status, 403 | 500..)
}

/// Asks for the instance's region and asks again after each outage.
///
/// # Errors
/// [`Cause::NoRegion`] if the service does not answer, for example outside EC2, or if
/// AWS_EC2_METADATA_DISABLED is set. [`Cause::Outage`] if the service fails, or if there is no
/// route to it.
pub async fn instance_region(
    settings: &MetadataSettings,
    clients: &Clients,
    budget: &RetryBudget,
) -> Result<Region, FetchError> {
    if settings.is_disabled {
        return Err(Cause::NoRegion.into());
    }

    let client = metadata_client(settings, clients);
    let budget = budget.for_request(
        "the instance metadata".to_owned(),
        "the region of the instance".to_owned(),
    );
    let found = retry(&budget, async || {
        read_region(client.get("/latest/meta-data/placement/region").await)
    })
    .await;

    found.map_err(|error| {
        let Cause::Outage(kind) = error.cause else {
            return error;
        };
        if kind == OutageKind::Timeout {
            return no_region_yet();
        }
        error.with_headline("the region can't be read from the instance metadata")
    })
}

/// Returns the failure for a service that doesn't answer now but may answer later.
fn no_region_yet() -> FetchError {
    FetchError {
        again: Again::Later,
        ..Cause::NoRegion.into()
    }
}

/// Returns the region that an answer contains.
///
/// # Errors
/// An outage, if the service failed, if there is no route to it, or if the answer isn't a region.
/// Otherwise [`Cause::NoRegion`].
fn read_region(answer: Result<SensitiveString, ImdsError>) -> Result<Region, FetchError> {
    let error = match answer {
        Ok(text) => {
            let region = Region::parse(text.as_ref().trim());
            return region.ok_or_else(|| {
                FetchError::malformed("a response that isn't the code of a region")
                    .help("set AWS_REGION, or add --region")
            });
        }
        Err(error) => error,
    };

    if is_unreachable(&error) {
        return Err(FetchError {
            again: Again::Later,
            ..FetchError::outage(OutageKind::Connection, error_text(&error))
        });
    }
    match http_status(&error) {
        Some(status @ (408 | 429 | 500..)) => {
            let outage = FetchError::from(Cause::Outage(OutageKind::Service));
            Err(outage.aws_says(format!("HTTP status {status}")))
        }
        Some(_) | None => Err(no_region_yet()),
    }
}

/// True if there is no route to the service, which can mean that the network isn't up yet. A host
/// without the service usually refuses the connection or stays silent.
fn is_unreachable(error: &ImdsError) -> bool {
    matches!(
        failure_kind(error),
        Some(ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable)
    )
}

/// Returns the kind of the operating system's error, if the connection failed with one.
fn failure_kind(error: &ImdsError) -> Option<ErrorKind> {
    find_source::<FetchError>(error)?.io_kind
}
