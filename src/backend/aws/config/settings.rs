//! The settings of a session with AWS, as the options, the variables and the profile set them together.

use std::time::Duration;

use aws_credential_types::Credentials;

use super::profiles::{ConfigFiles, UnreachableFile};
use super::role_chain::ProfileRole;
use crate::backend::aws::protocol::Endpoints;
use crate::model::reference::{Arn, Locator, Region, Role};
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;

/// The first text of [`Settings::profile_source`] for a `credential_process`.
pub const PROCESS: &str = "process";

#[derive(Clone, Debug)]
pub struct Settings {
    /// `None` if the region is the instance's.
    pub region: Option<Region>,
    /// In the order in which they are tried.
    pub fallback_regions: Vec<Region>,
    /// `--profile`, which takes precedence over credentials in variables.
    pub profile: Option<String>,
    /// AWS_DEFAULT_PROFILE, else AWS_PROFILE, as in botocore, and its value. Credentials in variables take precedence over it.
    pub profile_variable: Option<(&'static str, String)>,
    pub role: Option<Role>,
    pub endpoints: Endpoints,
    pub trust: TrustSettings,
    pub max_attempts: Option<u32>,
    pub proxy: ProxySettings,
    pub metadata: MetadataSettings,
    /// AWS_WEB_IDENTITY_TOKEN_FILE
    pub web_identity_file: Option<String>,
    /// The role of a web identity, from the profile or else AWS_ROLE_ARN, that gives the credentials with which the roles of the profile
    /// are assumed.
    pub web_identity_role: Option<Arn>,
    pub variable_keys: VariableKeys,
    /// The roles that the profile assumes, in order; the last one's credentials are the caller's.
    pub profile_roles: Vec<ProfileRole>,
    /// True if the profile exists. The default profile need not.
    pub has_profile: bool,
    /// True if credentials come from the profile, or its settings for them are inconsistent.
    pub profile_has_keys: bool,
    /// Texts that tell the profile's source of credentials from others; empty without one.
    pub profile_source: Vec<String>,
    /// The variables that tell the container's or instance's source of credentials from others.
    pub host_source: Vec<String>,
    pub config_files: ConfigFiles,
    /// Those that count as absent.
    pub unreachable_files: Vec<UnreachableFile>,
    pub reading: Reading,
}

/// The reading for which credentials are needed, by which a user may be there to type something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The only one: this process becomes the command.
    Only,
    /// The first of several (`--on-rotation`), for all of which there must be credentials without an MFA code.
    First,
    /// A later one: the terminal is the command's.
    Again,
}

/// The credentials in variables. As in botocore, AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID counts as not set.
#[derive(Clone, Debug)]
pub enum VariableKeys {
    Unset,
    /// AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY.
    WithoutSecret,
    Complete(Credentials),
}

/// The settings of the instance metadata service (IMDS).
#[derive(Clone, Copy, Debug)]
pub struct MetadataSettings {
    /// AWS_METADATA_SERVICE_TIMEOUT, once for the connection and once for the response.
    pub timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub is_disabled: bool,
}

impl Settings {
    /// True if the credentials are in variables, so that no request is needed for them.
    pub fn has_static_keys(&self) -> bool {
        matches!(self.variable_keys, VariableKeys::Complete(_)) && self.profile.is_none()
    }

    /// True if the credentials are those of a `credential_process`.
    pub fn runs_process(&self) -> bool {
        !self.has_static_keys() && self.profile_source.first().is_some_and(|source| source == PROCESS)
    }

    /// Returns the role that reads a locator; `None` for the caller.
    pub fn role_of<'a>(&'a self, locator: &'a Locator) -> Option<&'a Role> {
        locator.role.as_ref().or(self.role.as_ref())
    }

    /// Returns `region` and the fallback regions in the order in which they are tried.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// True unless credentials in variables precede those of the profile.
    pub fn uses_profile(&self) -> bool {
        self.profile.is_some() || matches!(self.variable_keys, VariableKeys::Unset)
    }

    /// The option or variable that names the profile, and the profile.
    pub fn profile(&self) -> Option<(&'static str, &str)> {
        let variable = || self.profile_variable.as_ref().map(|(variable, name)| (*variable, name.as_str()));
        self.profile.as_deref().map(|name| ("--profile", name)).or_else(variable)
    }
}
