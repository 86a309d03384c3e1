//! A locator that the agent can read.

use crate::model::reference::{Region, SecretId, Store, Version};

/// A request to the agent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentRequest {
    pub store: Store,
    pub id: SecretId,
    pub version: Version,
    /// The region that the answer must come from, if known. The agent itself reads in one region.
    pub region: Option<Region>,
}
