//! Where AWS's services are.

use http::Uri;

use super::partitions::is_commercial;
use crate::backend::aws::config::Settings;
use crate::model::reference::{Region, Store};
use crate::net::errors::BoxError;

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    SecretsManager,
    ParameterStore,
    Sts,
}

impl Api {
    /// As hosts are called, and as signatures name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
            Self::Sts => "sts",
        }
    }

    /// What a signature says where `region` is asked. STS, asked for the whole world, is in Virginia.
    pub fn signing_region(self, region: &Region) -> &str {
        match (self, region.as_str()) {
            (Self::Sts, "aws-global") => "us-east-1",
            (_, region) => region,
        }
    }
}

impl From<Store> for Api {
    fn from(store: Store) -> Self {
        match store {
            Store::SecretsManager => Self::SecretsManager,
            Store::ParameterStore => Self::ParameterStore,
        }
    }
}

/// The address that requests for a region are sent to.
pub async fn find(settings: &Settings, api: Api, region: &Region) -> Result<Uri, BoxError> {
    let endpoints = &settings.endpoints;
    let endpoint = match api {
        Api::SecretsManager => &endpoints.secrets_manager,
        Api::ParameterStore => &endpoints.parameter_store,
        Api::Sts => &endpoints.sts,
    };
    let configured = endpoints.of(endpoint);
    let is_special = settings.use_fips == Some(true) || settings.use_dual_stack == Some(true);
    let url = match configured {
        Some(url) if !is_special => url.to_owned(),
        None if !is_special && is_commercial(region.as_str()) => {
            format!("https://{}.{}.amazonaws.com", api.name(), region.as_str())
        }
        _ => by_rules(settings, api, region, configured).await?,
    };
    Ok(url.parse()?)
}

/// By the SDK's own rules. Parameter Store's are those of STS, under another name.
async fn by_rules(
    settings: &Settings,
    api: Api,
    region: &Region,
    configured: Option<&str>,
) -> Result<String, BoxError> {
    let (fips, dual_stack) = (settings.use_fips, settings.use_dual_stack);
    let (region, configured) = (region.as_str(), configured.map(str::to_owned));
    if api == Api::SecretsManager {
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
    use crate::model::inherited::Inherited;
    use crate::model::options::Options;

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
    fn sts_for_the_whole_world_is_signed_as_the_sdk_signs_it() {
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
        let mut settings = Settings::new(&Options::default(), &Inherited::new([].into_iter())).unwrap();
        (settings.use_fips, settings.use_dual_stack) = (fips, dual_stack);
        let found = block_on(find(&settings, api, &Region::parse(region).unwrap()));
        found.ok().map(|uri| uri.to_string())
    }

    /// The address that the SDK's own client of a service asks.
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
    fn services_are_where_the_sdk_has_them() {
        for region in REGIONS {
            for fips in SWITCHES {
                for dual_stack in SWITCHES {
                    let case = format!("{region}, FIPS {fips:?}, dual stack {dual_stack:?}");
                    let own = |api| found(api, region, fips, dual_stack);
                    let sdk = of_sdk!(aws_sdk_secretsmanager, region, fips, dual_stack);
                    assert_eq!(own(Api::SecretsManager), sdk, "{case}");
                    assert_eq!(own(Api::Sts), of_sdk!(aws_sdk_sts, region, fips, dual_stack), "{case}");
                }
            }
        }
    }

    /// As the rules of SSM have it (aws-sdk-ssm 1.133.0), which nothing here brings along. In all of `REGIONS` they are those
    /// of STS.
    #[test]
    fn parameter_store_has_its_own_names() {
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
            let url = found(Api::ParameterStore, region, Some(fips), Some(dual_stack));
            assert_eq!(url, Some(format!("https://{host}/")));
        }
    }
}

/// Where services are asked that are not asked where AWS has them.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// Whether what variables and profiles say of endpoints does not count: AWS_IGNORE_CONFIGURED_ENDPOINT_URLS, else the profile's.
    pub ignored: Option<bool>,
    pub secrets_manager: Endpoint,
    pub parameter_store: Endpoint,
    pub sts: Endpoint,
}

/// What is said of one service's endpoint, the more telling first.
#[derive(Clone, Debug, Default)]
pub struct Endpoint {
    /// An option, which always counts.
    pub option: Option<String>,
    /// A variable, else a profile.
    pub configured: Option<String>,
}

impl Endpoints {
    /// The endpoint that counts, if AWS's own does not.
    pub fn of<'a>(&self, endpoint: &'a Endpoint) -> Option<&'a str> {
        let configured = endpoint.configured.as_deref().filter(|_| self.ignored != Some(true));
        endpoint.option.as_deref().or(configured)
    }
}
