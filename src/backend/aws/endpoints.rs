//! AWS's services, and where their requests go: to an endpoint that the user configures, or to one
//! of AWS's own. We build the usual host of a commercial region ourselves. The SDK's endpoint rules
//! decide about all other hosts (FIPS, dual stack, other partitions), because AWS maintains the
//! data of these rules.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use http::Uri;

use crate::model::place::Placed;
use crate::model::reference::{Region, Store};
use crate::model::url::HttpUrl;
use crate::net::BoxError;

/// One of AWS's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    Store(Store),
    Sts,
    /// The portal of IAM Identity Center, which returns the credentials of a role.
    Sso,
    /// The service that refreshes SSO tokens.
    SsoOidc,
}

impl Api {
    pub(super) const SECRETS_MANAGER: Self = Self::Store(Store::SecretsManager);

    /// The name of the service in host names and in signatures.
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

/// The endpoints that the user configures, and which of AWS's own endpoints to use.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The user's endpoints.
    pub configured: BTreeMap<Api, Placed<HttpUrl>>,
    pub use_fips: bool,
    pub use_dual_stack: bool,
}

impl Endpoints {
    /// The endpoint that the user configures for a service, if any.
    pub fn url(&self, api: Api) -> Option<&HttpUrl> {
        self.configured.get(&api).map(|endpoint| &endpoint.value)
    }

    /// The part of a cache key that comes from the endpoint settings: the endpoints of this store
    /// and of STS (which provides the credentials of a role), and whether FIPS and dual stack are
    /// used. [`Aws::cache_key`](super::Aws::cache_key) adds the region.
    pub fn cache_key(&self, store: Store) -> String {
        let urls = [Api::Store(store), Api::Sts].map(|api| self.url(api).map(|url| url.text()));
        format!("{:?}", (urls, [self.use_fips, self.use_dual_stack]))
    }

    /// Finds the endpoint of a service in a region: the one that the user configures, or AWS's.
    ///
    /// We build the URL of a host in the commercial partition without the SDK's endpoint rules,
    /// because every host there has the same form. This saves half a million instructions: the
    /// rules parse a table of all partitions. Doesn't check whether the region exists.
    ///
    /// # Errors
    /// If the SDK's endpoint rules don't have such an endpoint.
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

    /// Finds an endpoint of AWS with the SDK's rules. Secrets Manager has its own rules. For any
    /// other service, the rules of STS are used, and the service's name replaces `sts`.
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

/// AWS's own host for a service in a region, if there is one.
pub(super) fn aws_host(api: Api, region: &Region) -> Option<String> {
    // The SDK's endpoint rules do no I/O, so the future is ready at once.
    let endpoint = Endpoints::default().endpoint(api, region).now_or_never();
    endpoint?.ok()?.host().map(str::to_owned)
}
