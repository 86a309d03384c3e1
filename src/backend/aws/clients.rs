//! Clients of AWS's services and configurations of the SDK's credential providers, all with the same connection pools.

use std::cell::OnceCell;
use std::error::Error;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::config::Settings;
use super::protocol::{
    ATTEMPT_TIMEOUT, Api, Client, READ_TIMEOUT, classify_sdk_error, error_response, find_endpoint,
};
use crate::model::answer::{FetchError, Refusal};
use crate::model::reference::Region;
use crate::net::connections::Connector;
use crate::net::errors::{error_text, find_source};
use crate::net::http::{HttpClient, HttpTimeouts};
use crate::net::proxy::ProxySettings;

/// Makes the clients of one launch.
pub struct Clients {
    settings: Rc<Settings>,
    http: HttpClient,
    /// The client of the instance metadata, whose token serves the region and the credentials.
    pub metadata: OnceCell<imds::Client>,
    /// A client without proxies, for link-local endpoints.
    direct: HttpClient,
}

const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

impl Clients {
    pub fn new(settings: Rc<Settings>) -> Self {
        let connector = Connector::new(&settings.trust, &settings.proxy);
        let direct = Connector::new(&settings.trust, &ProxySettings::default());
        let timeouts = HttpTimeouts {
            connect: Some(CONNECT_TIMEOUT),
            read: Some(READ_TIMEOUT),
        };
        let app_id = settings.app_id.as_deref();
        Self {
            http: HttpClient::new(connector, timeouts, app_id),
            metadata: OnceCell::new(),
            direct: HttpClient::new(direct, timeouts, app_id),
            settings,
        }
    }

    /// Starts opening `count` connections for later requests to a service.
    pub async fn preconnect(&self, api: Api, region: &Region, count: usize) {
        if let Ok(endpoint) = find_endpoint(&self.settings.endpoints, api, region).await {
            self.http.preconnect(&endpoint, count);
        }
    }

    /// The configuration of the SDK's credential providers with link-local endpoints. `is_hidden` tells, by the URL and the status, the
    /// responses whose status the SDK's error hides: [`response_status`] returns it.
    pub fn link_local(&self, is_hidden: fn(&str, u16) -> bool) -> ProviderConfig {
        let http = self.direct.for_sdk(move |url, answer| {
            let response = answer?;
            match response.status().as_u16() {
                status if !is_hidden(url, status) => Ok(response),
                status @ 500.. => Err(ConnectorError::io(HiddenStatus(status).into())),
                status => Err(ConnectorError::user(HiddenStatus(status).into())),
            }
        });
        ProviderConfig::without_region()
            .with_http_client(http)
            .with_behavior_version(Some(behavior()))
            // `RetryBudget` counts the attempts.
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(timeouts())
    }

    /// The configuration of the SDK's provider of SSO's token. The failure of a refresh, which the provider hides, is put into `failure`.
    pub fn sso_oidc_config(&self, failure: &HiddenFailure) -> SdkConfig {
        let noted = Arc::clone(failure);
        let http = self.http.for_sdk(move |_, answer| {
            let failure = match &answer {
                Ok(response) if response.status().is_success() => return answer,
                Ok(response) => {
                    let header = |name: &str| response.headers().get(name);
                    let body = response.body().bytes().unwrap_or_default();
                    error_response(response.status().as_u16(), header, body)
                }
                Err(error) => classify_sdk_error(error),
            };
            let _ = noted.set(failure);
            answer
        });
        let endpoints = &self.settings.endpoints;
        let mut config = SdkConfig::builder()
            .http_client(http)
            .behavior_version(behavior())
            .use_fips(endpoints.use_fips.unwrap_or_default())
            .use_dual_stack(endpoints.use_dual_stack.unwrap_or_default())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts());
        config.set_time_source(Some(Default::default()));
        config.set_endpoint_url(endpoints.configured(Api::SsoOidc).map(ToString::to_string));
        config.build()
    }

    /// Returns a client of a service, which signs nothing without credentials.
    ///
    /// # Errors
    /// When there is no endpoint: with FIPS and a configured endpoint, for example.
    pub async fn client(
        &self,
        api: Api,
        region: &Region,
        credentials: Option<&Credentials>,
    ) -> Result<Client, FetchError> {
        let endpoint = find_endpoint(&self.settings.endpoints, api, region).await;
        let endpoint = endpoint
            .map_err(|error| FetchError::Refused(Refusal::NotSent(error_text(&*error).into())))?;
        let endpoints = &self.settings.endpoints;
        let (region, http) = (region.clone(), self.http.clone());
        Ok(Client {
            api,
            endpoint,
            endpoint_setting: endpoints.setting(api).map(|(setting, _)| setting),
            region,
            credentials: credentials.cloned(),
            http,
        })
    }
}

/// The failure of a request of the SDK's whose result hides it.
pub type HiddenFailure = Arc<OnceLock<FetchError>>;

#[derive(Debug, thiserror::Error)]
#[error("the endpoint answered with HTTP status {0}")]
struct HiddenStatus(u16);

/// Returns the status of a response that [`Clients::link_local`] has read.
pub fn response_status(error: &(dyn Error + 'static)) -> Option<u16> {
    find_source(error).map(|HiddenStatus(status)| *status)
}

/// Returns a pinned version, so that an update of the SDK changes no behaviour by itself.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}
