//! The two providers of the SDK that we use: one for the role of a container (ECS, EKS Pod
//! Identity), and one for the role of an EC2 instance.
//!
//! The SDK's errors often hide the HTTP status of a response, or why a request failed, although our
//! decisions depend on this. So the SDK sends its requests through our [`SdkConnector`], which
//! records what the SDK would hide.
//!
//! The instance metadata service (IMDS) has the instance's region and the credentials of its role.
//! Outside EC2, the connection is refused, or no response arrives. At boot, an instance whose
//! network isn't up yet doesn't get a response, either. So silence means "not configured" for now,
//! but `--wait` asks again.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::{HeaderValue, Response};

use super::provider::{
    Access, known_remedy, misconfigured, not_configured, service_failure, unreadable_file, unusable,
};
use crate::backend::aws::config::{METADATA_URL, MetadataSettings};
use crate::backend::aws::service_client::Clients;
use crate::backend::aws::service_errors::code_and_message;
use crate::model::environment::is_alphanumeric_or;
use crate::model::message::{Again, Cause, FetchError, FetchResult, OutageKind, Unsigned};
use crate::model::reference::Region;
use crate::net::{
    BoxError, HttpClient, TimeLimits, conceal_authorization, error_text, find_source, in_memory,
};
use crate::system::redaction::redacted_line;
use crate::time::{RetryBudget, Turns};

/// Gets the credentials of the container's role. First checks that the token file can be read,
/// because the SDK's error wouldn't name the file.
pub(super) async fn container_credentials(access: &Access) -> FetchResult<Credentials> {
    let [relative, full] = CONTAINER_URLS;
    let variables = &access.settings.variables;
    if variables
        .non_empty(relative)
        .or(variables.non_empty(full))
        .is_none()
    {
        return Err(not_configured(format!("{relative} and {full} aren't set")));
    }
    if let Some(file) = &access.settings.container_token_file {
        let token = "the container's authorization token";
        if let Err(error) = std::fs::read(file) {
            return Err(unreadable_file(token, file, &error, CONTAINER_REMEDY));
        }
    }

    // The SDK's error never contains the status, so we record every response that isn't a success.
    let config = link_local_config(&access.clients, |_, status| status >= 300);
    let provider = EcsCredentialsProvider::builder().configure(&config).build();
    let budget = access.budget.for_host("the container's endpoint");
    let turns = Turns::default();
    let provided = budget.retry(&turns, async |_| {
        let provided = provider.provide_credentials().await;
        provided.map_err(|error| sdk_failure("the container's credentials can't be read", &error))
    });
    // `or_outage_help` adds its text only to an outage, and `or_provider_help` only to a failure to
    // get credentials.
    provided.await.map_err(|failure| {
        failure
            .or_outage_help(CONTAINER_REMEDY)
            .or_provider_help(access.settings.platform().credentials_help())
    })
}

