//! What all requests to AWS share: region, credentials, roles and clients, each settled once and first.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::aws::Request;
use super::causes::is_timeout;
use super::classify::{Verdict, classify_behind, text_of};
use super::clock::Clock;
use super::credentials::{self, Configs};
use super::dial::Dialer;
use super::profile::{self, SetupError};
use super::retry::Patience;
use super::settings::{Endpoint, ProxySettings, Settings};
use super::sts::{self, Assumed};
use super::transport::http_client;
use super::{endpoints, parameter_store};
use crate::fetched::{FetchError, Outage};
use crate::reference::{Region, Role, Store};

/// A client for each region and role.
type Clients<C> = RefCell<BTreeMap<(Region, Option<Role>), C>>;

/// What is settled before the first request, and kept for the later ones.
pub(super) struct Session {
    settings: Settings,
    /// Makes the connections of `http`.
    dialer: Dialer,
    http: SharedHttpClient,
    /// Past any proxy, for what serves metadata next to this machine.
    direct: SharedHttpClient,
    pub(super) clock: Clock,
    pub(super) patience: Patience,
    /// `None` while it was not needed yet, as with the base credentials.
    region: Option<Result<Region, FetchError>>,
    base: Option<Result<Credentials, FetchError>>,
    roles: BTreeMap<Role, Result<Assumed, FetchError>>,
    secrets_manager: Clients<aws_sdk_secretsmanager::Client>,
    parameter_store: Clients<aws_sdk_ssm::Client>,
    /// Of the base credentials.
    identity: OnceCell<Option<String>>,
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

impl Session {
    /// Reads the configuration files.
    pub(super) async fn open(mut settings: Settings, clock: Clock) -> Result<Self, SetupError> {
        profile::apply(&mut settings).await?;
        let dialer = Dialer::new(&settings.trust, &settings.proxy, Some(clock.clone()));
        let http = http_client(dialer.clone());
        let direct = http_client(Dialer::new(&settings.trust, &ProxySettings::default(), None));
        let patience = Patience::new(clock.clone(), settings.max_attempts);
        Ok(Self {
            settings,
            dialer: dialer.within(timeouts().connect_timeout()),
            http,
            direct,
            clock,
            patience,
            region: None,
            base: None,
            roles: BTreeMap::new(),
            secrets_manager: Clients::default(),
            parameter_store: Clients::default(),
            identity: OnceCell::new(),
        })
    }

    /// The role that everything is read with that names none itself.
    pub(super) fn default_role(&self) -> Option<&Role> {
        self.settings.role.as_ref()
    }

    /// Where what belongs to `region` is read: there, then in the fallback regions.
    pub(super) fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.settings.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// Where everything is read that names no region itself: option, variables, profile, instance metadata.
    pub(super) async fn default_region(&mut self) -> Result<Region, FetchError> {
        if let Some(known) = &self.region {
            return known.clone();
        }
        let region = match &self.settings.region {
            Some(region) => Ok(region.clone()),
            None => self.instance_region().await,
        };
        if !self.clock.is_waiting() && matches!(region, Err(FetchError::Unavailable(Outage::Timeout(_)))) {
            self.settings.metadata.is_silent = true;
        }
        self.region.insert(region).clone()
    }

    /// Without a metadata service there is no region; with one that does not answer there may be, later.
    async fn instance_region(&self) -> Result<Region, FetchError> {
        let client = credentials::metadata_client(&self.settings, &self.provider_config(&self.direct, None));
        let why = |text: String| format!("the instance metadata, asked for the region: {text}");
        let mut last = Outage::Timeout(why("no answer in time".to_owned()));
        for attempts in 1.. {
            let asked = self.patience.within(client.get("/latest/meta-data/placement/region"));
            let outage = match asked.await {
                None => break,
                Some(Ok(region)) => match Region::parse(region.as_ref().trim()) {
                    Ok(region) => return Ok(region),
                    Err(_) => Outage::Garbled("an answer that is no region".to_owned()),
                },
                Some(Err(error)) if is_timeout(&error) => Outage::Timeout(text_of(&error)),
                Some(Err(error)) => match classify_behind(&error) {
                    Verdict::Again(outage @ (Outage::Service(_) | Outage::Throttled(_) | Outage::Garbled(_)), _) => {
                        outage
                    }
                    // Nobody is there. Whoever waits waits for a service that is not there yet.
                    _ if self.clock.is_waiting() && !self.settings.metadata.is_disabled => {
                        Outage::Connection(text_of(&error))
                    }
                    _ => return Err(FetchError::NoRegion),
                },
            };
            // Silence of what may not be there at all is heard once.
            let is_last = matches!(outage, Outage::Timeout(_)) && !self.clock.is_waiting();
            last = outage.map_text(why);
            self.clock.lacks(last.text());
            if is_last || !self.patience.again(attempts, Some(&last), None).await {
                break;
            }
        }
        Err(FetchError::Unavailable(last))
    }

