//! Where secrets come from; the only module that names the SDK.

pub mod agent;
pub mod aws;
pub mod local_file;

use std::collections::BTreeSet;

use crate::model::answer::Answers;
use crate::model::reference::Locator;
use crate::time::deadline::Deadline;
use agent::Agent;
use aws::{Aws, SetupError};
use local_file::LocalFile;

/// A source of documents.
pub enum Source {
    /// AWS itself.
    Aws(Box<Aws>),
    /// The AWS Secrets Manager Agent, or Lambda's extension.
    Agent(Box<Agent>),
    /// A file of `--local`.
    Local(LocalFile),
}

impl Source {
    /// The time that the source has, if it can take any.
    pub fn deadline(&self) -> Option<&Deadline> {
        match self {
            Self::Aws(aws) => Some(aws.deadline()),
            Self::Agent(agent) => Some(agent.deadline()),
            Self::Local(_) => None,
        }
    }

    /// Answers every one of `wanted`. Batching, concurrency, retries and partial failure are the source's business.
    ///
    /// # Errors
    /// Only when nothing can be asked at all; the failure of one secret is that secret's answer.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        match self {
            Self::Aws(aws) => aws.fetch(wanted).await,
            Self::Agent(agent) => agent.fetch(wanted).await,
            Self::Local(file) => Ok(file.fetch(wanted)),
        }
    }
}
