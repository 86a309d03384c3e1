//! What our options and AWS's variables say about reading, checked before anything is asked: an invalid one is an error,
//! never a panic in the SDK and never ignored.

use std::path::PathBuf;
use std::time::Duration;

use super::expected::{
    ATTEMPTS_EXPECTED, BOOLEAN_EXPECTED, RETRY_EXPECTED, RETRY_MODES, URL_EXPECTED, is_one_of, parse_attempts,
    parse_boolean,
};
use super::settings::{MetadataSettings, Settings};
use super::variable_reader::{Reader, VariableError};
use crate::backend::aws::protocol::{Endpoint, Endpoints};
use crate::model::inherited::Inherited;
use crate::model::options::Options;
use crate::model::reference::{REGION_EXPECTED, ROLE_EXPECTED, Region, Role};
use crate::model::url::check_url;
use crate::net::tls::TrustSettings;

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

/// Read by the SDK alone.
const BOOLEANS: &[&str] = &["AWS_EC2_METADATA_V1_DISABLED"];

/// Read by the SDK, which passes over what is not UTF-8, or quotes it.
const CREDENTIALS: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];

/// Read by the SDK alone.
pub const URLS: &[&str] = &["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

/// A host, with or without a scheme; proxies that are not HTTP's are not spoken to.
pub fn parse_proxy(text: &str) -> Option<String> {
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