    /// The configuration that the SDK's own sources of credentials read; `region` is where STS is asked.
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

    /// Where STS is asked: in the configured region, else in one that something is read in; then in the fallback regions.
    fn sts_regions(&self, region: &Region) -> Vec<Region> {
        self.regions(self.settings.region.as_ref().unwrap_or(region))
    }

    /// Begins to connect to where `requests` will be sent, if it takes time to get the credentials for them.
    pub(super) async fn prepare(&self, requests: &[Request]) {
        let is_signed_at_once = |request: &Request| self.settings.has_static_keys() && request.role.is_none();
        let mut places: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
        for request in requests.iter().filter(|request| !is_signed_at_once(request)) {
            *places.entry((request.store, &request.region)).or_default() += 1;
        }
        for ((store, region), count) in places {
            let connections = match store {
                Store::SecretsManager => count,
                Store::ParameterStore => count.div_ceil(parameter_store::BATCH),
            };
            if let Some(endpoint) = endpoints::find(&self.settings, store, region).await {
                self.dialer.prepare(&endpoint, connections);
            }
        }
    }

    /// The credentials that were found; `region` is one that something is read in.
    pub(super) async fn base_credentials(&mut self, region: &Region) -> Result<Credentials, FetchError> {
        match &self.base {
            Some(known) => known.clone(),
            None => {
                let configs = |region: &Region| Configs {
                    far: self.provider_config(&self.http, Some(region)),
                    near: self.provider_config(&self.direct, Some(region)),
                };
                let regions = self.sts_regions(region);
                let found = credentials::find(&self.settings, &regions, configs, &self.patience, &self.clock).await;
                self.base.insert(found).clone()
            }
        }
    }

    /// Assumes every role that is not known yet, all at once.
    pub(super) async fn assume(&mut self, roles: BTreeSet<Role>, region: &Region, base: &Credentials) {
        let new = roles.into_iter().filter(|role| !self.roles.contains_key(role));
        let assuming = new.map(|role| self.assume_one(role, region, base));
        let assumed = join_all(assuming).await;
        self.roles.extend(assumed);
    }

    async fn assume_one(&self, role: Role, region: &Region, base: &Credentials) -> (Role, Result<Assumed, FetchError>) {
        let regions = self.sts_regions(region);
        let mut assumed = Err(FetchError::Unavailable(Outage::unanswered()));
        for (index, region) in regions.iter().enumerate() {
            let patience = self.patience.share(regions.len() - index);
            assumed = sts::assume(&self.sts(region, base), &role, &patience).await;
            if !matches!(assumed, Err(FetchError::Unavailable(_))) {
                break;
            }
        }
        (role, assumed)
    }

    /// The credentials of a role that was assumed, or without a role the base ones.
    pub(super) fn credentials<'a>(
        &'a self,
        role: Option<&Role>,
        base: &'a Credentials,
    ) -> Result<&'a Credentials, FetchError> {
        match role.and_then(|role| self.roles.get(role)) {
            Some(Ok(assumed)) => Ok(&assumed.credentials),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(base),
        }
    }

    fn sts(&self, region: &Region, credentials: &Credentials) -> aws_sdk_sts::Client {
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

    /// Whose credentials these are, as far as STS tells it.
    pub(super) async fn identity(&self, role: Option<&Role>, region: &Region, base: &Credentials) -> Option<String> {
        match role.and_then(|role| self.roles.get(role)) {
            Some(assumed) => assumed.as_ref().ok()?.identity.clone(),
            None => {
                let asking = || async { sts::identity(&self.sts(region, base), &self.patience).await };
                self.identity.get_or_init(asking).await.clone()
            }
        }
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

fn client<C: Clone>(clients: &Clients<C>, region: &Region, role: Option<&Role>, new: impl FnOnce() -> C) -> C {
    clients.borrow_mut().entry((region.clone(), role.cloned())).or_insert_with(new).clone()
}
