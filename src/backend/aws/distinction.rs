//! The distinction of requests that may have different answers, by which the cache names its entries.

use super::config::{Settings, caller};
use crate::model::reference::{Locator, Region, Role};

/// Returns the endpoint, region, role, external id, id and version of a request, and its caller; `None` without complete credentials.
///
/// The region of IMDS is that service's endpoint, since it is the same for every launch on the instance.
pub fn distinction(settings: &Settings, locator: &Locator) -> Option<Vec<String>> {
    let caller = caller(settings)?;
    let mut texts = vec![locator.store.service().to_owned()];
    texts.extend(settings.endpoints.distinction(locator.store));
    let role = settings.role_of(locator);
    let external_id = role.and_then(|Role { external_id, .. }| external_id.clone());
    let metadata = || settings.host_source.iter().find(|text| text.starts_with("AWS_EC2_METADATA")).cloned();
    let region = locator.region.as_ref().or(settings.region.as_ref()).map(Region::to_string).or_else(metadata);
    let (stage, id) = (locator.version.stage(), locator.version.id());
    let optional = [
        region,
        role.map(|role| role.arn.to_string()),
        external_id,
        Some(locator.id.to_string()),
        stage.map(str::to_owned),
        id.map(str::to_owned),
    ];
    texts.extend(optional.map(Option::unwrap_or_default));
    // The last, since their number differs.
    texts.extend(caller);
    Some(texts)
}
