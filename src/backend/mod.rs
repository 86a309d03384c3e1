//! Locators to documents: AWS itself, its agent, or a local file.

pub mod agent;
pub mod aws;
mod fan_out;
pub mod local_file;

use std::collections::BTreeSet;

use crate::model::answer::{Answers, FetchError, Outage};
use crate::model::reference::Locator;
use agent::Agent;
use aws::{Aws, SetupError};
use local_file::LocalFile;

/// A backend, or one around others.
pub enum Backend {
    Aws(Box<Aws>),
    /// The AWS Secrets Manager Agent, or Lambda's extension.
    Agent(Box<Agent>),
    /// The agent, and AWS for what the agent does not answer (`--agent-fallback`).
    AgentThenAws(Box<Agent>, Box<Aws>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// Answers every one of `wanted`. Batching, concurrency, retries and failover are the backend's business.
    ///
    /// # Errors
    /// When AWS's configuration files are wrong, so that nothing can be asked. The failure of one secret is that secret's answer.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        match self {
            Self::Aws(aws) => aws.fetch(wanted).await,
            Self::Agent(agent) => agent.fetch(wanted).await,
            Self::AgentThenAws(agent, aws) => {
                let answers = agent.fetch(wanted).await?;
                let (mut answered, unanswered): (Answers, Answers) = answers.into_iter().partition(|(_, answer)| {
                    answer.as_ref().err().is_none_or(|failure| is_about_the_secret(&failure.error))
                });
                if !unanswered.is_empty() {
                    let wanted = unanswered.iter().map(|(locator, _)| locator).collect();
                    answered.extend(aws.fetch(&wanted).await?);
                }
                Ok(answered)
            }
            Self::Local(file) => Ok(file.fetch(wanted)),
        }
    }
}

/// True if the agent has answered for the secret, so that AWS is not asked: a denial is an answer. A wrong clock is wrong for AWS,
/// too.
fn is_about_the_secret(error: &FetchError) -> bool {
    match error {
        FetchError::Unavailable(Outage::ClockSkew(_)) => true,
        FetchError::Unavailable(_) | FetchError::NoCredentials(_) => false,
        FetchError::NotFound { .. } | FetchError::Denied { .. } | FetchError::Refused(_) | FetchError::NoRegion => true,
    }
}
