//! Backends, which answer locators with documents: AWS, the Secrets Manager Agent, or a local file.

pub mod agent;
pub mod aws;
mod fan_out;
pub mod local_file;

use std::collections::BTreeSet;

use crate::model::answer::{Answers, FetchError, Fetched, Outage};
use crate::model::plan::Plan;
use crate::model::reference::Locator;
use agent::Agent;
use aws::{Aws, SetupError, UnreachableFile};
use local_file::LocalFile;

/// A backend, or a backend with a fallback.
pub enum Backend {
    Aws(Box<Aws>),
    /// The AWS Secrets Manager Agent, or Lambda's extension.
    Agent(Box<Agent>),
    /// The agent, and AWS for the locators that the agent does not answer (`--agent-fallback`).
    AgentThenAws(Box<Agent>, Box<Aws>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// Returns the errors of those locators of `plan` that the backend can never read, without any request; `None` if it supports all.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn unsupported(&mut self, plan: &Plan) -> Result<Option<Fetched>, SetupError> {
        let answers = match self {
            Self::Agent(agent) | Self::AgentThenAws(agent, _) => agent.unsupported(&plan.locators()).await?,
            Self::Aws(_) | Self::Local(_) => Answers::new(),
        };
        Ok((!answers.is_empty()).then(|| answers.into_iter().collect()))
    }

    /// Returns one answer for each of `wanted`, all of which the backend supports. Each backend does its own batching, concurrency, retries and failover.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid. The failure of one secret is no error here, but an answer.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        match self {
            Self::Aws(aws) => aws.fetch(wanted).await,
            Self::Agent(agent) => agent.fetch(wanted).await,
            Self::AgentThenAws(agent, aws) => {
                let answers = agent.fetch(wanted).await?;
                let (mut answered, unanswered): (Answers, Answers) = answers
                    .into_iter()
                    .partition(|(_, answer)| answer.as_ref().err().is_none_or(|failure| is_final(&failure.error)));
                if !unanswered.is_empty() {
                    let wanted = unanswered.iter().map(|(locator, _)| locator).collect();
                    answered.extend(aws.fetch(&wanted).await?);
                }
                Ok(answered)
            }
            Self::Local(file) => Ok(file.fetch(wanted)),
        }
    }

    /// AWS's configuration files that counted as absent, known after the first fetch.
    pub fn unreachable_files(&self) -> &[UnreachableFile] {
        match self {
            Self::Aws(aws) => aws.unreachable_files(),
            Self::Agent(agent) | Self::AgentThenAws(agent, _) => agent.unreachable_files(),
            Self::Local(_) => &[],
        }
    }
}

/// True for an error of the agent after which AWS is not tried: a denial is an answer, and a wrong clock is wrong for AWS as well.
fn is_final(error: &FetchError) -> bool {
    match error {
        FetchError::Unavailable(Outage::ClockSkew(_)) => true,
        FetchError::Unavailable(_) | FetchError::NoCredentials(_) => false,
        FetchError::NotFound { .. } | FetchError::Denied { .. } | FetchError::Refused(_) | FetchError::NoRegion => true,
    }
}
