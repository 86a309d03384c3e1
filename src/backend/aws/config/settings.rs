//! The settings of a session with AWS, as the options, the variables and the profile set them together.

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

#[derive(Clone, Debug)]
pub struct Settings {
    /// The default region, and what names it; `None` if it is the instance's.
    pub region: Option<(Region, RegionSource)>,
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
    /// AWS_SDK_UA_APP_ID, or the profile's `sdk_ua_app_id`, which names the user's application to AWS.
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
    /// The variables that choose the credentials, for the names of the cache.
    pub caller: Vec<Option<OsString>>,
    pub config_files: ConfigFiles,
    /// The remedy for missing credentials in the service that runs this process, if a variable tells which that is.
    pub role_remedy: Option<&'static str>,
    /// The advice to choose a profile of these files, if none is chosen.
    pub remedies: Vec<String>,
}

/// The part of a run's purpose that changes its requests.
#[derive(Clone, Copy)]
pub struct Purpose {
    /// True with `--on-rotation`: nobody can be asked for an MFA code at a poll.
    pub is_unattended: bool,
    /// True with `check`, which tells whom AWS answers.
    pub asks_identity: bool,
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
#[derive(Clone, Debug)]
pub struct MetadataSettings {
    /// AWS_EC2_METADATA_SERVICE_ENDPOINT, or the profile's `ec2_metadata_service_endpoint`.
    pub endpoint: Option<HttpUrl>,
    /// The URL for AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, or for the profile's mode. `endpoint` takes precedence over it.
    pub endpoint_of_mode: Option<&'static str>,
    /// AWS_METADATA_SERVICE_TIMEOUT, once for the connection and once for the response.
    pub timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub is_disabled: bool,
    /// True on Fargate and in Lambda, where there is no such service. Elsewhere it may only be late, since the network comes up at boot.
    pub is_missing: bool,
}

impl Settings {
    /// True if the credentials are in variables, so that no request is needed for them.
    pub fn has_static_keys(&self) -> bool {
        matches!(self.variable_keys, VariableKeys::Complete(_)) && self.profile.is_none()
    }

    /// The default region; `None` if it is the instance's.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref().map(|(region, _)| region)
    }

    /// Returns a locator with the default region and role if it names none. Equal ones are one request.
    pub fn with_defaults(&self, locator: &Locator) -> Locator {
        let region = locator.region.as_ref().or(self.region());
        let role = locator.role.as_ref().or(self.role.as_ref());
        Locator {
            region: region.cloned(),
            role: role.cloned(),
            ..locator.clone()
        }
    }

    /// Returns a text that differs if requests may have different answers: what is read, where, and by which caller, as options and
    /// variables have it. It is hashed and never printed: an access key id is in it.
    pub fn distinction(&self, locator: &Locator) -> String {
        let endpoints = self.endpoints.distinction(locator.store);
        format!(
            "{:?}",
            (
                self.with_defaults(locator),
                endpoints,
                self.profile(),
                &self.caller
            )
        )
    }

    /// Returns `region` and the fallback regions in the order in which they are tried, each once.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// Checks the regions of those requests that go to AWS's own endpoints. AWS has no host for a code of another form, and a name that
    /// does not resolve is looked up until the deadline.
    ///
    /// # Errors
    /// The first region whose code has not the form of AWS's.
    pub fn check_regions(&self, requests: &BTreeSet<&Locator>) -> Result<(), Problem> {
        for request in requests
            .iter()
            .filter(|request| self.endpoints.configured(request.store.into()).is_none())
        {
            let mut regions = Vec::from_iter(self.region.clone());
            for region in &self.fallback_regions {
                regions.push((region.clone(), ("--fallback-region", Status::Usage)));
            }
            if let Some(region) = &request.region {
                let source = ("an alias", Status::Configuration);
                regions.push((region.clone(), source));
            }
            for (region, (name, status)) in regions {
                if let Some(help) = region.form_remedy() {
                    let text = format!("there is no AWS region \"{region}\" (from {name})");
                    return Err(Problem::new(status, text).help(help));
                }
            }
        }
        Ok(())
    }

    /// True unless credentials in variables take precedence over the profile.
    pub fn uses_profile(&self) -> bool {
        self.profile.is_some() || matches!(self.variable_keys, VariableKeys::Unset)
    }

