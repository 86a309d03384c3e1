//! AWS itself: each distinct request once, in its region and with its role, many at once.

use crate::model::reference::{Region, Role, SecretId, Store, Version};

/// What is asked for: a locator whose region and role are settled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    pub region: Region,
    pub role: Option<Role>,
    pub store: Store,
    pub id: SecretId,
    pub version: Version,
}

impl Request {
    /// The id as it is asked for in a region: an ARN names its own.
    pub fn id_in(&self, region: &Region) -> String {
        self.id.in_region(region)
    }
}
