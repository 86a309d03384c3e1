//! What our options and AWS's variables say about reading, checked before anything is asked: an invalid one is an error,
//! never a panic in the SDK and never ignored.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::settings::{Endpoint, Endpoints, MetadataSettings, ProxySettings, Settings, TrustSettings};
use crate::environment::Inherited;
use crate::options::{Options, REGION_EXPECTED, ROLE_EXPECTED, check_url};
use crate::reference::{Region, Role};

/// A variable of AWS's, or of everybody's, that is not what it must be.
#[derive(Debug, PartialEq, Eq)]
pub struct VariableError {
    /// The variable.
    pub name: &'static str,
    /// The variable's value; `None` if it may be secret.
    pub text: Option<String>,
    /// What it takes.
    pub expected: &'static str,
}

/// How long resolving may take in all, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where there is no metadata service, this is how long it takes to know.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

impl Settings {
    /// From our options and the variables that the AWS CLI reads, too.
    ///
    /// # Errors
    /// Every variable that does not hold what it must.
    pub fn new(options: &Options, inherited: &Inherited) -> Result<Self, Vec<VariableError>> {
        let mut reader = Reader::new(inherited);
        for name in BOOLEANS {
            reader.parse(name, BOOLEAN_EXPECTED, parse_boolean);
        }
        for name in CREDENTIALS {
            reader.text(name);
        }
        let path = |text: &str| text.parse::<http::Uri>().ok();
        reader.parse_secret("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "a path, like /v2/credentials", path);
        for name in URLS {
            reader.parse(name, URL_EXPECTED, |text| check_url(text.to_owned()).ok());
        }
        for (name, expected, words) in WORDS {
            reader.parse(name, expected, |text| is_one_of(words, text));
        }
        reader.parse("AWS_ROLE_ARN", ROLE_EXPECTED, |text| Role::parse(text, None).ok());
        let region = |text: &str| Region::parse(text).ok();
        let aws_region = reader.parse("AWS_REGION", REGION_EXPECTED, region);
        let aws_default_region = reader.parse("AWS_DEFAULT_REGION", REGION_EXPECTED, region);
        let max_attempts = reader.parse("AWS_MAX_ATTEMPTS", ATTEMPTS_EXPECTED, parse_attempts);
        let file = |text: &str| std::fs::metadata(text).is_ok().then(|| PathBuf::from(text));
        let ca_bundle = reader.parse("AWS_CA_BUNDLE", "a file with root certificates (PEM)", file);
        let proxy = reader.proxy();
        let endpoints = Endpoints {
            ignored: reader.parse("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", BOOLEAN_EXPECTED, parse_boolean),
            secrets_manager: Endpoint {
                option: options.endpoint_url.clone(),
                ..reader.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER")
            },
            parameter_store: reader.endpoint("AWS_ENDPOINT_URL_SSM"),
            sts: reader.endpoint("AWS_ENDPOINT_URL_STS"),
        };
        let seconds = |text: &str| parse_attempts(text).map(|seconds| Duration::from_secs(seconds.into()));
        let metadata = MetadataSettings {
            timeout: reader
                .parse("AWS_METADATA_SERVICE_TIMEOUT", ATTEMPTS_EXPECTED, seconds)
                .unwrap_or(METADATA_TIMEOUT),
            attempts: reader.parse("AWS_METADATA_SERVICE_NUM_ATTEMPTS", ATTEMPTS_EXPECTED, parse_attempts).unwrap_or(1),
            is_disabled: reader.parse("AWS_EC2_METADATA_DISABLED", BOOLEAN_EXPECTED, parse_boolean) == Some(true),
        };
        let settings = Self {
            region: options.region.clone().or(aws_region).or(aws_default_region),
            fallback_regions: options.fallback_regions.clone().unwrap_or_default(),
            profile: options.profile.clone(),
            profile_variable: reader.text("AWS_PROFILE"),
            role: options.role_arn.clone().map(|arn| Role { arn, external_id: options.external_id.clone() }),
            endpoints,
            trust: TrustSettings {
                bundle: options.ca_bundle.clone().or(ca_bundle),
                file: inherited.filled("SSL_CERT_FILE").map(PathBuf::from),
                directory: inherited.filled("SSL_CERT_DIR").map(PathBuf::from),
            },
            max_attempts,
            proxy,
            timeout: options.timeout.unwrap_or(TIMEOUT),
            wait: options.wait,
            metadata,
            web_identity_file: reader.text("AWS_WEB_IDENTITY_TOKEN_FILE"),
            has_keys: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
                .iter()
                .any(|name| inherited.filled(name).is_some()),
            profile_has_keys: false,
            config_files: config_files(inherited),
            use_fips: reader.parse("AWS_USE_FIPS_ENDPOINT", BOOLEAN_EXPECTED, parse_boolean),
            use_dual_stack: reader.parse("AWS_USE_DUALSTACK_ENDPOINT", BOOLEAN_EXPECTED, parse_boolean),
        };
        reader.finish(settings)
    }
}

fn config_files(inherited: &Inherited) -> Vec<PathBuf> {
    let home = inherited.filled("HOME").map(PathBuf::from);
    let file = |variable, name| match inherited.filled(variable) {
        Some(path) => Some(PathBuf::from(path)),
        None => home.as_ref().map(|home| home.join(".aws").join(name)),
    };
    let files = [file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")];
    files.into_iter().flatten().collect()
}

/// What a boolean of AWS's takes.
pub(super) const BOOLEAN_EXPECTED: &str = "true or false";

pub(super) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Variables that take one of a few words, in any case.
const WORDS: &[(&str, &str, &[&str])] = &[
    ("AWS_RETRY_MODE", RETRY_EXPECTED, &RETRY_MODES),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6", &["IPv4", "IPv6"]),
    ("AWS_STS_REGIONAL_ENDPOINTS", "legacy or regional", &["legacy", "regional"]),
    (
        "AWS_DEFAULTS_MODE",
        "standard, in-region, cross-region, mobile, auto or legacy",
        &["standard", "in-region", "cross-region", "mobile", "auto", "legacy"],
    ),
];

/// What AWS_RETRY_MODE and a profile's `retry_mode` take.
pub(super) const RETRY_EXPECTED: &str = "standard, adaptive or legacy";
pub(super) const RETRY_MODES: [&str; 3] = ["standard", "adaptive", "legacy"];

pub(super) fn is_one_of(words: &[&str], text: &str) -> Option<()> {
    words.iter().any(|word| text.eq_ignore_ascii_case(word)).then_some(())
}

/// Read by the SDK alone.
const BOOLEANS: &[&str] = &["AWS_EC2_METADATA_V1_DISABLED"];

/// Read by the SDK, which passes over what is not UTF-8, or quotes it.
const CREDENTIALS: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Read by the SDK alone.
const URLS: &[&str] = &["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

pub(super) const URL_EXPECTED: &str = "a URL, like https://example.com";

/// What AWS_MAX_ATTEMPTS and a profile's `max_attempts` take.
pub(super) const ATTEMPTS_EXPECTED: &str = "a whole number from 1";

pub(super) fn parse_attempts(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|attempts| *attempts > 0)
}

/// Reads variables, and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    inherited: &'a Inherited,
    errors: Vec<VariableError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(inherited: &'a Inherited) -> Self {
        Self { inherited, errors: Vec::new() }
    }

    /// What was made of the variables, unless one of them is wrong.
    pub(super) fn finish<T>(self, read: T) -> Result<T, Vec<VariableError>> {
        if self.errors.is_empty() { Ok(read) } else { Err(self.errors) }
    }

    /// What a variable holds, if it is set and not empty, which counts as not set.
    pub(super) fn parse<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |value| Some(value.to_string_lossy().into_owned()))
    }

    /// The same of a variable that may hold a secret: its value is not quoted when it is wrong.
    fn parse_secret<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(name, expected, parse, |_| None)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.parse_secret(name, "text in UTF-8", |text| Some(text.to_owned()))
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        quote: impl Fn(&OsStr) -> Option<String>,
    ) -> Option<T> {
        let value = self.inherited.filled(name)?;
        let parsed = value.to_str().and_then(parse);
        let error = VariableError { name, text: quote(value), expected };
        if parsed.is_none() && !self.errors.contains(&error) {
            self.errors.push(error);
        }
        parsed
    }

    /// The variable of a service before the one of all. Each is read once more for each service, and told once.
    fn endpoint(&mut self, name: &'static str) -> Endpoint {
        let mut url = |name| self.parse(name, URL_EXPECTED, |text| check_url(text.to_owned()).ok());
        let (own, general) = (url(name), url("AWS_ENDPOINT_URL"));
        Endpoint { option: None, configured: own.or(general) }
    }

    /// Lower case first, as in curl and Python. A CGI server puts a request's header `Proxy` into HTTP_PROXY (CVE-2016-5385,
    /// "httpoxy"), so under REQUEST_METHOD only the name in lower case counts.
    fn proxy(&mut self) -> ProxySettings {
        let is_cgi = self.inherited.get("REQUEST_METHOD").is_some();
        let mut proxy = |lower, upper| {
            let is_lower = self.inherited.filled(lower).is_some() || is_cgi && upper == "HTTP_PROXY";
            let name = if is_lower { lower } else { upper };
            self.parse(name, "a proxy's URL, like http://proxy.example.com:3128", parse_proxy)
        };
        let (https, http, all) =
            (proxy("https_proxy", "HTTPS_PROXY"), proxy("http_proxy", "HTTP_PROXY"), proxy("all_proxy", "ALL_PROXY"));
        let none = self.text("no_proxy").or_else(|| self.text("NO_PROXY"));
        let near = URLS.iter().filter_map(|name| self.inherited.filled(name)?.to_str().map(str::to_owned)).collect();
        ProxySettings { http, https, all, none, near }
    }
}

/// A host, with or without a scheme; proxies that are not HTTP's are not spoken to.
fn parse_proxy(text: &str) -> Option<String> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    check_url(with_scheme).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, Vec<&'static str>> {
        let inherited = Inherited::new(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        Settings::new(&Options::default(), &inherited)
            .map_err(|errors| errors.into_iter().map(|error| error.name).collect())
    }

    #[test]
    fn every_invalid_variable_is_named() {
        let invalid = [
            ("AWS_REGION", "us east"),
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_RETRY_MODE", "never"),
            ("AWS_ENDPOINT_URL", "notaurl"),
            ("AWS_USE_FIPS_ENDPOINT", "maybe"),
            ("AWS_CA_BUNDLE", "/nonexistent"),
            ("HTTPS_PROXY", "socks5://x"),
        ];
        let mut named = settings(&invalid).unwrap_err();
        named.sort_unstable();
        let mut expected = invalid.map(|(name, _)| name);
        expected.sort_unstable();
        assert_eq!(named, expected);
    }

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let settings =
            settings(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_MAX_ATTEMPTS", "")]).unwrap();
        assert_eq!((settings.region.unwrap().as_str(), settings.max_attempts), ("eu-west-1", None));
    }
}
