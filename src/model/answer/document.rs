//! A document: the value of one version of a secret or parameter, and what the backend returned with it.

use std::time::{Duration, SystemTime};

use super::fetch_error::FetchFailure;
use super::outage::Outage;
use crate::model::reference::Region;
use crate::model::secret_value::SecretValue;

/// A version of a secret or parameter.
#[derive(Debug, Default)]
pub struct Document {
    pub body: SecretValue,
    /// `None` for a local file.
    pub version_id: Option<String>,
    /// The staging labels of the version, or the labels of a parameter.
    pub stages: Vec<String>,
    /// The time at which the version was created; `None` if the answer does not say it.
    pub created: Option<SystemTime>,
    /// The region that it was read from; `None` for a local file.
    pub region: Option<Region>,
    /// The regions that were tried before, with `--fallback-region`.
    pub passed_over: Vec<PassedOver>,
    /// The cache's part in it; `None` if AWS answered.
    pub cached: Option<CachedAnswer>,
    /// Of a path, the parameters below it, each with the rest of its name; the body is empty then.
    pub parameters: Vec<(String, Document)>,
}

impl Document {
    /// Copies the document. `SecretValue` is not `Clone`, so that no value is copied by accident.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self {
            body: SecretValue::new(self.body.expose()),
            version_id: self.version_id.clone(),
            stages: self.stages.clone(),
            created: self.created,
            region: self.region.clone(),
            passed_over: self.passed_over.clone(),
            cached: self.cached.clone(),
            parameters: self
                .parameters
                .iter()
                .map(|(name, document)| (name.clone(), document.copy()))
                .collect(),
        }
    }

    /// Returns the parameter with this rest of its name, or else the document itself, unless it is a path, which has no version.
    pub fn part(&self, parameter_name: Option<&str>) -> Option<&Self> {
        match parameter_name {
            Some(name) => self
                .parameters
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, parameter)| parameter),
            None => Some(self).filter(|document| document.parameters.is_empty()),
        }
    }

    /// Returns a document without version, labels, time and region.
    pub fn new(body: SecretValue) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }
}

/// An unavailable region, after which another was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    pub region: Region,
    pub outage: Outage,
}

/// An answer from the cache of `--cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedAnswer {
    /// The time since AWS gave the answer.
    pub age: Duration,
    /// The failure that the answer covers; `None` for an answer younger than `--cache-ttl`.
    pub covers: Option<FetchFailure>,
}
