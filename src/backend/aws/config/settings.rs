//! The settings of a session with AWS: what the options, the variables and the profile say together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;

use super::files::{ConfigFiles, Profile, Profiles};
use super::role_chain::{RoleChain, RoleSource, role_chain};
use super::variable_reader::{BOOLEAN, COUNT, ENDPOINT, METADATA_MODE, REGION, RETRY_MODE};
use crate::backend::aws::protocol::{Api, Endpoints};
use crate::model::options::RegionSource;
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Arn, Locator, Region, Role};
use crate::model::url::HttpUrl;
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;
use crate::time::Progress;

/// The settings of a session. An option has precedence over a variable, and a variable over the profile.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The default region, and which option, variable or file names it. If it is `None`, the instance metadata is asked.
    pub region: Option<(Region, RegionSource)>,
    /// The fallback regions in the order in which they are tried.
    pub fallback_regions: Vec<Region>,
    /// The profile of `--profile`. It has precedence over credentials in variables.
    pub profile: Option<String>,
    /// AWS_DEFAULT_PROFILE or, without it, AWS_PROFILE, and the profile that the variable names. The order is botocore's. Credentials in
    /// variables have precedence over this profile.
    pub profile_variable: Option<(&'static str, String)>,
    pub role: Option<Role>,
    pub endpoints: Endpoints,
    pub trust: TrustSettings,
    pub max_attempts: Option<u32>,
    /// The name of the user's application for AWS, from AWS_SDK_UA_APP_ID or the profile's `sdk_ua_app_id`.
    pub app_id: Option<String>,
    pub proxy: ProxySettings,
    pub metadata: MetadataSettings,
    /// AWS_WEB_IDENTITY_TOKEN_FILE
    pub web_identity_file: Option<String>,
    /// AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, which EKS Pod Identity sets.
    pub container_token_file: Option<String>,
    /// AWS_ROLE_ARN, for a web identity.
    pub web_identity_role: Option<Arn>,
    /// AWS_ROLE_SESSION_NAME
    pub web_identity_session: Option<String>,
    pub variable_keys: VariableKeys,
    /// The values of the variables that choose the credentials, for the names of cached answers.
    pub caller_variables: Vec<Option<OsString>>,
    pub config_files: ConfigFiles,
    /// The remedy for missing credentials on ECS, Kubernetes or Lambda. It is `None` everywhere else.
    pub role_remedy: Option<&'static str>,
    /// The advice to choose a profile, if the files have profiles and none is chosen, or to rename
    /// the section of the profile.
    pub profile_advice: Option<String>,
}

/// The two facts about a run that change its requests.
#[derive(Clone, Copy)]
pub struct Purpose {
    /// True with `--on-rotation`, because nobody may be there to type an MFA code when a poll needs one.
    pub is_unattended: bool,
    /// True with `check`, which prints who the caller is.
    pub asks_identity: bool,
}

/// The credentials in variables. As in botocore, AWS_SECRET_ACCESS_KEY is ignored without AWS_ACCESS_KEY_ID.
#[derive(Clone, Debug)]
pub enum VariableKeys {
    Unset,
    /// AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY.
    WithoutSecret,
    Complete(Credentials),
}

/// The settings of the instance metadata service (IMDS).
#[derive(Clone, Debug)]
pub struct MetadataSettings {
    /// AWS_EC2_METADATA_SERVICE_ENDPOINT, or the profile's `ec2_metadata_service_endpoint`.
    pub endpoint: Option<HttpUrl>,
    /// The URL for AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, or for the profile's mode. It is used if there is no `endpoint`.
    pub mode_endpoint: Option<&'static str>,
    /// AWS_METADATA_SERVICE_TIMEOUT, which limits an attempt, including the time for a connection.
    pub timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub is_disabled: bool,
    /// False on Fargate and in Lambda, which don't have this service. Everywhere else, it may not answer yet, because the network is still coming up
    /// at boot.
    pub may_exist: bool,
}

impl Settings {
    /// True if the credentials are in variables, so that they are known without a request.
    pub fn has_static_keys(&self) -> bool {
        matches!(self.variable_keys, VariableKeys::Complete(_)) && self.profile.is_none()
    }

