//! How secrets are read from AWS, once options, variables and the profile have been heard.

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::aws::protocol::Endpoints;
use crate::model::reference::{Region, Role};
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;

/// How secrets are read from AWS.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From an option or a variable; without it the profile and the instance's metadata are asked.
    pub region: Option<Region>,
    /// Where to read, in this order, what its own region fails to give.
    pub fallback_regions: Vec<Region>,
    /// A profile that an option names, which also beats credentials in variables.
    pub profile: Option<String>,
    /// A profile that only a variable names.
    pub profile_variable: Option<String>,
    pub role: Option<Role>,
    pub endpoints: Endpoints,
    pub trust: TrustSettings,
    pub max_attempts: Option<u32>,
    pub proxy: ProxySettings,
    pub timeout: Duration,
    pub wait: Option<Duration>,
    pub metadata: MetadataSettings,
    /// AWS_WEB_IDENTITY_TOKEN_FILE
    pub web_identity_file: Option<String>,
    /// Whether AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is set.
    pub has_keys: bool,
    /// Whether the profile that is chosen has a key that makes credentials.
    pub profile_has_keys: bool,
    /// AWS's configuration files, where they are.
    pub config_files: Vec<PathBuf>,
    /// AWS_USE_FIPS_ENDPOINT, else the profile's.
    pub use_fips: Option<bool>,
    /// AWS_USE_DUALSTACK_ENDPOINT, else the profile's.
    pub use_dual_stack: Option<bool>,
}

/// How the instance metadata service is asked.
#[derive(Clone, Copy, Debug)]
pub struct MetadataSettings {
    /// AWS_METADATA_SERVICE_TIMEOUT: for connecting, and for an answer. Where there is no such service, a second is enough to know.
    pub timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub is_disabled: bool,
}

impl Settings {
    /// Whether the credentials are there without asking anybody.
    pub fn has_static_keys(&self) -> bool {
        self.has_keys && self.profile.is_none()
    }

    /// The profile that is chosen, if any.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref().or(self.profile_variable.as_deref())
    }
}
