//! The clients of AWS's services, and the configurations of the SDK's credential providers. All of
//! them share the same connections.
//!
//! The SDK's errors often hide the HTTP status or the failure of a request, although our decisions
//! depend on them. So each answer to the SDK first passes through one of our functions, which notes
//! what the SDK would hide.

use std::cell::OnceCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::imds;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::config::Settings;
use super::responses::{classify_sdk_error, error_response, not_sent};
use super::service_client::{ATTEMPT_TIMEOUT, Api, Client, READ_TIMEOUT, find_endpoint};
use crate::model::answer::FetchError;
use crate::model::reference::Region;
use crate::model::shown::one_line;
use crate::net::connector::Connector;
use crate::net::errors::find_source;
use crate::net::http::{HttpClient, HttpTimeouts, SdkAnswer};
use crate::net::proxy::ProxySettings;

/// Creates the clients for one launch.
pub struct Clients {
    settings: Rc<Settings>,
    http: HttpClient,
    /// The client of the instance metadata, which is shared because its token is valid for both the
    /// region and the credentials.
    pub metadata: OnceCell<imds::Client>,
    /// A client that never uses a proxy, for link-local endpoints.
    direct: HttpClient,
}

/// The time limit for each step of opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

impl Clients {
    /// Creates the clients. They open connections when they send the first requests.
    pub fn new(settings: Rc<Settings>) -> Self {
        let connector = Connector::new(&settings.trust, &settings.proxy);
        let direct = Connector::new(&settings.trust, &ProxySettings::default());
        let timeouts = HttpTimeouts {
            connect: CONNECT_TIMEOUT,
            read: READ_TIMEOUT,
        };
        let app_id = settings.app_id.as_deref();
        Self {
            http: HttpClient::new(connector, timeouts, app_id),
            metadata: OnceCell::new(),
            direct: HttpClient::new(direct, timeouts, app_id),
            settings,
        }
    }

    /// Starts opening `count` connections for later requests to a service. Does nothing if there is
    /// no endpoint, because the requests will report that error.
    pub async fn connect_early(&self, api: Api, region: &Region, count: usize) {
        if let Ok(endpoint) = find_endpoint(&self.settings.endpoints, api, region).await {
            self.http.preconnect(&endpoint, count);
        }
    }

    /// Returns the configuration of the SDK's credential providers that have link-local endpoints.
    ///
    /// `is_hidden` gets the URL and the status of each response, and returns true if the SDK's
    /// error would hide the status. Such a response becomes an error whose status [`http_status`]
    /// returns.
    pub fn link_local_config(&self, is_hidden: fn(&str, u16) -> bool) -> ProviderConfig {
        let http = self.direct.for_sdk(move |url, answer| {
            let response = answer?;
            let status = response.status().as_u16();
            if is_hidden(url, status) {
                let reason = stated_reason(response.body().bytes().unwrap_or_default());
                return Err(ConnectorError::user(HiddenAnswer(status, reason).into()));
            }
            Ok(response)
        });
        ProviderConfig::without_region()
            .with_http_client(http)
            .with_behavior_version(Some(behavior_version()))
            // `RetryBudget` counts the attempts.
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(sdk_timeouts())
    }

    /// Returns the configuration of the SDK's provider for SSO tokens. The provider hides a failed
    /// refresh of a token, so the first failure of a request is put into `noted_failure`.
    pub fn sso_oidc_config(&self, noted_failure: &HiddenFailure) -> SdkConfig {
        let noted_failure = Arc::clone(noted_failure);
        let http = self.http.for_sdk(move |_, answer| {
            if let Some(failure) = answer_failure(&answer) {
                let _ = noted_failure.set(failure);
            }
            answer
        });

        let endpoints = &self.settings.endpoints;
        let mut config = SdkConfig::builder()
            .http_client(http)
            .behavior_version(behavior_version())
            .use_fips(endpoints.use_fips)
            .use_dual_stack(endpoints.use_dual_stack)
            // `RetryBudget` counts the attempts.
            .retry_config(RetryConfig::disabled())
            .timeout_config(sdk_timeouts());
        // Without a time source, the provider panics.
        config.set_time_source(Some(Default::default()));
        config.set_endpoint_url(endpoints.url(Api::SsoOidc).map(ToString::to_string));
        config.build()
    }

    /// Returns a client of a service. If `credentials` is `None`, the client does not sign its
    /// requests.
    ///
    /// # Errors
    /// When there is no endpoint, for example because the user has set both FIPS and an endpoint.
    pub async fn client(
        &self,
        api: Api,
        region: &Region,
        credentials: Option<&Credentials>,
    ) -> Result<Client, FetchError> {
        let endpoints = &self.settings.endpoints;
        let endpoint = find_endpoint(endpoints, api, region).await;
        Ok(Client {
            api,
            endpoint: endpoint.map_err(|error| not_sent(&*error))?,
            endpoint_setting: endpoints.configured.get(&api).map(|(setting, _)| *setting),
            region: region.clone(),
            identity: credentials.cloned().map(Into::into),
            http: self.http.clone(),
        })
    }
}

/// The failure of a request that the SDK made. The SDK's result hides it.
pub type HiddenFailure = Arc<OnceLock<FetchError>>;

/// Returns the failure that an answer stands for, or `None` if the request has succeeded.
fn answer_failure(answer: &SdkAnswer) -> Option<FetchError> {
    match answer {
        Ok(response) if response.status().is_success() => None,
        Ok(response) => {
            let header = |name: &str| response.headers().get(name);
            let body = response.body().bytes().unwrap_or_default();
            Some(error_response(response.status().as_u16(), header, body))
        }
        Err(error) => Some(classify_sdk_error(error)),
    }
}

/// The HTTP status of a response that the SDK doesn't get, and the reason in its body, after a
/// colon.
#[derive(Debug, thiserror::Error)]
#[error("the credentials endpoint answered with HTTP status {0}{1}")]
struct HiddenAnswer(u16, String);

/// Returns the reason in the body of an error, after a colon: the `message` in a JSON object, or
/// any other text that isn't a web page. Otherwise returns an empty text.
fn stated_reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match one_line(json["message"].as_str().unwrap_or(&text)) {
        reason if reason.is_empty() || reason.starts_with('<') => String::new(),
        reason => format!(": {reason}"),
    }
}

/// Returns the HTTP status in an error from the SDK: that of a response that
/// [`Clients::link_local`] has hidden, or the one in the error itself. Returns `None` if there was
/// no response, or if the error doesn't have its status.
pub fn http_status(error: &(dyn Error + 'static)) -> Option<u16> {
    if let Some(HiddenAnswer(status, _)) = find_source(error) {
        return Some(*status);
    }
    match find_source(error)? {
        ImdsError::ErrorResponse(response) => Some(response.response().status().as_u16()),
        _ => None,
    }
}

/// Returns the version of the SDK's behaviour. The version is pinned, so that updating the SDK
/// doesn't also change its behaviour.
fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Returns the time limits for the SDK's requests, which are the same as for our own.
fn sdk_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}