/// The variables with the URL of the container's credentials. ECS and EKS each set one of them.
const CONTAINER_URLS: [&str; 2] = [
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

const CONTAINER_REMEDY: &str = "outside ECS and EKS, unset the AWS_CONTAINER_* variables";

const INSTANCE_UNREADABLE: &str = "the instance's credentials can't be read";

/// Gets the credentials of the instance's role from the metadata service.
pub(super) async fn instance_credentials(access: &Access) -> FetchResult<Credentials> {
    let settings = &access.settings.metadata;
    // Without this check, the SDK would request a token before it reads AWS_EC2_METADATA_DISABLED.
    if settings.is_disabled {
        return Err(not_configured("AWS_EC2_METADATA_DISABLED is true"));
    }

    let budget = access.budget.for_host("the instance metadata");
    let turns = Turns::default();
    let provided = budget.retry(&turns, async |_| read_instance_credentials(access).await);
    provided.await.map_err(|error| {
        if is_timeout_outside_ec2(&error, settings) {
            return not_configured(error.text());
        }
        error
    })
}

/// True if the launch ran out of time before the metadata service's own time limit, on a machine
/// outside EC2. The service would never have answered there, so this isn't an outage.
fn is_timeout_outside_ec2(error: &FetchError, settings: &MetadataSettings) -> bool {
    error.cause() == Cause::Outage(OutageKind::Timeout) && !settings.may_answer_later()
}

/// Makes one attempt to read the name of the instance's role, and then the role's credentials. The
/// SDK's provider could do both, but would panic on a name that can't be part of a path.
async fn read_instance_credentials(access: &Access) -> FetchResult<Credentials> {
    let settings = &access.settings.metadata;
    let client = metadata_client(settings, &access.clients);
    let path = "/latest/meta-data/iam/security-credentials/";
    let roles = client
        .get(path)
        .await
        .map_err(|error| role_name_failure(&error, settings))?;
    let role = roles.as_ref().trim().to_owned();
    if role.is_empty() || !is_alphanumeric_or(&role, b"+=,.@_-") {
        let why = "something other than the instance metadata service answered at its address";
        return Err(service_failure(why));
    }

    let provider = ImdsCredentialsProvider::builder()
        .configure(&link_local_config(&access.clients, hides_token_status))
        .imds_client(client)
        .profile(role)
        .build();
    provider
        .provide_credentials()
        .await
        .map_err(|error| match &error {
            // This is the SDK's error if the service reports AssumeRoleUnauthorizedAccess.
            CredentialsError::InvalidConfiguration(_) => {
                let text = "EC2 may not assume the instance's role";
                let why = error.source().map(error_text).unwrap_or_default();
                let help =
                    "allow ec2.amazonaws.com to use sts:AssumeRole in the role's trust policy";
                let refused = FetchError::credentials_refused("role-denied", text);
                refused.aws_says(why).help(help)
            }
            _ => sdk_failure(INSTANCE_UNREADABLE, &error),
        })
}

/// The error if the name of the instance's role couldn't be read. Without a response, this machine
/// probably isn't an instance, so the provider counts as not configured. If the machine may be an
/// instance that is still booting, the error is also temporary.
fn role_name_failure(error: &ImdsError, settings: &MetadataSettings) -> FetchError {
    let why = error_text(error);
    let status = http_status(error);
    if let Some(refusal) = token_refusal(error) {
        return not_configured(refusal);
    }
    match error {
        ImdsError::ErrorResponse(_) if status == Some(404) => {
            not_configured("this EC2 instance has no role")
        }
        // Without a status, there was no response. A response that `SdkConnector` turned into an
        // error is also a dispatch failure, but has a status.
        ImdsError::FailedToLoadToken(token) if token.is_dispatch_failure() && status.is_none() => {
            let failure = not_configured(format!("the instance metadata can't be read: {why}"));
            if is_silent_or_unreachable(error) && settings.may_answer_later() {
                // This search goes on, but a later one may succeed.
                return failure.with_unsigned(Unsigned::Unanswered);
            }
            failure
        }
        _ => response_failure(&format!("{INSTANCE_UNREADABLE}: {why}"), error),
    }
}

/// The message about `error`, if the metadata service refused the request for a session token.
fn token_refusal(error: &ImdsError) -> Option<String> {
    match find_source(error)? {
        HiddenResponse {
            status: status @ 403..=405,
            reason,
        } => Some(format!(
            "the instance metadata service refuses the request for a session token (HTTP status {status}{reason}), so it is turned off, or a proxy is in the way"
        )),
        HiddenResponse { .. } => None,
    }
}

/// The client of the metadata service. Only the first call creates it, so its token is requested
/// only once.
fn metadata_client(settings: &MetadataSettings, clients: &Clients) -> imds::Client {
    let client = clients.metadata.get_or_init(|| {
        // Without an endpoint, the SDK would read the configuration files by its own rules. The URL
        // has been checked, so the default of `unwrap_or_default` isn't used.
        let endpoint = settings.endpoint.as_ref();
        let url = endpoint.map_or(METADATA_URL, |url| url.text());
        let builder = imds::Client::builder().endpoint(url).unwrap_or_default();
        builder
            .configure(&link_local_config(clients, hides_token_status))
            .max_attempts(settings.attempts)
            .connect_timeout(settings.timeout)
            .read_timeout(settings.timeout)
            .build()
    });
    client.clone()
}

const TOKEN_PATH: &str = "/latest/api/token";

/// True for a failed token request. The SDK would only report that there is no token.
fn hides_token_status(url: &str, status: u16) -> bool {
    url.ends_with(TOKEN_PATH) && matches!(status, 400 | 403..=405 | 500..)
}

/// Asks the instance metadata service for the region of this instance.
///
/// The error is [`Cause::NoRegion`] if the service is disabled, doesn't answer or has no region,
/// for example outside EC2. It is [`Cause::Outage`] if the service fails, there is no route to it,
/// or its response isn't a region.
pub async fn instance_region(
    settings: &MetadataSettings,
    clients: &Clients,
    budget: &RetryBudget<'_>,
) -> FetchResult<Region> {
    if settings.is_disabled {
        return Err(Cause::NoRegion.into());
    }

    let client = metadata_client(settings, clients);
    let budget = budget.for_request("the instance metadata", &"the region of the instance");
    let path = "/latest/meta-data/placement/region";
    let turns = Turns::default();
    let found = budget.retry(&turns, async |_| match client.get(path).await {
        Ok(text) => Region::parse(text.as_ref().trim())
            .ok_or_else(|| FetchError::malformed("a response that isn't a region code")),
        Err(error) => Err(region_failure(&error, settings)),
    });
    found.await.map_err(|error| {
        if is_timeout_outside_ec2(&error, settings) {
            return no_region_yet();
        }
        error.with_outage_headline("no AWS region is set, and the instance metadata can't be read")
    })
}

/// The error if there is no region. `--wait` asks the metadata service again, because it may return
/// one later.
fn no_region_yet() -> FetchError {
    FetchError::from(Cause::NoRegion).again(Again::Later)
}

/// The error if the region can't be read. It is an outage if the service failed or may still answer
/// later.
fn region_failure(error: &ImdsError, settings: &MetadataSettings) -> FetchError {
    if is_silent_or_unreachable(error) && settings.may_answer_later() {
        // The network may come up late while the machine boots. Only `--wait` waits that long.
        let outage = FetchError::outage(OutageKind::Connection, error_text(error));
        return outage.again(Again::Later);
    }
    if let Some(status @ (408 | 429 | 500..)) = http_status(error) {
        let outage = FetchError::from(Cause::Outage(OutageKind::Service));
        return outage.aws_says(format!("HTTP status {status}"));
    }
    no_region_yet().notes(token_refusal(error))
}

/// True if the metadata service didn't answer in time, or its address can't be reached.
fn is_silent_or_unreachable(error: &ImdsError) -> bool {
    use ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut};
    let kind = find_source::<FetchError>(error).and_then(|failure| failure.io_kind());
    matches!(kind, Some(TimedOut | HostUnreachable | NetworkUnreachable))
}

