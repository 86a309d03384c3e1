//! How secrets are read from AWS, once options, variables and the profile have been heard.

use std::path::PathBuf;
use std::time::Duration;

use crate::reference::{Region, Role};

/// How secrets are read from AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From an option or a variable; without it the profile and the instance's metadata are asked.
    pub(super) region: Option<Region>,
    /// Where to read, in this order, what its own region fails to give.
    pub(super) fallback_regions: Vec<Region>,
    /// A profile that an option names, which also beats credentials in variables.
    pub(super) profile: Option<String>,
    /// A profile that only a variable names.
    pub(super) profile_variable: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) endpoints: Endpoints,
    pub(super) trust: TrustSettings,
    pub(super) max_attempts: Option<u32>,
    pub(super) proxy: ProxySettings,
    pub(super) timeout: Duration,
    pub(super) wait: Option<Duration>,
    pub(super) metadata: MetadataSettings,
    /// AWS_WEB_IDENTITY_TOKEN_FILE
    pub(super) web_identity_file: Option<String>,
    /// Whether AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is set.
    pub(super) has_keys: bool,
    /// Whether the profile that is chosen has a key that makes credentials.
    pub(super) profile_has_keys: bool,
    /// AWS's configuration files, where they are.
    pub(super) config_files: Vec<PathBuf>,
    /// AWS_USE_FIPS_ENDPOINT, else the profile's.
    pub(super) use_fips: Option<bool>,
    /// AWS_USE_DUALSTACK_ENDPOINT, else the profile's.
    pub(super) use_dual_stack: Option<bool>,
}

/// Where services are asked that are not asked where AWS has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    /// Whether what variables and profiles say of endpoints does not count: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, else the profile's.
    pub(super) ignored: Option<bool>,
    pub(super) secrets_manager: Endpoint,
    pub(super) parameter_store: Endpoint,
    pub(super) sts: Endpoint,
}

/// What is said of one service's endpoint, the more telling first.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint {
    /// An option, which always counts.
    pub(super) option: Option<String>,
    /// A variable, else a profile.
    pub(super) configured: Option<String>,
}

impl Endpoints {
    /// The endpoint that counts, if AWS's own does not.
    pub(super) fn of<'a>(&self, endpoint: &'a Endpoint) -> Option<&'a str> {
        let configured = endpoint.configured.as_deref().filter(|_| self.ignored != Some(true));
        endpoint.option.as_deref().or(configured)
    }
}

/// How the instance metadata service is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct MetadataSettings {
    /// AWS_METADATA_SERVICE_TIMEOUT: for connecting, and for an answer. Where there is no such service, a second is enough to know.
    pub(super) timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub(super) attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub(super) is_disabled: bool,
}

/// Which roots a server's certificate may come from: the first that is given.
#[derive(Clone, Debug)]
pub(super) struct TrustSettings {
    /// `--ca-bundle`, else AWS_CA_BUNDLE, else the profile's `ca_bundle`.
    pub(super) bundle: Option<PathBuf>,
    /// SSL_CERT_FILE
    pub(super) file: Option<PathBuf>,
    /// SSL_CERT_DIR
    pub(super) directory: Option<PathBuf>,
}

/// HTTPS_PROXY and its relatives.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxySettings {
    pub(super) http: Option<String>,
    pub(super) https: Option<String>,
    pub(super) all: Option<String>,
    pub(super) none: Option<String>,
    /// URLs of what serves metadata and credentials, where variables name them.
    pub(super) near: Vec<String>,
}

impl Settings {
    /// Whether the credentials are there without asking anybody.
    pub(super) fn has_static_keys(&self) -> bool {
        self.has_keys && self.profile.is_none()
    }

    /// The profile that is chosen, if any.
    pub(super) fn profile(&self) -> Option<&str> {
        self.profile.as_deref().or(self.profile_variable.as_deref())
    }
}
