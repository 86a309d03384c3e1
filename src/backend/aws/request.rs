//! A locator whose region and role are settled.

use super::arn_scope::ArnScope;
use crate::model::reference::{Region, Role, SecretId, Store, Version};

/// One version of one secret or parameter, the region it belongs to and the role to read it with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRequest {
    pub region: Region,
    pub role: Option<Role>,
    pub store: Store,
    pub id: SecretId,
    pub version: Version,
}

impl SecretRequest {
    /// The id of the secret, or of its replica in a fallback region.
    pub fn id_in(&self, region: &Region) -> SecretId {
        self.id.in_region(region)
    }

    /// The region and account that the ARN of an answer from `region` must have.
    pub fn scope_in(&self, region: &Region) -> ArnScope {
        ArnScope::asked(&self.id, self.role.as_ref(), Some(region))
    }
}