    /// Returns the default region. Returns `None` if the instance metadata has to be asked.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref().map(|(region, _)| region)
    }

    /// Returns the locator with the default region and role, unless the locator has its own. Locators that are then equal become one request.
    pub fn with_defaults(&self, locator: &Locator) -> Locator {
        let region = locator.region.as_ref().or(self.region());
        let role = locator.role.as_ref().or(self.role.as_ref());
        Locator {
            region: region.cloned(),
            role: role.cloned(),
            ..locator.clone()
        }
    }

    /// Returns the key from which the name of a cached answer is made. If two requests may have different answers, their keys are different, because
    /// a key has what is read, where it is read, and which options and variables choose the caller. The key is hashed, and never printed, because it
    /// contains an access key id.
    pub fn cache_key(&self, locator: &Locator) -> String {
        let request = self.with_defaults(locator);
        let endpoints = self.endpoints.cache_key(locator.store);
        let (profile, variables) = (self.profile(), &self.caller_variables);
        format!("{:?}", (request, endpoints, profile, variables))
    }

    /// Returns `region` and the fallback regions, each once, in the order in which they are tried.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// Checks the codes of the regions for requests to AWS's own endpoints.
    ///
    /// AWS doesn't have a host for a mistyped region. Without this check, a launch would look up the name of that host until the deadline.
    ///
    /// # Errors
    /// The first region whose code doesn't have the form of AWS's region codes.
    pub fn check_regions(&self, requests: &BTreeSet<&Locator>) -> Result<(), Problem> {
        for request in requests
            .iter()
            .filter(|request| self.endpoints.configured(request.store.into()).is_none())
        {
            let mut regions = Vec::from_iter(self.region.clone());
            for region in &self.fallback_regions {
                let source = RegionSource::new("--fallback-region", Status::Usage);
                regions.push((region.clone(), source));
            }
            if let Some(region) = &request.region {
                let source = RegionSource::new("an alias", Status::Configuration);
                regions.push((region.clone(), source));
            }
            for (region, RegionSource { name, status }) in regions {
                if let Some(help) = region.form_remedy() {
                    let text = format!("there is no AWS region \"{region}\" (from {name})");
                    return Err(Problem::new(status, text).help(help));
                }
            }
        }
        Ok(())
    }

    /// True unless credentials in variables have precedence over the profile.
    pub fn uses_profile(&self) -> bool {
        self.profile.is_some() || matches!(self.variable_keys, VariableKeys::Unset)
    }

    /// Returns the option or variable that chooses the profile, and the profile's name. The first is `None` if nothing chooses a profile, so that the
    /// profile "default" is used.
    pub fn profile(&self) -> (Option<&'static str>, &str) {
        match (&self.profile, &self.profile_variable) {
            (Some(name), _) => (Some("--profile"), name),
            (None, Some((variable, name))) => (Some(variable), name),
            (None, None) => (None, "default"),
        }
    }

    /// Returns the ARNs of the roles that are assumed to get the caller's credentials, in this order: the role of a web identity, and the roles
    /// of the profile's `chain`. An invalid ARN is skipped, because STS will refuse it.
    pub fn caller_roles(&self, chain: Option<&RoleChain>) -> Vec<Arn> {
        let mut roles = Vec::new();
        if let Some(chain) = chain {
            if let RoleSource::WebIdentity(identity) = &chain.source {
                roles.extend(Arn::parse(&identity.role));
            }
            roles.extend(chain.roles.iter().filter_map(|role| Arn::parse(&role.arn)));
        } else if self.uses_profile() && self.web_identity_file.is_some() {
            roles.extend(self.web_identity_role.clone());
        }
        roles
    }
}

/// Reads AWS's configuration files, adds the profile's settings to `settings`, and returns the profile's role chain. Returns `None` if the
/// profile doesn't have credentials, or if they aren't used.
///
/// # Errors
/// The first error in the files or in the profile.
pub fn apply_profile(
    settings: &mut Settings,
    progress: &Progress,
) -> Result<Option<RoleChain>, Problem> {
    let profiles = apply_settings(settings, progress)?;
    match profiles.profile(settings.profile().1) {
        Some(profile) if settings.uses_profile() => role_chain(&profiles, profile),
        Some(_) | None => Ok(None),
    }
}

