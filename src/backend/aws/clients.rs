//! How AWS is asked: clients of its services, and what the SDK's own sources of credentials ask with.

use std::rc::Rc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};

use super::config::Settings;
use super::protocol;
use super::protocol::{Api, Client, Timeouts, text_of};
use crate::model::answer::{FetchError, Refusal};
use crate::model::reference::Region;
use crate::net::connector::Connector;
use crate::net::http::Transport;
use crate::net::proxy::ProxySettings;
use crate::time::deadline::Deadline;

/// What makes the clients of one launch; all share their connections.
pub struct Clients {
    settings: Rc<Settings>,
    /// Makes the connections of `http`.
    dialer: Connector,
    http: SharedHttpClient,
    /// `http` within the limits of an attempt.
    connector: SharedHttpConnector,
    /// Past any proxy, for what serves metadata next to this machine.
    direct: SharedHttpClient,
}

/// Pinned, so that an update of the SDK changes nothing by itself.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// One attempt's limits; a server that accepts and never answers costs the read limit, not for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

const READ_TIMEOUT: Duration = Duration::from_secs(5);

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}

impl Clients {
    /// `clock` is told when a request has a connection.
    pub fn new(settings: Rc<Settings>, deadline: &Deadline) -> Self {
        let dialer = Connector::new(&settings.trust, &settings.proxy, Some(deadline.clone()));
        let direct = Connector::new(&settings.trust, &ProxySettings::default(), None);
        let transport = Transport::new(dialer.clone());
        Self {
            settings,
            dialer: dialer.within(Some(CONNECT_TIMEOUT)),
            connector: transport.connector((Some(CONNECT_TIMEOUT), Some(READ_TIMEOUT))),
            http: SharedHttpClient::new(transport),
            direct: SharedHttpClient::new(Transport::new(direct)),
        }
    }

    /// Begins to make so many connections, for requests that will come.
    pub async fn prepare(&self, api: Api, region: &Region, count: usize) {
        if let Ok(endpoint) = protocol::find(&self.settings, api, region).await {
            self.dialer.prepare(&endpoint, count);
        }
    }

    /// What sources of credentials read that ask over the network; `region` is where STS is asked.
    pub fn far(&self, region: &Region) -> ProviderConfig {
        self.provider_config(&self.http, Some(region))
    }

    /// What reads metadata next to this machine.
    pub fn near(&self) -> ProviderConfig {
        self.provider_config(&self.direct, None)
    }

    fn provider_config(&self, http: &SharedHttpClient, region: Option<&Region>) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(region.map(|region| aws_config::Region::new(region.as_str().to_owned())))
            .with_behavior_version(Some(behavior()))
            .with_use_fips(self.settings.use_fips)
            .with_use_dual_stack(self.settings.use_dual_stack)
            // Attempts are counted where it is known how much time is left.
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(timeouts())
    }

    /// A client of a service. The address can be none: FIPS, say, with an endpoint that is not AWS's.
    pub async fn client(&self, api: Api, region: &Region, credentials: &Credentials) -> Result<Client, FetchError> {
        let endpoint = protocol::find(&self.settings, api, region).await;
        let endpoint = endpoint.map_err(|error| FetchError::Refused(Refusal::Request(text_of(&*error))))?;
        let (region, credentials) = (region.clone(), credentials.clone());
        let timeouts = Timeouts { whole: ATTEMPT_TIMEOUT, stall: READ_TIMEOUT };
        Ok(Client { api, endpoint, region, credentials, http: self.connector.clone(), timeouts })
    }
}
