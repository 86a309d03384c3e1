//! The least-privilege IAM policy of a launch, derived from the requests that it makes, without any request.
//!
//! - `identity`: the caller or a role, the locators that it reads and the roles that it assumes.
//! - `resource_scope`: the partition, region and account of a locator, in each region where a launch may read it.
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
mod reader;
mod resource_scope;

pub use identity::UnknownRole;
pub use notice::PolicyNotice;
pub use reader::Reader;

use std::collections::BTreeSet;

use super::config::Settings;
use crate::model::options::PolicyOptions;
use crate::model::reference::Locator;
use decryption::Decryption;
use document::{PolicyDocument, StatementKind};
use grant::grants;
use identity::Identity;
use resource_scope::ResourceScopes;

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
    let identity = Identity::new(settings, locators, reader, options.for_role.as_ref())?;
    let mut scopes = ResourceScopes::new(settings, locators, &identity, options);
    let mut document = PolicyDocument::new(reader, options.describe);
    let mut decryption = Decryption::default();
    for locator in locators.iter().copied().filter(|locator| identity.reads(settings.role_of(locator))) {
        for scope in scopes.of(locator) {
            for grant in grants(locator, &scope) {
                if let Some(store) = grant.decrypted_by {
                    decryption.add(store, scope.region.clone());
                }
                document.add(grant.kind, grant.resource);
            }
        }
    }
    let mut notices = scopes.into_notices();
    document.add_decryption(decryption.statement(&options.kms_keys, &mut notices));
    for role in identity.assumed() {
        document.add(StatementKind::AssumeRoles, role.clone());
    }
    notices.extend(identity.notices(options.account.as_deref()));
    if let Reader::Agent { has_fallback, .. } = reader {
        notices.push(PolicyNotice::Agent { has_fallback });
    }
    let (text, of_document) = document.finish();
    notices.extend(of_document);
    Ok((text, notices))
}
