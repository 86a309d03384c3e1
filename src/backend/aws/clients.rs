//! Clients of AWS's services and configurations of the SDK's credential providers, all with the same connection pools.

use std::rc::Rc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};

use super::config::Settings;
use super::protocol::{Api, Client, Timeouts, error_text, find_endpoint};
use crate::model::answer::{FetchError, Refusal};
use crate::model::reference::Region;
use crate::net::connector::Connector;
use crate::net::http::{HttpTimeouts, Transport};
use crate::net::proxy::ProxySettings;
use crate::time::deadline::Deadline;

/// Makes the clients of one launch.
pub struct Clients {
    settings: Rc<Settings>,
    /// The connector of `http`.
    connector: Connector,
    http: SharedHttpClient,
    /// The pool of `http` for the timeouts of an attempt.
    http_connector: SharedHttpConnector,
    /// A client without proxies, for link-local endpoints.
    direct: SharedHttpClient,
}

/// The limits of one attempt. A server that accepts the connection and never answers costs [`READ_TIMEOUT`].
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
const READ_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

impl Clients {
    /// Once a request has a connection, AWS is marked as reachable in `deadline`.
    pub fn new(settings: Rc<Settings>, deadline: &Deadline) -> Self {
        let connector = Connector::new(&settings.trust, &settings.proxy, Some(deadline.clone()));
        let direct = Connector::new(&settings.trust, &ProxySettings::default(), None);
        let transport = Transport::new(connector.clone());
        let timeouts = HttpTimeouts { connect: Some(CONNECT_TIMEOUT), read: Some(READ_TIMEOUT) };
        Self {
            settings,
            connector: connector.with_timeout(Some(CONNECT_TIMEOUT)),
            http_connector: transport.connector(timeouts),
            http: SharedHttpClient::new(transport),
            direct: SharedHttpClient::new(Transport::new(direct)),
        }
    }

    /// Starts opening `count` connections for later requests to a service.
    pub async fn preconnect(&self, api: Api, region: &Region, count: usize) {
        if let Ok(endpoint) = find_endpoint(&self.settings.endpoints, api, region).await {
            self.connector.preconnect(&endpoint, count);
        }
    }

    /// The configuration of credential providers with network endpoints; `region` is that of STS.
    pub fn network(&self, region: &Region) -> ProviderConfig {
        self.provider_config(&self.http, Some(region))
    }

    /// The configuration of credential providers with link-local endpoints.
    pub fn link_local(&self) -> ProviderConfig {
        self.provider_config(&self.direct, None)
    }

    fn provider_config(&self, http: &SharedHttpClient, region: Option<&Region>) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(region.map(|region| aws_config::Region::new(region.as_str().to_owned())))
            .with_behavior_version(Some(behavior()))
            .with_use_fips(self.settings.endpoints.use_fips)
            .with_use_dual_stack(self.settings.endpoints.use_dual_stack)
            // `RetryBudget` counts the attempts.
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(timeouts())
    }

    /// Returns a client of a service.
    ///
    /// # Errors
    /// When there is no endpoint: with FIPS and a configured endpoint, for example.
    pub async fn client(&self, api: Api, region: &Region, credentials: &Credentials) -> Result<Client, FetchError> {
        let endpoint = find_endpoint(&self.settings.endpoints, api, region).await;
        let endpoint = endpoint.map_err(|error| FetchError::Refused(Refusal::Request(error_text(&*error))))?;
        let (region, credentials) = (region.clone(), credentials.clone());
        let timeouts = Timeouts { whole: ATTEMPT_TIMEOUT, stall: READ_TIMEOUT };
        Ok(Client { api, endpoint, region, credentials, http: self.http_connector.clone(), timeouts })
    }
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