/// Reads AWS's configuration files, and adds the profile's settings to `settings`, except for its
/// credentials. Options and variables have precedence. If no profile is chosen, adds the advice to
/// choose one, or to rename the section of the profile. Returns all profiles.
///
/// # Errors
/// The first error in the files or in these settings.
pub fn apply_settings(settings: &mut Settings, progress: &Progress) -> Result<Profiles, Problem> {
    let profiles = Profiles::load(&settings.config_files, progress)?;
    let others: Vec<&str> = profiles.names().filter(|name| *name != "default").collect();
    let (source, name) = settings.profile();
    let mut advice = profiles.prefix_advice(name);
    if advice.is_none() && source.is_none() && !others.is_empty() {
        let names = others.join(", ");
        advice = Some(format!("set AWS_PROFILE to one of your profiles ({names})"));
    }
    settings.profile_advice = advice;

    let (source, name) = settings.profile();
    let Some(profile) = profiles.profile(name) else {
        // A profile that an option or a variable names must exist. Without one, "default" is used, and it doesn't have to exist.
        return match source {
            Some(setting) => Err(profiles.no_profile(name, setting)),
            None => Ok(profiles),
        };
    };

    let max_attempts = profile.parse_setting("max_attempts", &COUNT)?;
    // Our own retries don't have modes, so the value is only checked.
    profile.parse_setting("retry_mode", &RETRY_MODE)?;
    let profile_region = profile.parse_setting("region", &REGION)?;
    apply_endpoints(profile, &profiles, &mut settings.endpoints)?;
    apply_metadata(profile, &mut settings.metadata)?;

    settings.max_attempts = settings.max_attempts.or(max_attempts);
    let app_id = profile.setting("sdk_ua_app_id");
    settings.app_id = settings.app_id.take().or(app_id.map(ToOwned::to_owned));
    if settings.region.is_none() {
        let source = RegionSource::new("the AWS profile", Status::Configuration);
        settings.region = profile_region.map(|region| (region, source));
    }
    let ca_bundle = profile.setting("ca_bundle").map(PathBuf::from);
    settings.trust.bundle = settings.trust.bundle.take().or(ca_bundle);
    Ok(profiles)
}

/// Adds the profile's settings for the instance metadata service. Variables have precedence.
///
/// # Errors
/// When one of these settings is invalid.
fn apply_metadata(profile: Profile<'_>, metadata: &mut MetadataSettings) -> Result<(), Problem> {
    let endpoint = profile.parse_setting("ec2_metadata_service_endpoint", &ENDPOINT)?;
    let mode = profile.parse_setting("ec2_metadata_service_endpoint_mode", &METADATA_MODE)?;
    metadata.endpoint = metadata.endpoint.take().or(endpoint);
    metadata.mode_endpoint = metadata.mode_endpoint.or(mode);
    Ok(())
}

/// Adds the profile's endpoints. Variables have precedence over both, and the `services` section that the profile names has precedence over its
/// `endpoint_url`.
///
/// # Errors
/// When one of these settings is invalid.
fn apply_endpoints(
    profile: Profile<'_>,
    profiles: &Profiles,
    endpoints: &mut Endpoints,
) -> Result<(), Problem> {
    let boolean = |key| profile.parse_setting(key, &BOOLEAN);
    endpoints.use_fips = endpoints.use_fips.or(boolean("use_fips_endpoint")?);
    let use_dual_stack = boolean("use_dualstack_endpoint")?;
    endpoints.use_dual_stack = endpoints.use_dual_stack.or(use_dual_stack);
    let ignored = boolean("ignore_configured_endpoint_urls")?;
    endpoints.ignored = endpoints.ignored.or(ignored);

    let general = profile.parse_setting("endpoint_url", &ENDPOINT)?;
    for api in Api::ALL {
        let services = profile.setting("services");
        let text = services
            .and_then(|section| profiles.service_endpoint(section, api.endpoint_setting().1));
        let specific = profile.parse_value(text, "services", &ENDPOINT)?;
        if !endpoints.configured.contains_key(&api)
            && let Some(url) = specific.or_else(|| general.clone())
        {
            let setting = "endpoint_url in the AWS configuration file";
            endpoints.configured.insert(api, (setting, url));
        }
    }
    Ok(())
}
