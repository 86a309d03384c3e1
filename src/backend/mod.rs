//! Backends, which answer locators with documents: AWS, the Secrets Manager Agent, or a local file.

pub mod agent;
pub mod aws;
pub mod cached;
mod fan_out;
pub mod local_file;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::answer::{Answer, Answers, Denial, DescribedSecret, FetchError, Fetched, Missing, Outage, Refusal};
use crate::model::plan::Plan;
use crate::model::reference::{Locator, Store};
use agent::Agent;
use aws::{Aws, SetupError, UnreachableFile};
use cached::{CacheNotice, Cached};
use local_file::LocalFile;

/// A backend, or a backend with a fallback.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS with the cache of `--cache`.
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent.
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
            Self::Aws(_) | Self::Cached(_) | Self::Local(_) => Answers::new(),
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
            Self::Cached(cached) => cached.fetch(wanted).await,
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

    /// Describes each secret that Secrets Manager has answered for. Neither the agent nor a local file describes any.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn describe(&mut self, fetched: &Fetched) -> Result<Vec<DescribedSecret>, SetupError> {
        let is_known = |(locator, answer): &(&Locator, &Answer)| {
            locator.store == Store::SecretsManager
                && answer.as_ref().err().is_none_or(|failure| is_about_the_secret(&failure.error))
        };
        let wanted = fetched.iter().filter(is_known).map(|(locator, answer)| {
            let region = answer.as_ref().ok().and_then(|document| document.region.clone());
            (locator, region)
        });
        match self {
            Self::Aws(aws) | Self::AgentThenAws(_, aws) => aws.describe(wanted.collect()).await,
            Self::Cached(cached) => cached.aws().describe(wanted.collect()).await,
            Self::Agent(_) | Self::Local(_) => Ok(Vec::new()),
        }
    }

    /// Closes the connections between two polls, and keeps the credentials. `None` for a local file, which is read again.
    #[must_use]
    pub fn rest(self) -> Option<Self> {
        Some(match self {
            Self::Aws(aws) => Self::Aws(Box::new(aws.rest())),
            Self::Cached(cached) => Self::Cached(Box::new(cached.rest())),
            Self::Agent(agent) => Self::Agent(Box::new(agent.rest())),
            Self::AgentThenAws(agent, aws) => Self::AgentThenAws(Box::new(agent.rest()), Box::new(aws.rest())),
            Self::Local(_) => return None,
        })
    }

    /// AWS's configuration files that counted as absent, known after the first fetch.
    pub fn unreachable_files(&self) -> &[UnreachableFile] {
        match self {
            Self::Aws(aws) => aws.unreachable_files(),
            Self::Cached(cached) => cached.unreachable_files(),
            Self::Agent(agent) | Self::AgentThenAws(agent, _) => agent.unreachable_files(),
            Self::Local(_) => &[],
        }
    }

    /// Returns the age of the entry that each answered locator has in the cache.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn cached_ages(&mut self, fetched: &Fetched) -> Result<BTreeMap<Locator, Duration>, SetupError> {
        match self {
            Self::Cached(cached) => cached.ages(&fetched.iter().map(|(locator, _)| locator).collect()).await,
            Self::Aws(_) | Self::Agent(_) | Self::AgentThenAws(..) | Self::Local(_) => Ok(BTreeMap::new()),
        }
    }

    /// Returns the events of the cache since the last call.
    pub fn take_cache_notices(&mut self) -> Vec<CacheNotice> {
        match self {
            Self::Cached(cached) => cached.take_notices(),
            Self::Aws(_) | Self::Agent(_) | Self::AgentThenAws(..) | Self::Local(_) => Vec::new(),
        }
    }
}

/// True for an answer of AWS about the secret, which may exist. Another error would only come again.
fn is_about_the_secret(error: &FetchError) -> bool {
    match error {
        FetchError::NotFound { missing: Missing::Version, .. }
        | FetchError::Denied { cause: Denial::Policy | Denial::PolicyOrMissing | Denial::Key, .. }
        | FetchError::Refused(Refusal::MarkedForDeletion | Refusal::NoValue) => true,
        FetchError::NotFound { missing: Missing::Secret, .. }
        | FetchError::Denied { cause: Denial::Credentials | Denial::Token | Denial::Role, .. }
        | FetchError::Unavailable(_)
        | FetchError::Refused(
            Refusal::TrustStore(_)
            | Refusal::Certificate { .. }
            | Refusal::Proxy { .. }
            | Refusal::Agent(_)
            | Refusal::Request(_)
            | Refusal::Status(_),
        )
        | FetchError::NoCredentials(_)
        | FetchError::NoRegion => false,
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
