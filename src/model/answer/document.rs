//! What the sources answered: for each locator a document, or why there is none.

use super::fetch_error::Outage;
use crate::model::reference::Region;
use crate::model::secret_value::SecretValue;

/// One version of a secret.
#[derive(Debug)]
pub struct Document {
    /// The secret's text or bytes.
    pub body: SecretValue,
    /// The version's id; a local file has none.
    pub version_id: Option<String>,
    /// The staging labels of that version.
    pub stages: Vec<String>,
    /// Where it was read; a local file has no region.
    pub region: Option<Region>,
    /// The regions that were asked before and did not answer.
    pub passed_over: Vec<PassedOver>,
}

impl Document {
    /// Another one, for another locator: a value is never copied by accident.
    #[must_use]
    pub fn copy(&self) -> Self {
        let Self { body, version_id, stages, region, passed_over } = self;
        Self {
            body: SecretValue::new(body.expose()),
            version_id: version_id.clone(),
            stages: stages.clone(),
            region: region.clone(),
            passed_over: passed_over.clone(),
        }
    }

    /// A value of which nothing else is known.
    pub fn new(body: SecretValue) -> Self {
        Self { body, version_id: None, stages: Vec::new(), region: None, passed_over: Vec::new() }
    }
}

/// A region that failed for reasons of its own, so that another was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The region.
    pub region: Region,
    /// How it failed.
    pub outage: Outage,
}
