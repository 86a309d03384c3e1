//! The request for one secret or parameter: a locator with its region and role.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::model::answer::{Document, FetchError};
use crate::model::reference::{Region, Role, SecretId, Store, Version};

/// A version of a secret or parameter, its own region, and the role to read it with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretRequest {
    pub region: Region,
    pub role: Option<Role>,
    pub store: Store,
    pub id: SecretId,
    pub version: Version,
}

/// The requests that are given up after a time that is shorter than the deadline.
#[derive(Default)]
pub struct Limited {
    pub requests: BTreeSet<SecretRequest>,
    pub limit: Duration,
}

impl Limited {
    /// The roles of `requests`, each with the limit if only limited requests need it.
    pub fn roles(&self, requests: &[SecretRequest]) -> BTreeMap<Role, Option<Duration>> {
        let mut roles = BTreeMap::new();
        for request in requests {
            let Some(role) = &request.role else { continue };
            let limit = self.requests.contains(request).then_some(self.limit);
            roles.entry(role.clone()).and_modify(|all: &mut Option<Duration>| *all = all.and(limit)).or_insert(limit);
        }
        roles
    }

    /// The limit of a batch, all of whose requests have one or none of them.
    pub fn of(&self, batch: &[SecretRequest]) -> Option<Duration> {
        batch.iter().any(|request| self.requests.contains(request)).then_some(self.limit)
    }
}

/// The sources that have answered on this host, as the cache shows, and are unavailable when they cannot be reached.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownHost {
    /// The region is one of IMDS, if it is not configured.
    pub region: bool,
    /// The credentials are those of IMDS, if none are configured.
    pub credentials: bool,
}

/// A request and its result in one region.
pub type RegionResult = (SecretRequest, Result<Document, FetchError>);

/// The name of the request in progress lines and traces.
impl fmt::Display for SecretRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_path() {
            return write!(f, "parameters below {} in {}", self.id, self.region);
        }
        write!(f, "{} {} in {}", self.store, self.id, self.region)
    }
}

impl SecretRequest {
    /// The id of the secret, or of its replica in a fallback region.
    pub fn id_in(&self, region: &Region) -> SecretId {
        self.id.in_region(region)
    }

    /// True for the path of all parameters below it.
    pub fn is_path(&self) -> bool {
        self.id.is_path(self.store)
    }
}
