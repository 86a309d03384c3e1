//! The settings from the options and from AWS's variables.
//!
//! The SDK's provider for a container's credentials reads its variables itself. They are checked here, too, because the SDK panics at some invalid
//! values, and ignores others. Variables that only the SDK's own clients would read don't have an effect: AWS_DEFAULTS_MODE,
//! AWS_STS_REGIONAL_ENDPOINTS and AWS_RETRY_MODE. The last one is at least checked.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use nix::unistd::{User, getuid};

use super::files::ConfigFiles;
use super::settings::{MetadataSettings, Settings, VariableKeys};
use super::variable_reader::{
    BOOLEAN, COUNT, ENDPOINT, Format, METADATA_MODE, REGION, RETRY_MODE, SESSION_NAME, URL,
    VariableReader,
};
use crate::backend::aws::protocol::{Api, Endpoints};
use crate::model::inherited::Inherited;
use crate::model::options::{AwsOptions, RegionSource};
use crate::model::problem::{Problem, Status, unless_errors};
use crate::model::reference::Role;
use crate::model::url::HttpUrl;
use crate::net::proxy::ProxySettings;
use crate::net::tls::TrustSettings;

/// The default of AWS_METADATA_SERVICE_TIMEOUT in seconds, as in the AWS CLI.
const METADATA_TIMEOUT: u32 = 1;

/// The variables that name the profile.
const PROFILE_VARIABLES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

impl Settings {
    /// Merges the options with the variables that the AWS CLI reads, too. `caller_variables` are the names of the variables that choose the
    /// credentials.
    ///
    /// # Errors
    /// One error for each variable with an invalid value.
    pub fn new(
        options: &AwsOptions,
        inherited: &Inherited,
        caller_variables: impl Iterator<Item = &'static str>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = VariableReader::new(inherited);
        check_sdk_variables(&mut reader);
        // Our own retries don't have modes, so the value is only checked.
        reader.read("AWS_RETRY_MODE", &RETRY_MODE);

        let mut region = options.region.clone();
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            let in_variable = reader.read(name, &REGION);
            let source = RegionSource::new(name, Status::Usage);
            region = region.or(in_variable.map(|region| (region, source)));
        }

        let role = Format {
            expected: Role::EXPECTED,
            parse: |text| Role::parse(text, None),
        };
        let web_identity_role = reader.read("AWS_ROLE_ARN", &role);
        let settings = Self {
            region,
            fallback_regions: options.fallback_regions.clone(),
            profile: options.profile.clone(),
            profile_variable: PROFILE_VARIABLES
                .into_iter()
                .find_map(|name| Some((name, reader.read_text(name)?))),
            role: options.role.clone(),
            endpoints: endpoints(&mut reader, options),
            trust: trust(&mut reader, options),
            max_attempts: reader.read("AWS_MAX_ATTEMPTS", &COUNT),
            app_id: reader.read_text("AWS_SDK_UA_APP_ID"),
            proxy: proxy(&mut reader),
            metadata: metadata(&mut reader),
            web_identity_file: reader.read_text("AWS_WEB_IDENTITY_TOKEN_FILE"),
            container_token_file: reader.read_text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            web_identity_session: reader.read("AWS_ROLE_SESSION_NAME", &SESSION_NAME),
            web_identity_role: web_identity_role.map(|role| role.arn),
            variable_keys: variable_keys(&mut reader),
            caller_variables: caller_variables
                .map(|name| inherited.non_empty(name).map(ToOwned::to_owned))
                .collect(),
            config_files: config_files(inherited),
            role_remedy: role_remedy(inherited),
            profile_advice: None,
        };
        unless_errors(reader.errors, settings)
    }
}