/// The settings for the SDK's providers. Their endpoints are link-local (ECS, EKS and IMDS), so
/// they never use a proxy.
///
/// If `hides_status` returns true for a response's URL and status, the response becomes an error of
/// our own, from which [`http_status`] can read the status.
fn link_local_config(clients: &Clients, hides_status: fn(&str, u16) -> bool) -> ProviderConfig {
    let direct = clients.direct.clone();
    let http_client = http_client_fn(move |settings, _| {
        let limits = TimeLimits {
            connect: settings.connect_timeout().unwrap_or(Duration::MAX),
            read: settings.read_timeout().unwrap_or(Duration::MAX),
        };
        let http = direct.clone().with_limits(limits);
        SharedHttpConnector::new(SdkConnector { http, hides_status })
    });
    ProviderConfig::without_region()
        .with_http_client(http_client)
        // Pinned, so that updating the SDK doesn't change its behavior.
        .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
}

#[derive(Clone)]
struct SdkConnector {
    http: HttpClient,
    /// Decides from a response's URL and status whether the SDK's error would hide the status.
    hides_status: fn(&str, u16) -> bool,
}

impl fmt::Debug for SdkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SdkConnector")
    }
}

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.clone();
        // Every failure is a user error, which the SDK doesn't retry. Only our own retry loop may
        // repeat a request, because it counts the attempts.
        HttpConnectorFuture::new(async move {
            connector.send(request).await.map_err(ConnectorError::user)
        })
    }
}

