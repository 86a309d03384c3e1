//! Endpoints: configured ones, and AWS's own for each service, region, FIPS and dual stack.
//!
//! The hosts of the commercial partition follow a pattern. For hosts in other partitions the SDK's rules are used, which parse a table of all
//! partitions at the cost of half a million instructions, and do not tell a partition's name.

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
    /// The portal that gives the credentials of a role.
    Sso,
    /// The service that refreshes the tokens of SSO.
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

    /// The service's name in host names and in signatures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store(store) => store.service(),
            Self::Sts => "sts",
            Self::Sso => "portal.sso",
            Self::SsoOidc => "oidc",
        }
    }

    /// The variable of its endpoint, and its name in a `services` section.
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

/// The configured endpoints, and the choice among AWS's own.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// True if endpoints of variables and profiles are ignored: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, else the profile's.
    pub ignored: Option<bool>,
    /// `--endpoint-url`, Secrets Manager's, which is never ignored.
    pub option: Option<HttpUrl>,
    /// A variable's, else the profile's, each with the setting's name.
    pub configured: BTreeMap<Api, (&'static str, HttpUrl)>,
    /// AWS_USE_FIPS_ENDPOINT, else the profile's.
    pub use_fips: Option<bool>,
    /// AWS_USE_DUALSTACK_ENDPOINT, else the profile's.
    pub use_dual_stack: Option<bool>,
}

impl Endpoints {
    pub fn configured(&self, api: Api) -> Option<&HttpUrl> {
        self.setting(api).map(|(_, url)| url)
    }

    /// Returns the configured endpoint of a service, and the option, variable or key that has its URL.
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

    /// Returns a text that differs if requests to a store, or for credentials, go to other endpoints.
    pub fn distinction(&self, store: Store) -> String {
        let configured =
            [store.into(), Api::Sts].map(|api| self.configured(api).map(HttpUrl::as_str));
        format!(
            "{:?}",
            (
                configured,
                [self.use_fips, self.use_dual_stack].map(|flag| flag == Some(true))
            )
        )
    }
}

/// Returns the endpoint of a service for a region.
///
/// # Errors
/// When AWS doesn't have such an endpoint in the region, or when both FIPS and an endpoint are configured.
pub async fn find_endpoint(
    endpoints: &Endpoints,
    api: Api,
    region: &Region,
) -> Result<Uri, BoxError> {
    let is_special = endpoints.use_fips == Some(true) || endpoints.use_dual_stack == Some(true);
    let configured = endpoints.configured(api);
    if configured.is_some() && endpoints.use_fips == Some(true) {
        // The SDK's rules refuse it, too, but name no setting.
        let (variable, _) = api.endpoint_setting();
        return Err(format!(
            "AWS_USE_FIPS_ENDPOINT (or the profile's use_fips_endpoint) cannot be combined with an endpoint of your own \
             ({variable}, AWS_ENDPOINT_URL, the profile's endpoint_url or, for Secrets Manager, --endpoint-url)"
        )
        .into());
    }
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

/// Returns AWS's own host of a service in a region.
pub fn own_host(api: Api, region: &Region) -> Option<String> {
    // The rules wait for nothing.
    let endpoint = find_endpoint(&Endpoints::default(), api, region)
        .now_or_never()?
        .ok()?;
    endpoint.host().map(str::to_owned)
}

/// Resolves an endpoint by the SDK's rules. Parameter Store and SSO have STS's rules except for the service's name.
async fn resolve_by_rules(
    endpoints: &Endpoints,
    api: Api,
    region: &Region,
    configured: Option<&HttpUrl>,
) -> Result<String, BoxError> {
    /// The endpoint by the rules of a service's crate.
    macro_rules! by_rules {
        ($sdk:ident) => {{
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let parameters = Params::builder()
                .region(region.as_str())
                .set_endpoint(configured.map(HttpUrl::to_string));
            let parameters = parameters
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

/// The first part of the regions' codes in the commercial partition.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

/// The names of the other partitions in ARNs, by the part of a region's code before its direction and number.
const OTHERS: [(&str, &str); 7] = [
    ("cn", "aws-cn"),
    ("us-gov", "aws-us-gov"),
    ("us-iso", "aws-iso"),
    ("us-isob", "aws-iso-b"),
    ("eu-isoe", "aws-iso-e"),
    ("us-isof", "aws-iso-f"),
    ("eusc-de", "aws-eusc"),
];

/// Returns the host of a service, if `region` is in the commercial partition.
fn commercial_host(service: &str, region: &Region) -> Option<String> {
    let is_commercial = region.area().is_some_and(|area| AREAS.contains(&area));
    is_commercial.then(|| format!("{service}.{region}.amazonaws.com"))
}

/// Returns the name of a region's partition in ARNs. A code of another form counts as commercial.
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
