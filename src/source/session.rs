//! What all requests to AWS share: region, credentials, roles and clients, each settled once and first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::Client;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::causes::is_timeout;
use super::classify::text_of;
use super::credentials;
use super::profile::{self, SetupError};
use super::retry::Patience;
use super::transport::http_client;
use super::variables::{ProxySettings, Settings};
use crate::fetched::{CredentialsError, FetchError, Outage};
use crate::reference::{Region, Role};

/// What is settled before the first request, and kept for the later ones.
pub(super) struct Session {
    settings: Settings,
    http: SharedHttpClient,
    /// Past any proxy, for what serves metadata next to this machine.
    direct: SharedHttpClient,
    pub(super) patience: Patience,
    /// `None` while it was not needed yet, as with the base credentials.
    region: Option<Result<Region, FetchError>>,
    base: Option<Result<Credentials, CredentialsError>>,
    roles: BTreeMap<Role, Result<Credentials, FetchError>>,
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
    /// Reads the configuration files; the time for everything begins to run.
    pub(super) async fn open(mut settings: Settings) -> Result<Self, SetupError> {
        let deadline = Instant::now() + settings.timeout;
        profile::apply(&mut settings).await?;
        let http = http_client(&settings.trust, &settings.proxy);
        let direct = http_client(&settings.trust, &ProxySettings::default());
        let patience = Patience { deadline, max_attempts: settings.max_attempts };
        Ok(Self { settings, http, direct, patience, region: None, base: None, roles: BTreeMap::new() })
    }

    /// The role that everything is read with that names none itself.
    pub(super) fn default_role(&self) -> Option<&Role> {
        self.settings.role.as_ref()
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
        self.region.insert(region).clone()
    }

    /// Without a metadata service there is no region; with one that does not answer there may be, later.
    async fn instance_region(&self) -> Result<Region, FetchError> {
        let client = credentials::metadata_client(&self.provider_config(&self.direct, None));
        let asked = timeout_at(self.patience.deadline, client.get("/latest/meta-data/placement/region"));
        let why = |text: String| format!("the instance metadata, asked for the region: {text}");
        match asked.await {
            Err(_) => Err(FetchError::Unavailable(Outage::Timeout(why("no answer in time".to_owned())))),
            Ok(Ok(region)) => Region::parse(region.as_ref()).map_err(|_| FetchError::NoRegion),
            Ok(Err(error)) if is_timeout(&error) => Err(FetchError::Unavailable(Outage::Timeout(why(text_of(&error))))),
            Ok(Err(ImdsError::ErrorResponse(answer))) if answer.response().status().as_u16() >= 429 => {
                let status = answer.response().status().as_u16();
                Err(FetchError::Unavailable(Outage::Service(why(format!("HTTP status {status}")))))
            }
            Ok(Err(_)) => Err(FetchError::NoRegion),
        }
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

    /// The credentials that were found. STS, where it is needed, is asked in the configured region; `region` is one that
    /// something is read in, for when none is configured.
    pub(super) async fn base_credentials(&mut self, region: &Region) -> Result<Credentials, FetchError> {
        let found = match &self.base {
            Some(known) => known.clone(),
            None => {
                let region = self.settings.region.as_ref().unwrap_or(region);
                let (config, near) =
                    (self.provider_config(&self.http, Some(region)), self.provider_config(&self.direct, Some(region)));
                let found = credentials::find(&self.settings, &config, &near, self.patience).await;
                self.base.insert(found).clone()
            }
        };
        found.map_err(FetchError::NoCredentials)
    }

    /// Assumes every role that is not known yet, all at once.
    pub(super) async fn assume(&mut self, roles: BTreeSet<Role>, region: &Region, base: &Credentials) {
        let region = self.settings.region.clone().unwrap_or_else(|| region.clone());
        let mut under_way = JoinSet::new();
        for role in roles.into_iter().filter(|role| !self.roles.contains_key(role)) {
            let (config, base, patience) = (self.sdk_config(&region, base.clone()).await, base.clone(), self.patience);
            under_way.spawn(async move { (role.clone(), credentials::assume(role, config, base, patience).await) });
        }
        self.roles.extend(under_way.join_all().await);
    }

    /// The credentials of a role that was assumed, or without a role the base ones.
    pub(super) fn credentials(&self, role: Option<&Role>, base: &Credentials) -> Result<Credentials, FetchError> {
        role.and_then(|role| self.roles.get(role)).cloned().unwrap_or_else(|| Ok(base.clone()))
    }

    /// A client for one region and one set of credentials.
    pub(super) async fn client(&self, region: &Region, credentials: Credentials) -> Client {
        let shared = self.sdk_config(region, credentials).await;
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&shared);
        if let Some(url) = &self.settings.endpoint_url {
            config = config.endpoint_url(url);
        }
        Client::from_conf(config.build())
    }

    /// What the SDK reads from variables and profiles by itself: endpoints, FIPS, dual stack.
    async fn sdk_config(&self, region: &Region, credentials: Credentials) -> SdkConfig {
        let mut loader = aws_config::defaults(behavior())
            .http_client(self.http.clone())
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .credentials_provider(credentials)
            // Attempts are counted where the reason of the last one is kept.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts());
        if let Some(profile) = self.settings.profile() {
            loader = loader.profile_name(profile);
        }
        // A name of token characters, which a version is; CloudTrail shows it.
        if let Ok(name) = AppName::new(concat!("secrets-exec-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        loader.load().await
    }
}
