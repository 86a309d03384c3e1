//! How AWS is asked: the clients of its services, and what the SDK's own sources of credentials ask with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::clock::Clock;
use super::dial::Dialer;
use super::endpoints;
use super::settings::{Endpoint, ProxySettings, Settings};
use super::transport::http_client;
use crate::reference::{Region, Role, Store};

/// A client for each region and role.
type PerPlace<C> = RefCell<BTreeMap<(Region, Option<Role>), C>>;

/// The clients of one launch; each is made once, and all share their connections.
pub(super) struct Clients {
    settings: Rc<Settings>,
    /// Makes the connections of `http`.
    dialer: Dialer,
    http: SharedHttpClient,
    /// Past any proxy, for what serves metadata next to this machine.
    direct: SharedHttpClient,
    secrets_manager: PerPlace<aws_sdk_secretsmanager::Client>,
    parameter_store: PerPlace<aws_sdk_ssm::Client>,
}

/// Pinned, so that an update of the SDK changes nothing by itself.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// One attempt's limits; a server that accepts and never answers costs the read limit, not for ever.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(3100))
        .read_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(10))
        .build()
}

impl Clients {
    /// `clock` is told when a request has a connection.
    pub(super) fn new(settings: Rc<Settings>, clock: &Clock) -> Self {
        let dialer = Dialer::new(&settings.trust, &settings.proxy, Some(clock.clone()));
        let direct = Dialer::new(&settings.trust, &ProxySettings::default(), None);
        Self {
            dialer: dialer.within(timeouts().connect_timeout()),
            http: http_client(dialer),
            direct: http_client(direct),
            settings,
            secrets_manager: PerPlace::default(),
            parameter_store: PerPlace::default(),
        }
    }

    /// Begins to make so many connections, for requests that will come.
    pub(super) async fn prepare(&self, store: Store, region: &Region, count: usize) {
        if let Some(endpoint) = endpoints::find(&self.settings, store, region).await {
            self.dialer.prepare(&endpoint, count);
        }
    }

    /// What sources of credentials read that ask over the network; `region` is where STS is asked.
    pub(super) fn far(&self, region: &Region) -> ProviderConfig {
        self.provider_config(&self.http, Some(region))
    }

    /// What reads metadata next to this machine.
    pub(super) fn near(&self) -> ProviderConfig {
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

    /// A client of STS.
    pub(super) fn sts(&self, region: &Region, credentials: &Credentials) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.sdk_config(region, credentials, &self.settings.endpoints.sts))
    }

    /// A client of Secrets Manager.
    pub(super) fn secrets_manager(
        &self,
        region: &Region,
        role: Option<&Role>,
        credentials: &Credentials,
    ) -> aws_sdk_secretsmanager::Client {
        client(&self.secrets_manager, region, role, || {
            let config = self.sdk_config(region, credentials, &self.settings.endpoints.secrets_manager);
            aws_sdk_secretsmanager::Client::new(&config)
        })
    }

    /// A client of Parameter Store.
    pub(super) fn parameter_store(
        &self,
        region: &Region,
        role: Option<&Role>,
        credentials: &Credentials,
    ) -> aws_sdk_ssm::Client {
        client(&self.parameter_store, region, role, || {
            let config = self.sdk_config(region, credentials, &self.settings.endpoints.parameter_store);
            aws_sdk_ssm::Client::new(&config)
        })
    }

    /// What the clients of all services have in common. Nothing is left for the SDK to look up by itself: variables and
    /// profile were read once.
    fn sdk_config(&self, region: &Region, credentials: &Credentials, endpoint: &Endpoint) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(behavior())
            .http_client(self.http.clone())
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            // Attempts are counted where the reason of the last one is kept.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts());
        config.set_use_fips(self.settings.use_fips);
        config.set_use_dual_stack(self.settings.use_dual_stack);
        config.set_endpoint_url(self.settings.endpoints.of(endpoint).map(str::to_owned));
        // A name of token characters, which a version is; CloudTrail shows it.
        config.set_app_name(AppName::new(concat!("secrets-exec-", env!("CARGO_PKG_VERSION"))).ok());
        config.build()
    }
}

fn client<C: Clone>(clients: &PerPlace<C>, region: &Region, role: Option<&Role>, new: impl FnOnce() -> C) -> C {
    clients.borrow_mut().entry((region.clone(), role.cloned())).or_insert_with(new).clone()
}
