//! The least-privilege IAM policy of a launch, derived from the requests that it makes, without any request.
//!
//! - `identity`: the caller or a role, the locators that it reads and the roles that it assumes.
//! - `place`: the partition, region and account of a locator, in each region where a launch may read it.
//! - `grant`: the actions and resources of one request.
//! - `decryption`: KMS keys, limited to the services that use them for the identity.
//! - `reader`: the client that sends the requests.
//! - `document`: the statements, as JSON.
//! - `notice`: what the policy cannot say, or says more widely than the requests are.

mod decryption;
mod document;
mod grant;
mod identity;
mod notice;
mod place;
mod reader;

pub use identity::UnknownRole;
pub use notice::PolicyNotice;
pub use reader::Reader;

use std::collections::BTreeSet;

use super::config::Settings;
use crate::model::options::PolicyOptions;
use crate::model::reference::Locator;
use decryption::Decryption;
use document::{Document, Kind};
use grant::grants;
use identity::Identity;
use place::Places;

/// Returns the policy as JSON, and the notices about it. `settings` include the profile's.
///
/// # Errors
/// When the role whose policy is wanted is not used.
pub fn policy(
    settings: &Settings,
    locators: &BTreeSet<&Locator>,
    reader: Reader,
    options: &PolicyOptions,
) -> Result<(String, Vec<PolicyNotice>), UnknownRole> {
    let identity = Identity::new(settings, locators, options.for_role.as_ref())?;
    let mut places = Places::new(settings, locators, &identity, options);
    let mut document = Document::new(reader, options.describe);
    let mut decryption = Decryption::default();
    for locator in locators.iter().copied().filter(|locator| identity.reads(settings.role_of(locator))) {
        for place in places.of(locator) {
            for grant in grants(locator, &place) {
                if let Some(store) = grant.decrypted_by {
                    decryption.add(store, place.region.clone());
                }
                document.add(grant.kind, grant.resource);
            }
        }
    }
    let mut notices = places.into_notices();
    document.add_decryption(decryption.statement(&options.kms_keys, &mut notices));
    for role in identity.assumed() {
        document.add(Kind::AssumeRoles, role.clone());
    }
    notices.extend(identity.notices());
    if let Reader::Agent { has_fallback, .. } = reader {
        notices.push(PolicyNotice::Agent { has_fallback });
    }
    let (text, of_document) = document.finish();
    notices.extend(of_document);
    Ok((text, notices))
}
