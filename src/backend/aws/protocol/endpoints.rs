//! Endpoints: those that the user configures, and AWS's own for each service and region, also with
//! FIPS and dual stack.
//!
//! In the commercial partition, the host follows a pattern, so nearly every launch gets its
//! endpoint from that pattern. For everything else we use the SDK's rules. They parse a table of
//! all partitions, which costs half a million instructions, and they don't return the name of a
//! partition.

use std::collections::BTreeMap;

use futures_util::future::FutureExt;
use http::Uri;

use crate::model::reference::{Region, Store};
use crate::model::url::HttpUrl;
use crate::net::errors::BoxError;

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    Store(Store),
    Sts,
    /// The portal of IAM Identity Center, which gives the credentials of a role.
    Sso,
    /// The service that refreshes SSO tokens.
    SsoOidc,
}

impl Api {
    pub const ALL: [Self; 5] = [
        Self::Store(Store::SecretsManager),
        Self::Store(Store::ParameterStore),
        Self::Sts,
        Self::Sso,
        Self::SsoOidc,
    ];

    /// Returns the name of the service in host names and in signatures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store(store) => store.service(),
            Self::Sts => "sts",
            Self::Sso => "portal.sso",
            Self::SsoOidc => "oidc",
        }
    }

    /// Returns the variable that sets the service's endpoint, and the service's name in a
    /// `services` section of the configuration file.
    pub fn endpoint_setting(self) -> (&'static str, &'static str) {
        match self {
            Self::Store(Store::SecretsManager) => {
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "secrets_manager")
            }
            Self::Store(Store::ParameterStore) => ("AWS_ENDPOINT_URL_SSM", "ssm"),
            Self::Sts => ("AWS_ENDPOINT_URL_STS", "sts"),
            Self::Sso => ("AWS_ENDPOINT_URL_SSO", "sso"),
            Self::SsoOidc => ("AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc"),
        }
    }
}

impl From<Store> for Api {
    fn from(store: Store) -> Self {
        Self::Store(store)
    }
}

/// The endpoints that the user configures, and which of AWS's own endpoints to use.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// True if the endpoints in variables and in the profile are ignored. This is the value of
    /// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or, without it, of the profile's setting.
    pub ignored: Option<bool>,
    /// `--endpoint-url`, which is the endpoint of Secrets Manager. It is never ignored.
    pub option: Option<HttpUrl>,
    /// The endpoints in variables or in the profile, each with the name of its variable or setting.
    pub configured: BTreeMap<Api, (&'static str, HttpUrl)>,
    /// The value of AWS_USE_FIPS_ENDPOINT or, without it, of the profile's setting.
    pub use_fips: Option<bool>,
    /// The value of AWS_USE_DUALSTACK_ENDPOINT or, without it, of the profile's setting.
    pub use_dual_stack: Option<bool>,
}

impl Endpoints {
    /// Returns the endpoint that the user configures for a service. Returns `None` if AWS's own
    /// endpoint is used.
    pub fn configured(&self, api: Api) -> Option<&HttpUrl> {
        self.setting(api).map(|(_, url)| url)
    }

    /// Returns the endpoint that the user configures for a service, and the option, variable or
    /// setting that has it. Returns `None` if AWS's own endpoint is used.
    pub fn setting(&self, api: Api) -> Option<(&'static str, &HttpUrl)> {
        match &self.option {
            Some(url) if api == Api::Store(Store::SecretsManager) => Some(("--endpoint-url", url)),
            _ if self.ignored == Some(true) => None,
            _ => self
                .configured
                .get(&api)
                .map(|(setting, url)| (*setting, url)),
        }
    }

    /// Returns a part of the key for a cached answer. If requests to this store or to STS go to
    /// other endpoints, this part is different. It includes STS, because STS gives the credentials
    /// of the role that reads from the store.
    pub fn cache_key(&self, store: Store) -> String {
        let configured =
            [store.into(), Api::Sts].map(|api| self.configured(api).map(HttpUrl::as_str));
        let variants = [self.use_fips, self.use_dual_stack].map(|flag| flag == Some(true));
        format!("{:?}", (configured, variants))
    }
}

