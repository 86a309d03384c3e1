//! The settings for requests to AWS. In the order of precedence, they come from the options, from
//! AWS's environment variables and from the profile, a section of AWS's configuration files. All
//! are checked before any request is sent.
//!
//! The options and variables are read first. The names of cache entries depend only on them, so a
//! launch that finds all its values in the cache never opens the configuration files. Otherwise,
//! the files are read, too, and each setting that a profile can have is read again:
//!
//! ```text
//! options, variables ──────────┬─▶ Settings::new ─▶ Settings, from which cache entries get names
//!                              │
//!                              ├─▶ apply_profile ─▶ Settings, completed from the profile, and the
//! configuration files ─ places ┘                    RoleChain: how the profile gets credentials
//! ```
//!
//! The SDK reads the same variables and files, but it panics on some invalid values and ignores
//! others. Here, an invalid value is an error that names its variable or setting.

mod places;
mod role_chain;

pub use places::METADATA_URL;
#[cfg(any(fuzzing, test))]
pub use places::{IniSection, parse_ini};
pub use role_chain::{ProfileRole, RoleChain, RoleSource, Sso, WebIdentity};

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem::take;
use std::ops::Deref;
use std::time::Duration;
use std::{fs, io, process};

use aws_credential_types::Credentials;
use nix::sys::stat::fstat;

use super::endpoints::{Api, ENDPOINT_VARIABLES, Endpoints};
use crate::model::environment::{Inherited, Platform};
use crate::model::message::{Place, Placed, Problem, Record};
use crate::model::options::{AwsOptions, Parsed, SourceOption, parse_region};
use crate::model::reference::{Arn, Locator, Region, Role};
use crate::model::shown::{noun_with_name, shell_word};
use crate::model::url::HttpUrl;
use crate::net::{HttpSettings, ProxySettings, TrustSettings};
use crate::time::Progress;
use places::{
    ConfigFiles, Places, Profiles, any_text, boolean, count, expanded, home, metadata_mode_url,
    retry_mode, session_name, url,
};
use role_chain::role_chain;

/// AWS's settings, which only this module can change.
#[derive(Clone, Debug, Default)]
pub struct Settings(Parts);

impl Deref for Settings {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub options: AwsOptions,
    pub variables: Inherited,
    /// The default region. Without one, secrets-exec asks the instance metadata service (EC2).
    pub region: Option<Placed<Region>>,
    /// The profile in AWS_DEFAULT_PROFILE or AWS_PROFILE. As in botocore, the first one wins.
    pub profile_in_variable: Option<Placed<String>>,
    pub endpoints: Endpoints,
    pub http: HttpSettings,
    pub max_attempts: Option<u32>,
    pub metadata: MetadataSettings,
    /// The token file and the role in AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN.
    pub web_identity: Option<WebIdentity>,
    /// The path in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, which EKS Pod Identity sets.
    pub container_token_file: Option<String>,
    /// The value of AWS_TOKEN, for the Secrets Manager Agent. It is used only with `--agent`.
    pub agent_token: Option<String>,
    /// The access key in AWS_ACCESS_KEY_ID and its related variables. Without AWS_ACCESS_KEY_ID,
    /// the others are ignored, as in botocore. Without AWS_SECRET_ACCESS_KEY, the secret key is
    /// empty.
    pub variable_keys: Option<Credentials>,
    pub config_files: ConfigFiles,
    /// The profiles other than the one in use, for help texts. If there is no default region, only
    /// profiles with a region are included.
    pub other_profiles: Vec<String>,
    /// True once the profile has been found in AWS's configuration files.
    pub profile_exists: bool,
    /// The regions of the aliases in declarations.
    pub alias_regions: Vec<Placed<Region>>,
    pub purpose: Purpose,
}

/// What a task needs from AWS, apart from values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Purpose {
    /// True if the user can't be asked for another MFA code later, as with `--on-rotation`.
    pub is_unattended: bool,
    /// True for `check`, which asks AWS who the caller is.
    pub asks_identity: bool,
}

