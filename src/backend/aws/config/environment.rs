//! Settings from the options and AWS's variables.
//!
//! A variable that the SDK's provider of a container's credentials reads is checked here as well, since the SDK panics over some invalid
//! values and ignores others. Variables that only the SDK's own clients would read have no effect: AWS_RETRY_MODE, which
//! is only checked, AWS_DEFAULTS_MODE and AWS_STS_REGIONAL_ENDPOINTS.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;

use super::files::ConfigFiles;
use super::settings::{MetadataSettings, Settings, VariableKeys};
use super::variable_reader::{
    BOOLEAN, COUNT, ENDPOINT, Format, METADATA_MODE, REGION, RETRY_MODE, SECRET, URL,
    VariableReader,
};
use crate::backend::aws::protocol::{Api, Endpoints};
use crate::model::inherited::Inherited;
use crate::model::options::AwsOptions;
use crate::model::problem::{Problem, Status};
use crate::model::reference::Role;
use crate::model::url::HttpUrl;
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;

/// The default of AWS_METADATA_SERVICE_TIMEOUT, as in the AWS CLI.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The variables that name the profile.
const PROFILE_VARIABLES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

impl Settings {
    /// Merges the options with the variables that the AWS CLI reads as well. `caller_variables` choose the credentials.
    ///
    /// # Errors
    /// Every variable with an invalid value.
    pub fn new(
        options: &AwsOptions,
        inherited: &Inherited,
        caller_variables: impl Iterator<Item = &'static str>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = VariableReader::new(inherited);
        check_sdk_variables(&mut reader);
        reader.parse("AWS_RETRY_MODE", &RETRY_MODE);
        let mut region = options.region.clone();
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            let of_variable = reader.parse(name, &REGION);
            region = region.or(of_variable.map(|region| (region, (name, Status::Usage))));
        }
        let role = Format {
            expected: Role::EXPECTED,
            parse: |text| Role::parse(text, None),
        };
        let web_identity_role = reader.parse("AWS_ROLE_ARN", &role);
        let settings = Self {
            region,
            fallback_regions: options.fallback_regions.clone(),
            profile: options.profile.clone(),
            profile_variable: PROFILE_VARIABLES
                .into_iter()
                .find_map(|name| Some((name, reader.text(name)?))),
            role: options.role.clone(),
            endpoints: endpoints(&mut reader, options),
            trust: trust(&mut reader, options),
            max_attempts: reader.parse("AWS_MAX_ATTEMPTS", &COUNT),
            app_id: reader.text("AWS_SDK_UA_APP_ID"),
            proxy: proxy(&mut reader),
            metadata: metadata(&mut reader),
            web_identity_file: reader.text("AWS_WEB_IDENTITY_TOKEN_FILE"),
            container_token_file: reader.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            web_identity_session: reader.text("AWS_ROLE_SESSION_NAME"),
            web_identity_role: web_identity_role.map(|role| role.arn),
            variable_keys: variable_keys(&mut reader),
            caller: caller_variables
                .map(|name| inherited.filled(name).map(ToOwned::to_owned))
                .collect(),
            config_files: config_files(inherited),
            role_remedy: role_remedy(inherited),
            remedies: Vec::new(),
        };
        reader.finish(settings)
    }
}

fn check_sdk_variables(reader: &mut VariableReader<'_>) {
    // The SDK ignores or quotes a value that is not UTF-8.
    reader.text("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let path = Format {
        expected: "a path such as /v2/credentials",
        parse: |text| text.parse::<http::Uri>().ok(),
    };
    reader.parse_shown_as(SECRET, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", &path);
    reader.parse("AWS_CONTAINER_CREDENTIALS_FULL_URI", &URL);
}

/// The credentials in variables. AWS_SECURITY_TOKEN is the older name of the token, and precedes it in botocore.
fn variable_keys(reader: &mut VariableReader<'_>) -> VariableKeys {
    // As for the SDKs, blanks are no key.
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        .map(|name| reader.text(name).filter(|key| !key.trim().is_empty()));
    let (older, token) = (
        reader.text("AWS_SECURITY_TOKEN"),
        reader.text("AWS_SESSION_TOKEN"),
    );
    match (id, secret) {
        (None, _) => VariableKeys::Unset,
        (Some(_), None) => VariableKeys::WithoutSecret,
        (Some(id), Some(secret)) => VariableKeys::Complete(Credentials::new(
            id,
            secret,
            older.or(token),
            None,
            "environment",
        )),
    }
}

/// Returns how a task of ECS, a pod of Kubernetes or a function of Lambda gets its credentials; `None` elsewhere.
fn role_remedy(inherited: &Inherited) -> Option<&'static str> {
    let is_set = |name| inherited.filled(name).is_some();
    if is_set("ECS_CONTAINER_METADATA_URI_V4") {
        Some(
            "set taskRoleArn in the task definition (executionRoleArn is used only to start the task)",
        )
    } else if is_set("KUBERNETES_SERVICE_HOST") {
        Some(
            "give the pod's service account a role, by an EKS Pod Identity association or the annotation eks.amazonaws.com/role-arn",
        )
    } else if is_lambda(inherited) {
        Some(
            "keep AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, which Lambda sets for the function's role",
        )
    } else {
        None
    }
}

