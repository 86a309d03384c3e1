//! Where a service is, before there is anything to send to it.

use http::Uri;

use super::settings::Settings;
use crate::reference::{Region, Store};

/// The address that the SDK will send its requests to; none when it cannot be known yet, which costs only time.
pub(super) async fn find(settings: &Settings, store: Store, region: &Region) -> Option<Uri> {
    let endpoints = &settings.endpoints;
    let configured = match store {
        Store::SecretsManager => endpoints.of(&endpoints.secrets_manager),
        Store::ParameterStore => endpoints.of(&endpoints.parameter_store),
    };
    if let Some(url) = configured {
        return url.parse().ok();
    }
    let (region, fips, dual_stack) = (region.as_str(), settings.use_fips, settings.use_dual_stack);
    let endpoint = match store {
        Store::SecretsManager => {
            use aws_sdk_secretsmanager::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let params = Params::builder().region(region).set_use_fips(fips).set_use_dual_stack(dual_stack).build();
            DefaultResolver::new().resolve_endpoint(&params.ok()?).await
        }
        Store::ParameterStore => {
            use aws_sdk_ssm::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
            let params = Params::builder().region(region).set_use_fips(fips).set_use_dual_stack(dual_stack).build();
            DefaultResolver::new().resolve_endpoint(&params.ok()?).await
        }
    };
    endpoint.ok()?.url().parse().ok()
}