/// The settings for the instance metadata service (IMDS).
#[derive(Clone, Debug, Default)]
pub struct MetadataSettings {
    /// The endpoint that the user configured. The default is [`METADATA_URL`].
    pub endpoint: Option<HttpUrl>,
    /// The time limit for each step of connecting, and for each part of the response.
    pub timeout: Duration,
    /// The maximum number of attempts per request.
    pub attempts: u32,
    /// True if AWS_EC2_METADATA_DISABLED is true. The service is then never asked.
    pub is_disabled: bool,
    /// False on Fargate and in Lambda, which don't have this service.
    pub may_exist: bool,
}

impl MetadataSettings {
    /// True if a metadata service that doesn't answer now might answer later, as on an EC2 instance
    /// that is still booting.
    ///
    /// A machine may be an EC2 instance if its firmware
    ///
    /// - names the vendor `Amazon EC2`, or no vendor,
    /// - names the vendor `Xen`, as older instance types do (and machines in other clouds), or
    /// - has an instance id as its asset tag, or a BIOS from Amazon, as on bare-metal instances.
    pub fn may_answer_later(&self) -> bool {
        let is_instance = ["", "amazon ec2", "xen"].contains(&firmware_entry("sys_vendor").trim())
            || firmware_entry("bios_version").contains("amazon")
            || firmware_entry("board_asset_tag").starts_with("i-");
        self.may_exist && (self.endpoint.is_some() || is_instance)
    }
}

/// Reads a field such as `sys_vendor` from the machine's firmware information (DMI), in lowercase.
fn firmware_entry(name: &str) -> String {
    fs::read_to_string(format!("/sys/class/dmi/id/{name}"))
        .unwrap_or_default()
        .to_lowercase()
}

impl Parts {
    /// Fills in every setting that can come from a variable or from the profile. A second call,
    /// once the profile has been read, replaces all of them.
    fn set_from_places(&mut self, places: &mut Places<'_>) {
        places.read("AWS_RETRY_MODE", retry_mode);
        self.region = region(places, &self.options);
        self.endpoints = endpoints(places, &self.options);
        self.http.trust = trust(places, &self.options);
        self.max_attempts = places.read("AWS_MAX_ATTEMPTS", count);
        self.http.app_id = places.read("AWS_SDK_UA_APP_ID", any_text);
        self.metadata = metadata(places);
    }
}

impl Settings {
    /// Combines the options with AWS's environment variables, without the configuration files.
    pub fn new(
        options: AwsOptions,
        source: &SourceOption,
        purpose: Purpose,
        inherited: &Inherited,
    ) -> Result<Self, Vec<Problem>> {
        let is_for_agent = match source {
            SourceOption::Local(_) => return Ok(Self::default()),
            SourceOption::Agent(_) => true,
            SourceOption::Aws => false,
        };
        let mut places = Places::new(inherited, None);
        // Finds invisible characters in these two paths. They would otherwise go unnoticed, because
        // a missing configuration file isn't an error.
        places.text("AWS_CONFIG_FILE");
        places.text("AWS_SHARED_CREDENTIALS_FILE");
        check_sdk_variables(&mut places);

        let profile_in_variable = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"]
            .into_iter()
            .find_map(|name| places.placed_variable(name, any_text));
        let proxy = proxy(&mut places);

        let mut settings = Parts {
            options,
            variables: inherited.clone(),
            profile_in_variable,
            web_identity: web_identity(&mut places),
            container_token_file: places.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            variable_keys: variable_keys(&mut places),
            config_files: config_files(inherited),
            purpose,
            ..Parts::default()
        };
        settings.http.proxy = proxy;
        settings.set_from_places(&mut places);
        if is_for_agent {
            settings.agent_token = places.text("AWS_TOKEN");
        }
        if places.errors.is_empty() {
            Ok(Self(settings))
        } else {
            Err(places.errors)
        }
    }

    /// Sets the regions of aliases, which are known only once the declarations have been read.
    pub fn set_alias_regions(&mut self, regions: Vec<Placed<Region>>) {
        self.0.alias_regions = regions;
    }

    /// Makes requests go only to their own region. True if there were any fallback regions.
    pub fn remove_fallback_regions(&mut self) -> bool {
        !take(&mut self.0.options.fallback_regions).is_empty()
    }

    /// Undoes [`Self::remove_fallback_regions`].
    pub fn restore_fallback_regions(&mut self, earlier: &Self) {
        let regions = &mut self.0.options.fallback_regions;
        regions.clone_from(&earlier.options.fallback_regions);
    }