fn endpoints(reader: &mut VariableReader<'_>, options: &AwsOptions) -> Endpoints {
    let mut endpoint = |name| Some((name, reader.parse(name, &ENDPOINT)?));
    let general = endpoint("AWS_ENDPOINT_URL");
    let mut configured = BTreeMap::new();
    for api in Api::ALL {
        let of_service = endpoint(api.endpoint_setting().0);
        if let Some(endpoint) = of_service.or_else(|| general.clone()) {
            configured.insert(api, endpoint);
        }
    }
    let mut boolean = |name| reader.parse(name, &BOOLEAN);
    Endpoints {
        ignored: boolean("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        use_fips: boolean("AWS_USE_FIPS_ENDPOINT"),
        use_dual_stack: boolean("AWS_USE_DUALSTACK_ENDPOINT"),
        option: options.endpoint_url.clone(),
        configured,
    }
}

fn trust(reader: &mut VariableReader<'_>, options: &AwsOptions) -> TrustSettings {
    let ca_bundle = reader.file("AWS_CA_BUNDLE");
    TrustSettings {
        bundle: options.ca_bundle.clone().or(ca_bundle),
        file: reader.inherited.filled("SSL_CERT_FILE").map(PathBuf::from),
        directory: reader.inherited.filled("SSL_CERT_DIR").map(PathBuf::from),
        key_exchange: options.key_exchange,
    }
}

fn metadata(reader: &mut VariableReader<'_>) -> MetadataSettings {
    MetadataSettings {
        endpoint: reader.parse("AWS_EC2_METADATA_SERVICE_ENDPOINT", &ENDPOINT),
        endpoint_of_mode: reader.parse("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", &METADATA_MODE),
        timeout: reader
            .parse("AWS_METADATA_SERVICE_TIMEOUT", &COUNT)
            .map_or(METADATA_TIMEOUT, |seconds| {
                Duration::from_secs(seconds.into())
            }),
        attempts: reader
            .parse("AWS_METADATA_SERVICE_NUM_ATTEMPTS", &COUNT)
            .unwrap_or(1),
        is_disabled: reader.parse("AWS_EC2_METADATA_DISABLED", &BOOLEAN) == Some(true),
        is_missing: is_fargate(reader.inherited) || is_lambda(reader.inherited),
    }
}

fn is_fargate(inherited: &Inherited) -> bool {
    let execution_env = inherited.filled("AWS_EXECUTION_ENV");
    execution_env.is_some_and(|name| name == "AWS_ECS_FARGATE")
}

/// Lambda does not set AWS_EXECUTION_ENV for the runtimes `provided.al2` and `provided.al2023` (Lambda Developer Guide, "Using Lambda environment
/// variables").
fn is_lambda(inherited: &Inherited) -> bool {
    let execution_env = inherited.filled("AWS_EXECUTION_ENV");
    let is_runtime = |name: &OsStr| name.to_string_lossy().starts_with("AWS_Lambda_");
    execution_env.is_some_and(is_runtime) || inherited.filled("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Reads the proxies. As in the AWS CLI, which is Python, a name in lower case takes precedence, even if it is empty, and ALL_PROXY is not
/// read.
///
/// A CGI server, which sets REQUEST_METHOD, puts the header `Proxy` of a request into HTTP_PROXY (CVE-2016-5385, "httpoxy"), so that
/// only the name in lower case is read there.
fn proxy(reader: &mut VariableReader<'_>) -> ProxySettings {
    let is_set = |name| reader.inherited.get(name).is_some();
    let chosen = |is_lower, lower, upper| if is_lower { lower } else { upper };
    let is_cgi = is_set("REQUEST_METHOD");
    let https = chosen(is_set("https_proxy"), "https_proxy", "HTTPS_PROXY");
    let http = chosen(is_set("http_proxy") || is_cgi, "http_proxy", "HTTP_PROXY");
    let no_proxy = chosen(is_set("no_proxy"), "no_proxy", "NO_PROXY");
    let proxy = Format {
        expected: "the URL of an HTTP proxy, such as http://proxy.example.com:3128",
        parse: parse_proxy,
    };
    let mut named = |name| Some((name, reader.parse(name, &proxy)?));
    let (https, http) = (named(https), named(http));
    ProxySettings {
        http,
        https,
        no_proxy: reader.text(no_proxy),
    }
}

/// Parses a proxy's URL, or its host alone. SOCKS is not supported.
fn parse_proxy(text: &str) -> Option<HttpUrl> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    HttpUrl::parse(&with_scheme)
}

/// Returns the paths of the configuration files. A tilde at the beginning is the home directory.
fn config_files(inherited: &Inherited) -> ConfigFiles {
    let home = inherited.filled("HOME").map(Path::new);
    let file = |variable, name| {
        let Some(path) = inherited.filled(variable).map(Path::new) else {
            return Some(home?.join(".aws").join(name));
        };
        let in_home = home
            .zip(path.strip_prefix("~").ok())
            .map(|(home, rest)| home.join(rest));
        Some(in_home.unwrap_or_else(|| path.to_owned()))
    };
    ConfigFiles {
        config: file("AWS_CONFIG_FILE", "config"),
        credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    }
}
