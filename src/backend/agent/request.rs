//! The request for one secret or parameter that the agent can read.

use std::fmt;

use crate::model::reference::{Region, SecretId, Store, Version};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentRequest {
    pub store: Store,
    pub id: SecretId,
    pub version: Version,
    /// The region that the response must come from, if known. The request itself names none: the agent reads in one region.
    pub region: Option<Region>,
}

/// The name of the request in progress lines and traces.
impl fmt::Display for AgentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.store, self.id)
    }
}