    /// Ignores the sessions that the AWS CLI stored.
    pub fn ignore_stored_sessions(&mut self) {
        self.0.config_files.sessions = None;
    }

    /// Ignores the endpoints that the user configured.
    pub fn ignore_configured_endpoints(&mut self) {
        self.0.endpoints.configured.clear();
    }

    /// Finds out what started secrets-exec, such as ECS or systemd.
    pub fn platform(&self) -> Platform {
        let stderr = fstat(io::stderr())
            .map(|file| format!("{}:{}", file.st_dev, file.st_ino))
            .unwrap_or_default();
        Platform::from_variables(&self.variables, process::id(), &stderr)
    }

    /// The help text for the error that no region is set.
    pub fn region_help(&self) -> String {
        let profile = noun_with_name("profile", self.profile_name());
        let files = self.config_files.location();
        let general =
            format!("add --region, set AWS_REGION, or set region in the {profile} {files}");
        self.setup_help(self.platform().region_help(), &general)
    }

    /// The help text for a missing region or missing credentials.
    ///
    /// Prefers `here`, the help for this platform. Without it, suggests the user's other profiles
    /// or, if there are none or the user has chosen a profile, gives the `general` help. A file for
    /// `--local` is suggested as well, but not in CI or in a deployment.
    pub fn setup_help(&self, here: Option<&str>, general: &str) -> String {
        let mut help = if let Some(here) = here {
            here.to_owned()
        } else if self.profile().is_some() || self.other_profiles.is_empty() {
            general.to_owned()
        } else {
            let names = self.other_profiles.join(", ");
            format!("set AWS_PROFILE to one of your profiles ({names})")
        };
        let is_deployed =
            self.variables.non_empty("CI").is_some() || self.platform().is_deployment();
        if !is_deployed && let Some(file) = local_file() {
            let file = shell_word("FILE", &file);
            help += &format!(". To read a file instead of AWS, add --local {file}");
        }
        help
    }

    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref().map(|region| &region.value)
    }

    /// Fills in the default for a missing region or role.
    pub fn with_defaults(&self, locator: &Locator) -> Locator {
        let mut located = locator.clone();
        located.region = located.region.or_else(|| self.region().cloned());
        located.role = located.role.or_else(|| self.options.role.clone());
        located
    }

    /// The note if `--endpoint-url` names an emulator, but some requests for these locators would
    /// still go to AWS.
    pub fn endpoint_note(&self, locators: &BTreeSet<&Locator>) -> Option<Record> {
        let Placed { value: url, place } = self.options.endpoint_url.as_ref()?;
        let host = url.uri().host()?;
        if host.contains("amazonaws.") {
            return None;
        }

        for (api, variable) in ENDPOINT_VARIABLES {
            let is_needed = locators.iter().any(|locator| match api {
                Api::Store(store) => locator.store == store,
                Api::Sts => self.with_defaults(locator).role.is_some(),
                Api::Sso | Api::SsoOidc => false,
            });
            if is_needed && self.endpoints.url(api).is_none() {
                return Some(Record::note(format!(
                    "{place} is only for Secrets Manager: without {variable}, other requests go to AWS"
                )));
            }
        }
        None
    }

    /// `region` and then the fallback regions, in the order in which they are tried.
    pub fn regions(&self, region: &Region) -> Vec<Region> {
        let mut regions = vec![region.clone()];
        for Placed { value, .. } in &self.options.fallback_regions {
            if !regions.contains(value) {
                regions.push(value.clone());
            }
        }
        regions
    }

    /// Refuses mistyped regions such as `us-east1`, unless all locators are read from endpoints
    /// that the user configured.
    ///
    /// AWS has no host for a mistyped region, so a launch would keep trying to resolve that host's
    /// name until the deadline.
    pub fn check_regions(&self, locators: &BTreeSet<&Locator>) -> Result<(), Problem> {
        // A locator with a configured endpoint isn't checked, because the endpoint may be a
        // simulation, which accepts any region.
        let mut at_aws = locators.clone();
        at_aws.retain(|locator| self.endpoints.url(Api::Store(locator.store)).is_none());
        if at_aws.is_empty() {
            return Ok(());
        }

        let mut regions: Vec<_> = self.region.iter().collect();
        regions.extend(&self.options.fallback_regions);
        for locator in at_aws {
            // A region in an ARN has already been checked, so only those of aliases remain.
            regions.extend(
                self.alias_regions
                    .iter()
                    .find(|alias| Some(&alias.value) == locator.region.as_ref()),
            );
        }
        for Placed { value, place } in regions {
            if let Some(help) = value.form_remedy() {
                let noun = noun_with_name("AWS region", value.as_str());
                // As printed: there is no AWS region "us-east1" (from AWS_REGION)
                let text = format!("there is no {noun} (from {place})");
                return Err(Problem::new(place.status(), text).help(help));
            }
        }
        Ok(())
    }

    /// True if the credentials may come from the profile.
    pub fn uses_profile(&self) -> bool {
        self.options.profile.is_some() || self.variable_keys.is_none()
    }

    fn profile(&self) -> Option<&Placed<String>> {
        let in_variable = self.profile_in_variable.as_ref();
        self.options.profile.as_ref().or(in_variable)
    }

    pub fn profile_name(&self) -> &str {
        self.profile().map_or("default", |profile| &profile.value)
    }

    /// The roles that lead to the caller's credentials, in the order in which they are assumed.
    /// Skips invalid ARNs, which STS will refuse.
    pub fn caller_roles(&self, chain: Option<&RoleChain>) -> Vec<Arn> {
        let mut roles = Vec::new();
        if let Some(chain) = chain {
            roles.extend(chain.source.role().and_then(Arn::parse));
            roles.extend(chain.roles.iter().filter_map(|role| Arn::parse(&role.arn)));
        } else if self.uses_profile()
            && let Some(identity) = &self.web_identity
        {
            roles.extend(identity.role.as_deref().and_then(Arn::parse));
        }
        roles
    }
}