/// Returns the endpoint of a service in a region.
///
/// # Errors
/// When AWS doesn't have such an endpoint in the region, or when the user configures both FIPS and
/// an endpoint.
pub async fn find_endpoint(
    endpoints: &Endpoints,
    api: Api,
    region: &Region,
) -> Result<Uri, BoxError> {
    let is_special = endpoints.use_fips == Some(true) || endpoints.use_dual_stack == Some(true);
    let configured = endpoints.configured(api);
    match (configured, commercial_host(api.name(), region)) {
        (Some(url), _) if !is_special => Ok(url.uri().clone()),
        (None, Some(host)) if !is_special => Ok(Uri::builder()
            .scheme("https")
            .authority(host)
            .path_and_query("/")
            .build()?),
        _ => Ok(resolve_by_rules(endpoints, api, region, configured)
            .await?
            .parse()?),
    }
}

/// Returns AWS's own host for a service in a region. Returns `None` if AWS doesn't have such a
/// host.
pub fn own_host(api: Api, region: &Region) -> Option<String> {
    // The rules never wait, so the future is ready immediately.
    let endpoint = find_endpoint(&Endpoints::default(), api, region)
        .now_or_never()?
        .ok()?;
    endpoint.host().map(str::to_owned)
}

/// Finds an endpoint by the SDK's rules. Parameter Store and SSO have the same rules as STS, except
/// for the name of the service.
///
/// # Errors
/// When the rules don't have such an endpoint.
async fn resolve_by_rules(
    endpoints: &Endpoints,
    api: Api,
    region: &Region,
    configured: Option<&HttpUrl>,
) -> Result<String, BoxError> {
    /// Returns the endpoint by the rules in the crate of a service.
    macro_rules! by_rules {
        ($sdk:ident) => {{
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let parameters = Params::builder()
                .region(region.as_str())
                .set_endpoint(configured.map(HttpUrl::to_string))
                .set_use_fips(endpoints.use_fips)
                .set_use_dual_stack(endpoints.use_dual_stack);
            DefaultResolver::new()
                .resolve_endpoint(&parameters.build()?)
                .await?
        }};
    }
    if api == Api::Store(Store::SecretsManager) {
        return Ok(by_rules!(aws_sdk_secretsmanager).url().to_owned());
    }
    Ok(by_rules!(aws_sdk_sts)
        .url()
        .replacen("https://sts", &format!("https://{}", api.name()), 1))
}

/// The first parts of the region codes in the commercial partition.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// The other partitions: the part of a region's code before its direction and number, and the name
/// of the partition in ARNs.
const OTHERS: [(&str, &str); 7] = [
    ("cn", "aws-cn"),
    ("us-gov", "aws-us-gov"),
    ("us-iso", "aws-iso"),
    ("us-isob", "aws-iso-b"),
    ("eu-isoe", "aws-iso-e"),
    ("us-isof", "aws-iso-f"),
    ("eusc-de", "aws-eusc"),
];

/// Returns the host of a service in a region of the commercial partition. Returns `None` for any
/// other region.
fn commercial_host(service: &str, region: &Region) -> Option<String> {
    let is_commercial = region.area().is_some_and(|area| AREAS.contains(&area));
    is_commercial.then(|| format!("{service}.{region}.amazonaws.com"))
}

/// Returns the name of a region's partition in ARNs. A code that doesn't have the form of AWS's
/// codes, such as an emulator's, is treated as commercial.
pub fn partition_of(region: &Region) -> &'static str {
    let area = region.area();
    OTHERS
        .iter()
        .find(|(other, _)| Some(*other) == area)
        .map_or("aws", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_region_has_its_partition() {
        for (code, name) in [
            ("us-east-1", "aws"),
            ("ap-southeast-5", "aws"),
            ("us-gov-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-west-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
            ("local", "aws"),
            ("eu-west-1a", "aws"),
        ] {
            assert_eq!(partition_of(&Region::parse(code).unwrap()), name, "{code}");
        }
    }
}
