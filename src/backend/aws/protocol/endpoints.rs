//! Endpoints: those that are configured, and AWS's own for each service, region, FIPS and dual stack.

use http::Uri;

use super::partitions::commercial_host;
use crate::model::reference::{Region, Store};
use crate::model::url::HttpUrl;
use crate::net::errors::BoxError;

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Store(Store),
    Sts,
}

impl Api {
    /// The service's name in host names and in signatures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store(store) => store.service(),
            Self::Sts => "sts",
        }
    }

    /// The region in a signature. Requests to the global endpoint of STS are signed for us-east-1.
    pub fn signing_region(self, region: &Region) -> &str {
        match (self, region.as_str()) {
            (Self::Sts, "aws-global") => "us-east-1",
            (_, region) => region,
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
    pub secrets_manager: Endpoint,
    pub parameter_store: Endpoint,
    pub sts: Endpoint,
    /// AWS_USE_FIPS_ENDPOINT, else the profile's.
    pub use_fips: Option<bool>,
    /// AWS_USE_DUALSTACK_ENDPOINT, else the profile's.
    pub use_dual_stack: Option<bool>,
}

/// The configured endpoints of one service.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// `--endpoint-url`, which is never ignored.
    pub option: Option<HttpUrl>,
    /// A variable's, else the profile's.
    pub configured: Option<HttpUrl>,
}

impl Endpoints {
    fn configured(&self, api: Api) -> Option<&HttpUrl> {
        let endpoint = match api {
            Api::Store(Store::SecretsManager) => &self.secrets_manager,
            Api::Store(Store::ParameterStore) => &self.parameter_store,
            Api::Sts => &self.sts,
        };
        let configured = endpoint.configured.as_ref().filter(|_| self.ignored != Some(true));
        endpoint.option.as_ref().or(configured)
    }

    /// Returns texts that differ if requests of a store, or those for credentials, go to other endpoints.
    pub fn distinction(&self, store: Store) -> Vec<String> {
        let configured = [self.configured(store.into()), self.configured(Api::Sts)];
        let configured = configured.map(|url| url.map(ToString::to_string).unwrap_or_default());
        let special = [self.use_fips, self.use_dual_stack].map(|flag| (flag == Some(true)).to_string());
        configured.into_iter().chain(special).collect()
    }
}

/// Returns the endpoint of a service for a region.
///
/// # Errors
/// When there is none: by the SDK's rules FIPS excludes a configured endpoint, for example.
pub async fn find_endpoint(endpoints: &Endpoints, api: Api, region: &Region) -> Result<Uri, BoxError> {
    let is_special = endpoints.use_fips == Some(true) || endpoints.use_dual_stack == Some(true);
    let configured = endpoints.configured(api);
    match (configured, commercial_host(api.name(), region)) {
        (Some(url), _) if !is_special => Ok(url.uri().clone()),
        (None, Some(host)) if !is_special => {
            Ok(Uri::builder().scheme("https").authority(host).path_and_query("/").build()?)
        }
        _ => Ok(resolve_by_rules(endpoints, api, region, configured).await?.parse()?),
    }
}