    /// The option or variable that names the profile, if one does, and the profile.
    pub fn profile(&self) -> (Option<&'static str>, &str) {
        match (&self.profile, &self.profile_variable) {
            (Some(name), _) => (Some("--profile"), name),
            (None, Some((variable, name))) => (Some(variable), name),
            (None, None) => (None, "default"),
        }
    }

    /// Returns the ARNs of the roles that are assumed to find the caller's credentials: a web identity's role, and then the roles of
    /// `chain`, the profile's. An invalid ARN is left out, since STS refuses it.
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

/// Completes settings with the profile's, and returns the profile's role chain; `None` if it has no credentials, or they are not used.
///
/// # Errors
/// The first error in the files or the profile.
pub fn apply_profile(
    settings: &mut Settings,
    progress: &Progress,
) -> Result<Option<RoleChain>, Problem> {
    let profiles = apply_settings(settings, progress)?;
    match profiles.get(settings.profile().1) {
        Some(profile) if settings.uses_profile() => role_chain(&profiles, profile),
        Some(_) | None => Ok(None),
    }
}

/// Completes settings with the profile's, except for credentials. Options and variables take precedence.
///
/// # Errors
/// The first error in the files or these settings.
pub fn apply_settings(settings: &mut Settings, progress: &Progress) -> Result<Profiles, Problem> {
    let profiles = Profiles::load(&settings.config_files, progress)?;
    let others: Vec<&str> = profiles.names().filter(|name| *name != "default").collect();
    if settings.profile().0.is_none() && !others.is_empty() {
        settings.remedies = vec![format!(
            "set AWS_PROFILE to one of your profiles ({})",
            others.join(", ")
        )];
    }
    let (source, name) = settings.profile();
    let Some(profile) = profiles.get(name) else {
        // The default profile need not exist.
        return match source {
            Some(setting) => Err(profiles.no_profile(name, setting)),
            None => Ok(profiles),
        };
    };
    let max_attempts = profile.parse("max_attempts", &COUNT)?;
    profile.parse("retry_mode", &RETRY_MODE)?;
    let region = profile.parse("region", &REGION)?;
    apply_endpoints(profile, &profiles, &mut settings.endpoints)?;
    apply_metadata(profile, &mut settings.metadata)?;
    settings.max_attempts = settings.max_attempts.or(max_attempts);
    let app_id = profile.get("sdk_ua_app_id").filter(|id| !id.is_empty());
    settings.app_id = settings.app_id.take().or(app_id.map(ToOwned::to_owned));
    let region = region.map(|region| (region, ("the AWS profile", Status::Configuration)));
    settings.region = settings.region.take().or(region);
    settings.trust.bundle = settings
        .trust
        .bundle
        .take()
        .or_else(|| profile.get("ca_bundle").map(PathBuf::from));
    Ok(profiles)
}

fn apply_metadata(profile: Profile<'_>, metadata: &mut MetadataSettings) -> Result<(), Problem> {
    let endpoint = profile.parse("ec2_metadata_service_endpoint", &ENDPOINT)?;
    let mode = profile.parse("ec2_metadata_service_endpoint_mode", &METADATA_MODE)?;
    metadata.endpoint = metadata.endpoint.take().or(endpoint);
    metadata.endpoint_of_mode = metadata.endpoint_of_mode.or(mode);
    Ok(())
}

fn apply_endpoints(
    profile: Profile<'_>,
    profiles: &Profiles,
    endpoints: &mut Endpoints,
) -> Result<(), Problem> {
    let boolean = |key| profile.parse(key, &BOOLEAN);
    endpoints.use_fips = endpoints.use_fips.or(boolean("use_fips_endpoint")?);
    endpoints.use_dual_stack = endpoints
        .use_dual_stack
        .or(boolean("use_dualstack_endpoint")?);
    endpoints.ignored = endpoints
        .ignored
        .or(boolean("ignore_configured_endpoint_urls")?);
    let general = profile.parse("endpoint_url", &ENDPOINT)?;
    for api in Api::ALL {
        let services = profile.get("services");
        let text = services
            .and_then(|section| profiles.service_endpoint(section, api.endpoint_setting().1));
        let of_service = profile.parse_text(text, "services", &ENDPOINT)?;
        if let (None, Some(url)) = (
            endpoints.configured.get(&api),
            of_service.or_else(|| general.clone()),
        ) {
            let setting = "endpoint_url in the AWS configuration file";
            endpoints.configured.insert(api, (setting, url));
        }
    }
    Ok(())
}