/// Checks the variables that only the SDK reads, and adds an error for each invalid one.
fn check_sdk_variables(reader: &mut VariableReader<'_>) {
    // The SDK ignores or prints a value that is not UTF-8.
    reader.read_text("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    reader.read("AWS_CONTAINER_CREDENTIALS_FULL_URI", &URL);
    let relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    let path = reader.read_text(relative);
    if path.is_some_and(|path| path.parse::<http::Uri>().is_err()) {
        // The path isn't shown, because in this task it is as good as a password.
        let text = format!("{relative} must be a path such as /v2/credentials");
        reader.refuse(Problem::usage(text));
    }
}

/// Reads the credentials in variables. AWS_SECURITY_TOKEN is the older name of AWS_SESSION_TOKEN. As in botocore, it has precedence.
fn variable_keys(reader: &mut VariableReader<'_>) -> VariableKeys {
    // As in the SDKs, a key of only spaces is treated as unset.
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        .map(|name| reader.read_text(name).filter(|key| !key.trim().is_empty()));
    let older_token = reader.read_text("AWS_SECURITY_TOKEN");
    let token = older_token.or(reader.read_text("AWS_SESSION_TOKEN"));
    match (id, secret) {
        (None, _) => VariableKeys::Unset,
        (Some(_), None) => VariableKeys::WithoutSecret,
        (Some(id), Some(secret)) => {
            VariableKeys::Complete(Credentials::new(id, secret, token, None, "environment"))
        }
    }
}

/// Variables that show which service runs this process, and how this service gives a role to its processes.
const ROLE_REMEDIES: [(&str, &str); 3] = [
    (
        "ECS_CONTAINER_METADATA_URI_V4",
        "set taskRoleArn in the task definition (executionRoleArn is used only to start the task)",
    ),
    (
        "KUBERNETES_SERVICE_HOST",
        "give the pod's service account a role, by an EKS Pod Identity association or the annotation eks.amazonaws.com/role-arn",
    ),
    (
        "AWS_LAMBDA_RUNTIME_API",
        "don't unset AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, which Lambda sets for the function's role",
    ),
];

/// Returns the remedy for missing credentials in an ECS task, a Kubernetes pod or a Lambda function. Returns `None` elsewhere.
fn role_remedy(inherited: &Inherited) -> Option<&'static str> {
    let mut services = ROLE_REMEDIES.iter();
    let service = services.find(|(variable, _)| inherited.non_empty(variable).is_some());
    service.map(|(_, remedy)| *remedy)
}