/// Resolves an endpoint by the SDK's rules. Those of Parameter Store equal those of STS except for the service's name.
async fn resolve_by_rules(
    endpoints: &Endpoints,
    api: Api,
    region: &Region,
    configured: Option<&HttpUrl>,
) -> Result<String, BoxError> {
    let (fips, dual_stack) = (endpoints.use_fips, endpoints.use_dual_stack);
    let (region, configured) = (region.as_str(), configured.map(HttpUrl::to_string));
    if api == Api::Store(Store::SecretsManager) {
        use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
        let parameters = Params::builder().region(region).set_endpoint(configured);
        let parameters = parameters.set_use_fips(fips).set_use_dual_stack(dual_stack).build()?;
        return Ok(DefaultResolver::new().resolve_endpoint(&parameters).await?.url().to_owned());
    }
    use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
    let parameters = Params::builder().region(region).set_endpoint(configured);
    let parameters = parameters.set_use_fips(fips).set_use_dual_stack(dual_stack).build()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&parameters).await?;
    Ok(endpoint.url().replacen("https://sts", &format!("https://{}", api.name()), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGIONS: [&str; 17] = [
        "us-east-1",
        "eu-central-1",
        "ap-southeast-5",
        "il-central-1",
        "mx-central-1",
        "us-gov-west-1",
        "us-gov-east-1",
        "cn-north-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "us-isof-south-1",
        "eusc-de-east-1",
        "us-nowhere-12",
        "xx-west-1",
        "local",
        "eu-west-1a",
    ];
    const SWITCHES: [Option<bool>; 3] = [None, Some(false), Some(true)];

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn the_signing_region_of_sts_is_that_of_the_sdk() {
        use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
        for region in REGIONS.iter().chain(&["aws-global"]) {
            let parameters = Params::builder().region(*region).build().unwrap();
            let endpoint = block_on(DefaultResolver::new().resolve_endpoint(&parameters)).unwrap();
            let scheme = endpoint.auth_schemes().first();
            let sdk = scheme.and_then(|scheme| scheme.get("signingRegion")?.as_string());
            let region = Region::parse(region).unwrap();
            assert_eq!(Api::Sts.signing_region(&region), sdk.unwrap_or(region.as_str()));
        }
    }

    fn found(api: Api, region: &str, fips: Option<bool>, dual_stack: Option<bool>) -> Option<String> {
        let endpoints = Endpoints { use_fips: fips, use_dual_stack: dual_stack, ..Endpoints::default() };
        let found = block_on(find_endpoint(&endpoints, api, &Region::parse(region).unwrap()));
        found.ok().map(|uri| uri.to_string())
    }

    /// The endpoint that the SDK's own client of a service uses.
    macro_rules! of_sdk {
        ($sdk:ident, $region:expr, $fips:expr, $dual_stack:expr) => {{
            use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let parameters =
                Params::builder().region($region).set_use_fips($fips).set_use_dual_stack($dual_stack).build().unwrap();
            let found = block_on(DefaultResolver::new().resolve_endpoint(&parameters));
            found.ok().map(|endpoint| format!("{}/", endpoint.url()))
        }};
    }

    #[test]
    fn endpoints_are_those_of_the_sdk() {
        for region in REGIONS {
            for fips in SWITCHES {
                for dual_stack in SWITCHES {
                    let case = format!("{region}, FIPS {fips:?}, dual stack {dual_stack:?}");
                    let own = |api| found(api, region, fips, dual_stack);
                    let sdk = of_sdk!(aws_sdk_secretsmanager, region, fips, dual_stack);
                    assert_eq!(own(Api::Store(Store::SecretsManager)), sdk, "{case}");
                    assert_eq!(own(Api::Sts), of_sdk!(aws_sdk_sts, region, fips, dual_stack), "{case}");
                }
            }
        }
    }

    /// The endpoints of aws-sdk-ssm 1.133.0, which is no dependency. For all of `REGIONS` its rules equal those of STS.
    #[test]
    fn parameter_store_has_its_own_host_names() {
        for (region, fips, dual_stack, host) in [
            ("us-east-1", false, false, "ssm.us-east-1.amazonaws.com"),
            ("us-east-1", true, false, "ssm-fips.us-east-1.amazonaws.com"),
            ("us-east-1", false, true, "ssm.us-east-1.api.aws"),
            ("us-east-1", true, true, "ssm-fips.us-east-1.api.aws"),
            ("us-gov-west-1", true, false, "ssm.us-gov-west-1.amazonaws.com"),
            ("us-gov-east-1", false, true, "ssm.us-gov-east-1.api.aws"),
            ("cn-north-1", false, false, "ssm.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", true, false, "ssm-fips.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", false, false, "ssm.us-iso-east-1.c2s.ic.gov"),
            ("eusc-de-east-1", false, false, "ssm.eusc-de-east-1.amazonaws.eu"),
        ] {
            let url = found(Api::Store(Store::ParameterStore), region, Some(fips), Some(dual_stack));
            assert_eq!(url, Some(format!("https://{host}/")));
        }
    }
}
