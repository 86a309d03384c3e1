//! AWS's services, and where their requests go: to an endpoint that the user configured, or to one
//! of AWS's own. We build the usual host names of commercial regions ourselves. All others (FIPS,
//! dual stack, other partitions) come from the SDK's endpoint rules, whose data AWS maintains.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use http::Uri;

use crate::model::message::Placed;
use crate::model::reference::{Region, Store};
use crate::model::url::HttpUrl;
use crate::net::BoxError;

/// One of AWS's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    Store(Store),
    Sts,
    /// The portal of IAM Identity Center (SSO), which returns credentials for a role.
    Sso,
    /// The service that refreshes SSO tokens.
    SsoOidc,
}

impl Api {
    pub(super) const SECRETS_MANAGER: Self = Self::Store(Store::SecretsManager);

    /// The service's name in host names and signatures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store(store) => store.service(),
            Self::Sts => "sts",
            Self::Sso => "portal.sso",
            Self::SsoOidc => "oidc",
        }
    }
}

pub(super) const ENDPOINT_VARIABLES: [(Api, &str); 5] = [
    (Api::SECRETS_MANAGER, "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
    (Api::Store(Store::ParameterStore), "AWS_ENDPOINT_URL_SSM"),
    (Api::Sts, "AWS_ENDPOINT_URL_STS"),
    (Api::Sso, "AWS_ENDPOINT_URL_SSO"),
    (Api::SsoOidc, "AWS_ENDPOINT_URL_SSO_OIDC"),
];

/// The user's own endpoints, and whether to use AWS's FIPS and dual-stack endpoints.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The user's endpoints, by service.
    pub configured: BTreeMap<Api, Placed<HttpUrl>>,
    pub use_fips: bool,
    pub use_dual_stack: bool,
}

impl Endpoints {
    /// The user's endpoint for a service, if there is one.
    pub fn url(&self, api: Api) -> Option<&HttpUrl> {
        self.configured.get(&api).map(|endpoint| &endpoint.value)
    }

    /// The endpoints' part of a cache key. It includes the endpoint of STS, because STS provides a
    /// role's credentials. [`Aws::cache_key`](super::Aws::cache_key) adds the region.
    pub fn cache_key(&self, store: Store) -> String {
        let urls = [Api::Store(store), Api::Sts].map(|api| self.url(api).map(|url| url.text()));
        format!("{:?}", (urls, [self.use_fips, self.use_dual_stack]))
    }

    /// The URL of a service in a region. Its host may not exist.
    ///
    /// In the commercial partition, all host names have the same form (apart from FIPS and dual
    /// stack), so we build them ourselves. This saves half a million instructions, because the
    /// SDK's rules parse a table of all partitions.
    pub async fn endpoint(&self, api: Api, region: &Region) -> Result<Uri, BoxError> {
        if let Some(url) = self.url(api) {
            return Ok(url.uri().clone());
        }
        if self.use_fips || self.use_dual_stack || !region.is_commercial() {
            return self.endpoint_by_rules(api, region).await;
        }
        let url = format!("https://{}.{region}.amazonaws.com/", api.name());
        Ok(url.parse()?)
    }

    /// AWS's own endpoint by the SDK's rules. Only Secrets Manager has its own set of rules. Other
    /// services use the rules for STS, with `sts` replaced by the service's name.
    async fn endpoint_by_rules(&self, api: Api, region: &Region) -> Result<Uri, BoxError> {
        macro_rules! by_rules {
            ($sdk:ident) => {{
                use $sdk::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
                let parameters = Params::builder()
                    .region(region.as_str())
                    .use_fips(self.use_fips)
                    .use_dual_stack(self.use_dual_stack)
                    .build()?;
                DefaultResolver::new().resolve_endpoint(&parameters).await?
            }};
        }
        if api == Api::SECRETS_MANAGER {
            return Ok(by_rules!(aws_sdk_secretsmanager).url().parse()?);
        }
        let own_start = format!("https://{}", api.name());
        let endpoint = by_rules!(aws_sdk_sts);
        let url = endpoint.url().replacen("https://sts", &own_start, 1);
        Ok(url.parse()?)
    }
}

/// AWS's own host name, such as `sts.us-east-1.amazonaws.com`.
pub(super) fn aws_host(api: Api, region: &Region) -> Option<String> {
    // The SDK's rules do no I/O, so the future is ready immediately.
    let endpoint = Endpoints::default().endpoint(api, region).now_or_never();
    endpoint?.ok()?.host().map(str::to_owned)
}