/// The first file in the working directory, by name, that looks like one for `--local`.
fn local_file() -> Option<String> {
    fs::read_dir(".")
        .ok()?
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".local.yaml"))
        .min()
}

/// Adds the profile's settings to `settings`, and returns its role chain. `None` if the profile has
/// no credentials or isn't used.
pub fn apply_profile(
    settings: &mut Settings,
    progress: &Progress,
) -> Result<Option<RoleChain>, Problem> {
    let profiles = apply_settings(settings, progress)?;
    match profiles.profile(settings.profile_name()) {
        Some(profile) if settings.uses_profile() => role_chain(profile, progress),
        _ => Ok(None),
    }
}

/// Adds the profile's settings and the other profiles' names to `settings`, and returns all
/// profiles. Options and variables still take precedence.
pub fn apply_settings(settings: &mut Settings, progress: &Progress) -> Result<Profiles, Problem> {
    let profiles = Profiles::load(&settings.config_files, progress)?;
    let name = settings.profile_name();
    let has_region = settings.region.is_some() || profiles.has_region(name);
    let other_profiles = profiles
        .names()
        .filter(|other| *other != name && (has_region || profiles.has_region(other)))
        .map(str::to_owned)
        .collect();
    let Some(profile) = profiles.profile(name) else {
        if let Some(chosen) = settings.profile() {
            return Err(profiles.no_profile(name, &chosen.place));
        }
        settings.0.other_profiles = other_profiles;
        return Ok(profiles);
    };

    settings.0.other_profiles = other_profiles;
    settings.0.profile_exists = true;
    let variables = settings.variables.clone();
    let mut places = Places::new(&variables, Some(profile));
    settings.0.set_from_places(&mut places);
    match places.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(profiles),
    }
}

/// Removes empty variables for container credentials from this process's environment.
///
/// The AWS CLI treats an empty variable as unset, but the SDK's provider, which reads the
/// environment itself, would use it. The command still gets the empty variables.
pub fn remove_empty_variables(inherited: &Inherited) {
    for name in [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    ] {
        if inherited.non_empty(name).is_none() {
            // SAFETY: `commands::worker` calls this before it starts a second thread, so no other
            // thread can read the environment at the same time.
            #[allow(clippy::disallowed_methods, unsafe_code, reason = "the SDK reads it")]
            unsafe {
                std::env::remove_var(name)
            };
        }
    }
}