/// Reads the endpoints. The variable of a service has precedence over AWS_ENDPOINT_URL.
fn endpoints(reader: &mut VariableReader<'_>, options: &AwsOptions) -> Endpoints {
    let mut endpoint = |name| Some((name, reader.read(name, &ENDPOINT)?));
    let general = endpoint("AWS_ENDPOINT_URL");
    let mut configured = BTreeMap::new();
    for api in Api::ALL {
        let specific = endpoint(api.endpoint_setting().0);
        if let Some(endpoint) = specific.or_else(|| general.clone()) {
            configured.insert(api, endpoint);
        }
    }
    let mut boolean = |name| reader.read(name, &BOOLEAN);
    Endpoints {
        ignored: boolean("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        use_fips: boolean("AWS_USE_FIPS_ENDPOINT"),
        use_dual_stack: boolean("AWS_USE_DUALSTACK_ENDPOINT"),
        option: options.endpoint_url.clone(),
        configured,
    }
}

/// Reads the paths of the root certificates that the user names.
fn trust(reader: &mut VariableReader<'_>, options: &AwsOptions) -> TrustSettings {
    let ca_bundle = reader.existing_file("AWS_CA_BUNDLE");
    let variable = |name| reader.inherited.non_empty(name).map(PathBuf::from);
    TrustSettings {
        bundle: options.ca_bundle.clone().or(ca_bundle),
        environment: variable("SSL_CERT_FILE").or_else(|| variable("SSL_CERT_DIR")),
        key_exchange: options.key_exchange,
    }
}

/// Reads the settings of the instance metadata service.
fn metadata(reader: &mut VariableReader<'_>) -> MetadataSettings {
    let timeout = reader.read("AWS_METADATA_SERVICE_TIMEOUT", &COUNT);
    let attempts = reader.read("AWS_METADATA_SERVICE_NUM_ATTEMPTS", &COUNT);
    MetadataSettings {
        endpoint: reader.read("AWS_EC2_METADATA_SERVICE_ENDPOINT", &ENDPOINT),
        mode_endpoint: reader.read("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", &METADATA_MODE),
        timeout: Duration::from_secs(timeout.unwrap_or(METADATA_TIMEOUT).into()),
        attempts: attempts.unwrap_or(1),
        is_disabled: reader.read("AWS_EC2_METADATA_DISABLED", &BOOLEAN) == Some(true),
        may_exist: may_have_metadata_service(reader.inherited),
    }
}

/// False in an ECS task on Fargate and in a Lambda function, which never have an instance metadata service.
fn may_have_metadata_service(inherited: &Inherited) -> bool {
    let environment = inherited.non_empty("AWS_EXECUTION_ENV");
    let is_fargate = environment == Some(OsStr::new("AWS_ECS_FARGATE"));
    let is_lambda = inherited.non_empty("AWS_LAMBDA_RUNTIME_API").is_some();
    !is_fargate && !is_lambda
}

/// Reads the proxies. As in the AWS CLI, a variable in lower case has precedence, even if it is empty, and ALL_PROXY is not read.
///
/// A CGI server sets REQUEST_METHOD, and puts the header `Proxy` of a client's request into HTTP_PROXY (CVE-2016-5385, "httpoxy"). In a CGI program,
/// only the variable in lower case is read.
fn proxy(reader: &mut VariableReader<'_>) -> ProxySettings {
    let is_set = |name| reader.inherited.get(name).is_some();
    let chosen = |is_lower, lower, upper| if is_lower { lower } else { upper };
    let is_cgi = is_set("REQUEST_METHOD");
    let https_name = chosen(is_set("https_proxy"), "https_proxy", "HTTPS_PROXY");
    let http_name = chosen(is_set("http_proxy") || is_cgi, "http_proxy", "HTTP_PROXY");
    let no_proxy_name = chosen(is_set("no_proxy"), "no_proxy", "NO_PROXY");

    let proxy = Format {
        expected: "the URL of an HTTP proxy, such as http://proxy.example.com:3128",
        parse: parse_proxy,
    };
    let mut named = |name| Some((name, reader.read(name, &proxy)?));
    ProxySettings {
        https: named(https_name),
        http: named(http_name),
        no_proxy: reader.read_text(no_proxy_name),
    }
}

/// Parses the URL of a proxy, or a host and a port without `http://`. Returns `None` for SOCKS, which is not supported.
fn parse_proxy(text: &str) -> Option<HttpUrl> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    HttpUrl::parse(&with_scheme)
}

/// Returns the paths of AWS's configuration files. A tilde at the beginning of a path stands for
/// the home directory. Without HOME, this is the one in /etc/passwd, as in botocore. If the user
/// isn't listed there either, a file has a path only if a variable names it.
fn config_files(inherited: &Inherited) -> ConfigFiles {
    let in_variable = inherited.non_empty("HOME").map(PathBuf::from);
    let home = in_variable.or_else(|| Some(User::from_uid(getuid()).ok()??.dir));
    let file = |variable, name| {
        let Some(path) = inherited.non_empty(variable).map(Path::new) else {
            return Some(home.as_ref()?.join(".aws").join(name));
        };
        match (&home, path.strip_prefix("~")) {
            (Some(home), Ok(rest)) => Some(home.join(rest)),
            (_, _) => Some(path.to_owned()),
        }
    };
    ConfigFiles {
        config: file("AWS_CONFIG_FILE", "config"),
        credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    }
}
