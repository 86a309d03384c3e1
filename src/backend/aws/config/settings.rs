//! The settings of a session with AWS: what the options, the variables and the profile say
//! together.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_credential_types::Credentials;

use super::files::ConfigFiles;
use super::role_chain::{RoleChain, RoleSource};
use crate::backend::aws::protocol::Endpoints;
use crate::model::env_variables::Inherited;
use crate::model::options::{AwsOptions, RegionSource};
use crate::model::problem::{Problem, Status};
use crate::model::reference::{Arn, Locator, Region};
use crate::model::url::HttpUrl;
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;

/// The settings of a session. An option has precedence over a variable, and a variable over the
/// profile.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The options. The profile of `--profile` has precedence over credentials in variables.
    pub options: AwsOptions,
    /// All variables, so that a setting of the profile can be read together with its variable.
    pub variables: Inherited,
    /// The default region, and which option, variable or file names it. If it is `None`, the
    /// instance metadata is asked.
    pub region: Option<(Region, RegionSource)>,
    /// AWS_DEFAULT_PROFILE or, without it, AWS_PROFILE, and the profile that the variable names.
    /// The order is botocore's. Credentials in variables have precedence over this profile.
    pub profile_variable: Option<(&'static str, String)>,
    pub endpoints: Endpoints,
    pub trust: TrustSettings,
    pub max_attempts: Option<u32>,
    /// The name of the user's application for AWS, from AWS_SDK_UA_APP_ID or the profile's
    /// `sdk_ua_app_id`.
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
    pub config_files: ConfigFiles,
    /// The remedy for missing credentials on ECS, Kubernetes or Lambda. It is `None` everywhere
    /// else.
    pub role_remedy: Option<&'static str>,
    /// The advice to choose a profile, if the files have profiles and none is chosen, or to rename
    /// the section of the profile.
    pub profile_advice: Option<String>,
}

/// The two facts about a run that change its requests.
#[derive(Clone, Copy)]
pub struct Purpose {
    /// True with `--on-rotation`, because nobody may be there to type an MFA code when a poll needs
    /// one.
    pub is_unattended: bool,
    /// True with `check`, which prints who the caller is.
    pub asks_identity: bool,
}

/// The credentials in variables. As in botocore, AWS_SECRET_ACCESS_KEY is ignored without
/// AWS_ACCESS_KEY_ID.
#[derive(Clone, Debug, Default)]
pub enum VariableKeys {
    #[default]
    Unset,
    /// AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY.
    WithoutSecret,
    Complete(Credentials),
}

/// The settings of the instance metadata service (IMDS).
#[derive(Clone, Debug, Default)]
pub struct MetadataSettings {
    /// AWS_EC2_METADATA_SERVICE_ENDPOINT, or the profile's `ec2_metadata_service_endpoint`.
    pub endpoint: Option<HttpUrl>,
    /// The URL for AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE, or for the profile's mode. It is used if
    /// there is no `endpoint`.
    pub mode_endpoint: Option<&'static str>,
    /// AWS_METADATA_SERVICE_TIMEOUT, which limits an attempt, including the time for a connection.
    pub timeout: Duration,
    /// AWS_METADATA_SERVICE_NUM_ATTEMPTS
    pub attempts: u32,
    /// AWS_EC2_METADATA_DISABLED
    pub is_disabled: bool,
    /// False on Fargate and in Lambda, which don't have this service. Everywhere else, it may not
    /// answer yet, because the network is still coming up at boot.
    pub may_exist: bool,
}

impl Settings {
    /// True if the credentials are in variables, so that they are known without a request.
    pub fn has_static_keys(&self) -> bool {
        matches!(self.variable_keys, VariableKeys::Complete(_)) && self.options.profile.is_none()
    }

    /// Returns the default region. Returns `None` if the instance metadata has to be asked.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref().map(|(region, _)| region)
    }

    /// Returns the locator with the default region and role, unless the locator has its own.
    /// Locators that are then equal become one request.
    pub fn with_defaults(&self, locator: &Locator) -> Locator {
        let region = locator.region.as_ref().or(self.region());
        let role = locator.role.as_ref().or(self.options.role.as_ref());
        Locator {
            region: region.cloned(),
            role: role.cloned(),
            ..locator.clone()
        }
    }

    /// Returns the key from which the name of a cached answer is made. If two requests may have
    /// different answers, their keys are different, because a key has what is read, where it is
    /// read, and which options and variables choose the caller. `caller_variables` are the names of
    /// these variables. The key is hashed, and never printed, because it contains an access key id.
    pub fn cache_key(
        &self,
        locator: &Locator,
        caller_variables: impl Iterator<Item = &'static str>,
    ) -> String {
        let request = self.with_defaults(locator);
        let endpoints = self.endpoints.cache_key(locator.store);
        let variables = Vec::from_iter(caller_variables.map(|name| self.variables.non_empty(name)));
        format!("{:?}", (request, endpoints, self.profile(), variables))
    }

    /// Returns `region` and the fallback regions, each once, in the order in which they are tried.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for fallback in &self.options.fallback_regions {
            if !regions.contains(fallback) {
                regions.push(fallback.clone());
            }
        }
        regions
    }

    /// Checks the codes of the regions for requests to AWS's own endpoints.
    ///
    /// AWS doesn't have a host for a mistyped region. Without this check, a launch would look up
    /// the name of that host until the deadline.
    ///
    /// # Errors
    /// The first region whose code doesn't have the form of AWS's region codes.
    pub fn check_regions(&self, requests: &BTreeSet<&Locator>) -> Result<(), Problem> {
        for request in requests
            .iter()
            .filter(|request| self.endpoints.configured(request.store.into()).is_none())
        {
            let mut regions = Vec::from_iter(self.region.clone());
            for region in &self.options.fallback_regions {
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
        self.options.profile.is_some() || matches!(self.variable_keys, VariableKeys::Unset)
    }

    /// Returns the option or variable that chooses the profile, and the profile's name. The first
    /// is `None` if nothing chooses a profile, so that the profile "default" is used.
    pub fn profile(&self) -> (Option<&'static str>, &str) {
        match (&self.options.profile, &self.profile_variable) {
            (Some(name), _) => (Some("--profile"), name),
            (None, Some((variable, name))) => (Some(variable), name),
            (None, None) => (None, "default"),
        }
    }

    /// Returns the ARNs of the roles that are assumed to get the caller's credentials, in this
    /// order: the role of a web identity, and the roles of the profile's `chain`. An invalid ARN is
    /// skipped, because STS will refuse it.
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
