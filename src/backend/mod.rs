//! Backends, which answer locators with documents: AWS, the Secrets Manager Agent, or a local file.

pub mod agent;
pub mod aws;
pub mod cached;
pub mod local_file;
mod retry;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::answer::{
    Again, Answers, Caller, DescribedSecret, FetchError, Fetched, Missing, OutageKind,
};
use crate::model::plan::Plan;
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Store};
use agent::Agent;
use aws::Aws;
use cached::{CacheNotice, Cached};
use local_file::LocalFile;

/// A backend, or a backend with a fallback.
pub enum Backend {
    Aws(Box<Aws>),
    /// AWS with the cache of `--cache`.
    Cached(Box<Cached>),
    /// The AWS Secrets Manager Agent, and AWS for the locators that the agent does not answer (`--agent-fallback`).
    Agent(Box<Agent>, Option<Box<Aws>>),
    /// The file of `--local`.
    Local(LocalFile),
}

impl Backend {
    /// Returns the errors of those locators of `plan` that the backend can never read, without any request.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub fn unsupported(&mut self, plan: &Plan) -> Result<Answers, Problem> {
        let Self::Agent(agent, _) = self else {
            return Ok(Answers::new());
        };
        let locators = plan.locators();
        if !locators.is_empty() {
            agent.read_profile()?;
        }
        Ok(agent.unsupported(&locators))
    }

    /// Returns one answer for each of `wanted`, all of which the backend supports. Each backend does its own batching, concurrency, retries
    /// and failover. `suffices` tells whether these answers give every target its value. The cache answers none of `refused`.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid. The failure of one secret is no error here, but an answer.
    pub async fn fetch(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        suffices: &impl Fn(&Fetched) -> bool,
        refused: &BTreeSet<Locator>,
    ) -> Result<Answers, Problem> {
        match self {
            Self::Aws(aws) => aws.fetch(wanted, None).await,
            Self::Cached(cached) => cached.fetch(wanted, suffices, refused).await,
            Self::Agent(agent, None) => agent.fetch(wanted).await,
            Self::Agent(agent, Some(aws)) => {
                let answers = agent.fetch(wanted).await?;
                let (mut answered, unanswered): (Answers, Answers) =
                    answers.into_iter().partition(|(_, answer)| {
                        answer
                            .as_ref()
                            .err()
                            .is_none_or(|failure| is_final(&failure.error))
                    });
                if !unanswered.is_empty() {
                    let wanted = unanswered.iter().map(|(locator, _)| locator).collect();
                    answered.extend(aws.fetch(&wanted, None).await?);
                }
                Ok(answered)
            }
            Self::Local(file) => Ok(file.fetch(wanted)),
        }
    }

    fn aws(&mut self) -> Option<&mut Aws> {
        match self {
            Self::Aws(aws) => Some(aws),
            Self::Cached(cached) => Some(cached.aws()),
            Self::Agent(_, aws) => aws.as_deref_mut(),
            Self::Local(_) => None,
        }
    }

    /// Forgets what earlier fetches found out about AWS, so that the next one begins anew.
    pub fn forget(&mut self) {
        if let Some(aws) = self.aws() {
            aws.forget();
        }
    }

    /// Describes each secret that Secrets Manager has answered for. Neither the agent nor a local file describes any.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn describe(&mut self, fetched: &Fetched) -> Result<Vec<DescribedSecret>, Problem> {
        let Some(aws) = self.aws() else {
            return Ok(Vec::new());
        };
        let mut wanted = Vec::new();
        for (locator, answer) in fetched
            .iter()
            .filter(|(locator, _)| locator.store == Store::SecretsManager)
        {
            match answer {
                Ok(document) => wanted.push((locator, document.region.clone())),
                Err(failure) if is_about_the_secret(&failure.error) => wanted.push((locator, None)),
                Err(_) => {}
            }
        }
        aws.describe(wanted).await
    }

    /// The identity that AWS has answered, unless the agent or a file was asked.
    pub fn caller(&mut self) -> Option<Caller> {
        if matches!(self, Self::Agent(..)) {
            None
        } else {
            self.aws()?.caller()
        }
    }

    /// Returns the age of the entry that each answered locator has in the cache.
    pub fn cached_ages(&mut self, fetched: &Fetched) -> BTreeMap<Locator, Duration> {
        let Self::Cached(cached) = self else {
            return BTreeMap::new();
        };
        cached.ages(fetched.keys())
    }

    /// Returns the events of the cache since the last call.
    pub fn take_cache_notices(&mut self) -> Vec<CacheNotice> {
        let Self::Cached(cached) = self else {
            return Vec::new();
        };
        cached.take_notices()
    }
}

/// True for an answer of AWS about the secret, which may exist. Another error would only come again.
fn is_about_the_secret(error: &FetchError) -> bool {
    error.withholds_value()
        && !matches!(
            error,
            FetchError::NotFound {
                missing: Missing::Secret,
                ..
            }
        )
}

/// True for an error of the agent after which AWS is not tried: a denial is an answer, and a wrong clock is wrong for AWS as well.
fn is_final(error: &FetchError) -> bool {
    match error {
        FetchError::Unavailable(outage) => outage.kind == OutageKind::ClockSkew,
        FetchError::NoCredentials(error) => error.again == Again::Never,
        FetchError::NotFound { .. }
        | FetchError::Denied { .. }
        | FetchError::Refused(_)
        | FetchError::NoRegion { .. } => true,
    }
}
