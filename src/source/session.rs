//! What all requests to AWS share: profile, region, credentials, roles and clients, each settled once and first.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::profile::{self, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_secretsmanager::Client;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};
use tokio::time::{Instant, timeout_at};

use super::classify::{one_line, text_of};
use super::credentials;
use super::retry::Patience;
use super::transport::http_client;
use super::variables::{ATTEMPTS_EXPECTED, ProxySettings, REGION_EXPECTED, Settings, parse_attempts};
use crate::fetched::{CredentialsError, FetchError};
use crate::options::check_url;
use crate::reference::{Region, Role};

/// What is wrong with AWS's own configuration files.
#[derive(Debug, PartialEq, Eq)]
pub enum SetupError {
    /// A profile that is chosen and does not exist.
    NoProfile {
        /// Its name.
        name: String,
        /// Those that do exist.
        known: Vec<String>,
    },
    /// A configuration file that cannot be read.
    Files(String),
    /// A setting of the profile that is not what it must be.
    Setting {
        /// The profile.
        profile: String,
        /// The setting.
        key: &'static str,
        /// What it says.
        text: String,
        /// What it takes.
        expected: &'static str,
    },
}

/// What is settled before the first request, and kept for the later ones.
pub(super) struct Session {
    settings: Settings,
    http: SharedHttpClient,
    /// Past any proxy, for what serves metadata next to this machine.
    direct: SharedHttpClient,
    pub(super) patience: Patience,
    /// The outer `None` while it was not needed yet.
    region: Option<Option<Region>>,
    base: Option<Result<Credentials, CredentialsError>>,
    roles: BTreeMap<Role, Result<Credentials, FetchError>>,
    config: Option<SdkConfig>,
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
        let chosen = settings.profile().map(str::to_owned);
        let loaded =
            profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), chosen.clone().map(Cow::Owned)).await;
        let profiles = loaded.map_err(|error| SetupError::Files(text_of(&error)))?;
        if let Some(name) = chosen
            && profiles.get_profile(&name).is_none()
        {
            let known = profiles.profiles().map(str::to_owned).collect();
            return Err(SetupError::NoProfile { name, known });
        }
        let max_attempts = setting(&profiles, "max_attempts", ATTEMPTS_EXPECTED, parse_attempts)?;
        let max_attempts = settings.max_attempts.or(max_attempts);
        let profile_region = setting(&profiles, "region", REGION_EXPECTED, |text| Region::parse(text).ok())?;
        settings.region = settings.region.or(profile_region);
        setting(&profiles, "endpoint_url", "a URL, like https://example.com", |text| check_url(text.to_owned()).ok())?;
        settings.trust.bundle = settings.trust.bundle.or_else(|| profiles.get("ca_bundle").map(PathBuf::from));
        let http = http_client(&settings.trust, &settings.proxy);
        let direct = http_client(&settings.trust, &ProxySettings::default());
        let patience = Patience { deadline, max_attempts };
        Ok(Self { settings, http, direct, patience, region: None, base: None, roles: BTreeMap::new(), config: None })
    }

    /// The role that everything is read with that names none itself.
    pub(super) fn default_role(&self) -> Option<&Role> {
        self.settings.role.as_ref()
    }

    /// Where everything is read that names no region itself: option, variables, profile, instance metadata.
    pub(super) async fn default_region(&mut self) -> Option<Region> {
        if let Some(known) = &self.region {
            return known.clone();
        }
        let region = match &self.settings.region {
            Some(region) => Some(region.clone()),
            None => self.instance_region().await,
        };
        self.region = Some(region.clone());
        region
    }

    async fn instance_region(&self) -> Option<Region> {
        let provider = ImdsRegionProvider::builder().configure(&self.provider_config(&self.direct, None)).build();
        let region = timeout_at(self.patience.deadline, provider.region()).await.ok().flatten()?;
        Region::parse(region.as_ref()).ok()
    }

    /// The configuration that the SDK's own sources of credentials read; `region` is where STS is asked.
    fn provider_config(&self, http: &SharedHttpClient, region: Option<&Region>) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(region.map(|region| aws_config::Region::new(region.as_str().to_owned())))
            .with_behavior_version(Some(behavior()))
            .with_retry_config(self.retries())
            .with_timeout_config(timeouts())
    }

    fn retries(&self) -> RetryConfig {
        RetryConfig::standard().with_max_attempts(self.patience.max_attempts.unwrap_or(3))
    }

    /// The credentials for a role, or without one those that were found. `region` is one that something is read in.
    pub(super) async fn credentials(
        &mut self,
        role: Option<&Role>,
        region: &Region,
    ) -> Result<Credentials, FetchError> {
        let base = match &self.base {
            Some(known) => known.clone(),
            None => {
                let (config, near) =
                    (self.provider_config(&self.http, Some(region)), self.provider_config(&self.direct, Some(region)));
                let found = credentials::find(&self.settings, &config, &near, self.patience.deadline).await;
                self.base.insert(found).clone()
            }
        };
        let base = base.map_err(FetchError::NoCredentials)?;
        let Some(role) = role else { return Ok(base) };
        if let Some(known) = self.roles.get(role) {
            return known.clone();
        }
        let config = self.sdk_config(region, base.clone()).await;
        let assumed = credentials::assume(role, &config, base, self.patience.deadline).await;
        self.roles.insert(role.clone(), assumed.clone());
        assumed
    }

    /// A client for one region and one set of credentials.
    pub(super) async fn client(&mut self, region: &Region, credentials: Credentials) -> Client {
        let shared = self.sdk_config(region, credentials.clone()).await;
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&shared)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .credentials_provider(credentials)
            // Attempts are counted where the reason of the last one is kept.
            .retry_config(RetryConfig::disabled());
        if let Some(url) = &self.settings.endpoint_url {
            config = config.endpoint_url(url);
        }
        Client::from_conf(config.build())
    }

    /// What the SDK reads from variables and profiles by itself: endpoints, FIPS, dual stack.
    async fn sdk_config(&mut self, region: &Region, credentials: Credentials) -> SdkConfig {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let mut loader = aws_config::defaults(behavior())
            .http_client(self.http.clone())
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .credentials_provider(credentials)
            .retry_config(self.retries())
            .timeout_config(timeouts());
        if let Some(profile) = self.settings.profile() {
            loader = loader.profile_name(profile);
        }
        // A name of token characters, which a version is; CloudTrail shows it.
        if let Ok(name) = AppName::new(concat!("secrets-exec-", env!("CARGO_PKG_VERSION"))) {
            loader = loader.app_name(name);
        }
        self.config.insert(loader.load().await).clone()
    }
}

/// A setting of the profile that is chosen, read.
fn setting<T>(
    profiles: &ProfileSet,
    key: &'static str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, SetupError> {
    let Some(text) = profiles.get(key) else { return Ok(None) };
    match parse(text) {
        Some(parsed) => Ok(Some(parsed)),
        None => {
            let (profile, text) = (profiles.selected_profile().to_owned(), one_line(text));
            Err(SetupError::Setting { profile, key, text, expected })
        }
    }
}