impl SdkConnector {
    /// Sends one of the SDK's requests, and conceals its tokens in later messages.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, BoxError> {
        let url = request.uri().to_owned();
        let request = in_memory(request)?;
        // These are the tokens for a container's endpoint and for the instance metadata service.
        for name in ["authorization", "x-aws-ec2-metadata-token"] {
            conceal_authorization(request.headers().get(name));
        }
        let (mut head, body) = self.http.send(request).await?;
        let status = head.status.as_u16();
        let body = body?;
        if (self.hides_status)(&url, status) {
            let reason = stated_reason(&body);
            return Err(HiddenResponse { status, reason }.into());
        }

        // moto's metadata service doesn't send the token's lifetime, which the SDK requires.
        if url.ends_with(TOKEN_PATH) {
            head.headers
                .entry("x-aws-ec2-metadata-token-ttl-seconds")
                .or_insert(HeaderValue::from_static("300"));
        }
        Ok(Response::from_parts(head, SdkBody::from(body)).try_into()?)
    }
}

/// A response whose HTTP status the SDK would hide.
#[derive(Debug, thiserror::Error)]
#[error("the credentials endpoint answered with HTTP status {status}{reason}")]
struct HiddenResponse {
    status: u16,
    /// The reason in the body, from [`stated_reason`].
    reason: String,
}

/// The reason given in an error response's body, with a colon before it: `: access denied`. Empty
/// if the body is empty or a web page.
fn stated_reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let object = serde_json::from_slice(body).unwrap_or_default();
    let (_, message) = code_and_message(&object);
    match redacted_line(message.unwrap_or(&text)) {
        reason if reason.is_empty() || reason.starts_with('<') => String::new(),
        reason => format!(": {reason}"),
    }
}

fn http_status(error: &(dyn Error + 'static)) -> Option<u16> {
    if let Some(HiddenResponse { status, .. }) = find_source(error) {
        return Some(*status);
    }
    match find_source(error)? {
        ImdsError::ErrorResponse(response) => Some(response.response().status().as_u16()),
        _ => None,
    }
}

/// The error if an SDK provider failed. Its text is `headline`, a complete sentence, and then the
/// SDK's reason.
fn sdk_failure(headline: &str, error: &CredentialsError) -> FetchError {
    // The outermost error only says that the provider failed, so its source is quoted.
    let why = error.source().map_or_else(|| error.to_string(), error_text);
    let text = format!("{headline}: {why}");
    let failure = match error {
        CredentialsError::CredentialsNotLoaded(_) => not_configured(text),
        // Only the container's provider returns this error, for a URL or a token that it refuses.
        CredentialsError::InvalidConfiguration(_) => misconfigured(text),
        error => response_failure(&text, error),
    };
    failure.or_provider_help(known_remedy(&why).as_deref())
}

/// The error for a failed response. The HTTP status or, without one, our connector's error decides
/// what kind of failure it is. A connector error that isn't an outage keeps its own message, which
/// is already complete.
fn response_failure(why: &str, error: &(dyn Error + 'static)) -> FetchError {
    match http_status(error) {
        Some(408 | 429 | 500..) => {
            return service_failure(why).help("try again later, or allow more time with --timeout");
        }
        Some(_) => return unusable(why),
        None => {}
    }

    // If our connector didn't fail, the SDK couldn't use the response. It may come from something
    // in front of the service, such as a proxy.
    let Some(failure) = find_source::<FetchError>(error).cloned() else {
        return service_failure(why);
    };
    // `why` already includes the text of an outage.
    if let Cause::Outage(kind) = failure.cause() {
        return FetchError::outage(kind, why).or_help(failure.own_help());
    }
    failure
}