/// Checks the variables for container credentials whose values only the SDK uses.
fn check_sdk_variables(places: &mut Places<'_>) {
    // A token that isn't UTF-8 is refused, because the SDK would ignore or print it.
    places.text("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    places.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    let relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    if let Some(path) = places.text(relative)
        && path.parse::<http::Uri>().is_err()
    {
        // The message doesn't show the path, which serves as a password within the task.
        let text = format!("{relative} must be a path such as /v2/credentials");
        places.errors.push(Problem::usage(text));
    }
}

/// Reads the variables that EKS sets for a service account with a role (IRSA).
fn web_identity(places: &mut Places<'_>) -> Option<WebIdentity> {
    let role = places.variable("AWS_ROLE_ARN", |text| Ok(Role::parse(text)?.arn));
    let session_name = places.variable("AWS_ROLE_SESSION_NAME", session_name);
    let named_by = "AWS_WEB_IDENTITY_TOKEN_FILE";
    Some(WebIdentity {
        file: places.text(named_by)?,
        named_by,
        role: role.map(|arn| arn.to_string()),
        session_name,
    })
}

/// The access key in variables. As in botocore, AWS_SECURITY_TOKEN, the old name of
/// AWS_SESSION_TOKEN, takes precedence.
fn variable_keys(places: &mut Places<'_>) -> Option<Credentials> {
    let id = places.access_key("AWS_ACCESS_KEY_ID");
    let secret = places.access_key("AWS_SECRET_ACCESS_KEY");
    // Both are read, because an invalid value is an error even in the variable that isn't used.
    let older_token = places.text("AWS_SECURITY_TOKEN");
    let newer_token = places.text("AWS_SESSION_TOKEN");
    let token = older_token.or(newer_token);
    let secret = secret.unwrap_or_default();
    Some(Credentials::new(id?, secret, token, None, "environment"))
}

fn region(places: &mut Places<'_>, options: &AwsOptions) -> Option<Placed<Region>> {
    // All places are read, because an invalid value is an error even where it isn't used.
    let found = [
        options.region.clone(),
        places.placed_variable("AWS_REGION", parse_region),
        places.placed_variable("AWS_DEFAULT_REGION", parse_region),
        places.placed_setting("region", parse_region),
    ];
    found.into_iter().flatten().next()
}

/// The endpoints that the user configured. A variable for a single service, such as
/// AWS_ENDPOINT_URL_SSM, takes precedence over AWS_ENDPOINT_URL, and both take precedence over the
/// profile.
fn configured_endpoints(places: &mut Places<'_>) -> BTreeMap<Api, Placed<HttpUrl>> {
    let for_all = places.placed_variable("AWS_ENDPOINT_URL", HttpUrl::parse_endpoint);
    let for_all_in_profile = places.placed_setting("endpoint_url", HttpUrl::parse_endpoint);

    let mut configured = BTreeMap::new();
    for (api, variable) in ENDPOINT_VARIABLES {
        let found = [
            places.placed_variable(variable, HttpUrl::parse_endpoint),
            for_all.clone(),
            places.service_endpoint(variable),
            for_all_in_profile.clone(),
        ];
        if let Some(first) = found.into_iter().flatten().next() {
            configured.insert(api, first);
        }
    }
    configured
}

fn endpoints(places: &mut Places<'_>, options: &AwsOptions) -> Endpoints {
    let mut configured = configured_endpoints(places);
    let mut true_setting = |variable| {
        places
            .read_placed(variable, boolean)
            .filter(|set| set.value)
    };
    if true_setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some() {
        configured.clear();
    }
    // `--endpoint-url` is only for Secrets Manager. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS doesn't
    // turn it off.
    if let Some(url) = &options.endpoint_url {
        configured.insert(Api::SECRETS_MANAGER, url.clone());
    }
    let fips = true_setting("AWS_USE_FIPS_ENDPOINT");
    let dual_stack = true_setting("AWS_USE_DUALSTACK_ENDPOINT");
    if let Some(Placed { place: variant, .. }) = fips.as_ref().or(dual_stack.as_ref())
        && let Some(Placed { place, .. }) = configured.values().next()
    {
        let text = format!("{variant} and {place} can't be used together");
        let help = format!("{}, or {}", variant.undo(), place.undo());
        places
            .errors
            .push(Problem::new(place.status(), text).help(help));
    }
    if let Some(url) = configured.values().find(|url| url.value.exposes_aws()) {
        let text = format!(
            "{} must be a URL that begins with https://, because it is an API of AWS",
            url.place
        );
        let problem = Problem::new(url.place.status(), text).help(url.place.undo());
        places.errors.push(problem);
    }
    Endpoints {
        configured,
        use_fips: fips.is_some(),
        use_dual_stack: dual_stack.is_some(),
    }
}

fn trust(places: &mut Places<'_>, options: &AwsOptions) -> TrustSettings {
    places.check_file("AWS_CA_BUNDLE");
    let variables = places.variables;
    let variable = |name: &str| {
        let path = expanded(variables.non_empty(name)?, variables);
        Some(Placed::new(path, &Place::variable(name)))
    };
    let in_profile = places
        .placed_setting("ca_bundle", any_text)
        .map(|path| Placed::new(expanded(path.value.as_ref(), variables), &path.place));

    TrustSettings {
        bundle: options
            .ca_bundle
            .clone()
            .or_else(|| variable("AWS_CA_BUNDLE"))
            .or(in_profile),
        environment: variable("SSL_CERT_FILE").or_else(|| variable("SSL_CERT_DIR")),
        key_exchange: options.key_exchange,
    }
}

fn metadata(places: &mut Places<'_>) -> MetadataSettings {
    let timeout = places.read("AWS_METADATA_SERVICE_TIMEOUT", count);
    let attempts = places.read("AWS_METADATA_SERVICE_NUM_ATTEMPTS", count);
    let endpoint = places.read("AWS_EC2_METADATA_SERVICE_ENDPOINT", HttpUrl::parse_endpoint);
    let for_mode = places.read("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", metadata_mode_url);
    let environment = places.variables.non_empty("AWS_EXECUTION_ENV");
    let is_fargate = environment == Some(OsStr::new("AWS_ECS_FARGATE"));
    let lambda_api = places.variables.non_empty("AWS_LAMBDA_RUNTIME_API");

    MetadataSettings {
        endpoint: endpoint.or(for_mode),
        // The defaults are those of the AWS CLI.
        timeout: Duration::from_secs(timeout.unwrap_or(1).into()),
        attempts: attempts.unwrap_or(1),
        is_disabled: places.variable("AWS_EC2_METADATA_DISABLED", boolean) == Some(true),
        may_exist: !is_fargate && lambda_api.is_none(),
    }
}

/// Finds the proxies. As in the AWS CLI, a lowercase variable wins even if it is empty, and
/// ALL_PROXY is ignored. HTTP_PROXY is also ignored if REQUEST_METHOD is set: in a CGI program, the
/// client can set HTTP_PROXY by sending a `Proxy` header (CVE-2016-5385, "httpoxy").
fn proxy(places: &mut Places<'_>) -> ProxySettings {
    let variables = places.variables;
    let lower_if_set = |lower, upper| {
        if variables.get(lower).is_some() {
            lower
        } else {
            upper
        }
    };
    let http_name = if variables.get("REQUEST_METHOD").is_some() {
        "http_proxy"
    } else {
        lower_if_set("http_proxy", "HTTP_PROXY")
    };

    let mut named = |name| places.placed_variable(name, proxy_url);
    ProxySettings {
        https: named(lower_if_set("https_proxy", "HTTPS_PROXY")),
        http: named(http_name),
        no_proxy: places.text(lower_if_set("no_proxy", "NO_PROXY")),
    }
}

/// Parses the URL of an HTTP proxy, or just its host and port. SOCKS proxies aren't supported.
fn proxy_url(text: &str) -> Parsed<HttpUrl> {
    let missing_scheme = if text.contains("://") { "" } else { "http://" };
    HttpUrl::parse(&format!("{missing_scheme}{text}")).ok_or(
        "the URL of an HTTP proxy, such as http://proxy.example.com:3128, with special characters of its password as %XX",
    )
}

/// The paths of AWS's configuration files, and of the AWS CLI's sessions and SSO tokens.
fn config_files(inherited: &Inherited) -> ConfigFiles {
    let home = home(inherited);
    let in_home = |name| Some(home.as_ref()?.join(".aws").join(name));
    let in_variable = |name| Some(expanded(inherited.non_empty(name)?, inherited));
    ConfigFiles {
        config: in_variable("AWS_CONFIG_FILE").or_else(|| in_home("config")),
        credentials: in_variable("AWS_SHARED_CREDENTIALS_FILE").or_else(|| in_home("credentials")),
        sessions: in_home("cli/cache"),
        sso_tokens: in_home("sso/cache"),
    }
}
