//! The backend that reads from AWS: each distinct request once, in its region and with its role, many at the same time.

mod clients;
mod config;
mod credentials;
mod failover;
mod operators;
mod parameter_store;
mod policy;
mod protocol;
#[cfg(any(fuzzing, test))]
mod replay;
mod request;
mod roles;
mod secrets_manager;
mod session;
mod sts;

pub use config::{
    ProfileSource, Reading, Settings, SetupError, UnreachableFile, VariableError, VariableReader, apply_profile,
};
pub use credentials::kill_process;
pub use policy::{PolicyNotice, Reader, UnknownRole, policy};
pub use protocol::{ServiceError, classify_connector_error, code_and_message, malformed_response};
#[cfg(any(fuzzing, test))]
pub use replay::{RecordedResponse, replay};
pub use secrets_manager::read_secret;

use std::collections::BTreeSet;
use std::time::Duration;

use super::fan_out::FanOut;
use crate::model::answer::{Answer, Answers, DescribedSecret, FetchFailure};
use crate::model::reference::{Locator, Region, Version};
use crate::time::deadline::Deadline;
use config::distinction;
use request::{KnownHost, Limited, SecretRequest};
use session::Session;

/// The client of Secrets Manager and Parameter Store.
pub struct Aws {
    settings: Settings,
    deadline: Deadline,
    /// `None` before the first fetch.
    session: Option<Session>,
}

impl Aws {
    /// Opens no file or connection before the first fetch.
    pub fn new(settings: Settings, deadline: Deadline) -> Self {
        Self { settings, deadline, session: None }
    }

    /// Returns one answer for each of `wanted`.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        self.fetch_within(wanted, &BTreeSet::new(), Duration::ZERO, &|_, _| ()).await
    }

    /// Does the same as [`Self::fetch`], but retries what only serves `replaceable` locators for `limit` at most, and calls `observe` with
    /// the answers to requests when they come, while others may still be awaited.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch_within(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        replaceable: &BTreeSet<&Locator>,
        limit: Duration,
        observe: &dyn Fn(&Locator, &Answer),
    ) -> Result<Answers, SetupError> {
        let session = self.session().await?;
        let is_limited = !wanted.is_empty() && wanted.is_subset(replaceable);
        let known = KnownHost {
            region: replaceable.iter().any(|locator| locator.region.is_none()),
            credentials: !replaceable.is_empty(),
        };
        session.set_limit(is_limited.then_some(limit), known);
        Ok(read_all(session, wanted, replaceable, limit, observe).await)
    }

    /// Returns, for each locator, texts that differ for two requests that may have different answers; none if the caller has no complete
    /// credentials. Sends no request, so a region that only IMDS knows is not among them.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn distinctions<'a>(
        &mut self,
        wanted: &BTreeSet<&'a Locator>,
    ) -> Result<Vec<(&'a Locator, Vec<String>)>, SetupError> {
        let settings = &self.session().await?.settings;
        Ok(wanted.iter().filter_map(|locator| Some((*locator, distinction(settings, locator)?))).collect())
    }

    /// True for a fallback region, known after the configuration was read.
    pub fn may_read_from(&self, region: Option<&Region>) -> bool {
        let Some(session) = &self.session else { return false };
        region.is_some_and(|region| session.settings.fallback_regions.contains(region))
    }

    /// Describes each secret of `wanted` once, in the region that it was read from, or else in its own.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn describe(
        &mut self,
        wanted: Vec<(&Locator, Option<Region>)>,
    ) -> Result<Vec<DescribedSecret>, SetupError> {
        let session = self.session().await?;
        let mut requests = BTreeSet::new();
        for (locator, region) in wanted {
            // A secret without any region has no answer that could be described.
            if let Ok(request) = session.request(locator).await {
                let region = region.unwrap_or(request.region);
                requests.insert(SecretRequest { region, version: Version::Current, ..request });
            }
        }
        Ok(operators::describe_all(session, requests.into_iter().collect()).await)
    }

    async fn session(&mut self) -> Result<&mut Session, SetupError> {
        Ok(match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::open(self.settings.clone(), self.deadline.clone()).await?),
        })
    }

    /// Closes the connections, and keeps the credentials.
    #[must_use]
    pub fn rest(self) -> Self {
        Self { session: self.session.map(Session::rest), ..self }
    }

    /// The configuration files that counted as absent, known after the first fetch.
    pub fn unreachable_files(&self) -> &[UnreachableFile] {
        self.session.as_ref().map_or(&[], |session| &session.settings.unreachable_files)
    }
}

async fn read_all(
    session: &mut Session,
    wanted: &BTreeSet<&Locator>,
    replaceable: &BTreeSet<&Locator>,
    limit: Duration,
    observe: &dyn Fn(&Locator, &Answer),
) -> Answers {
    let mut answers = Vec::new();
    let mut requests = FanOut::new();
    let mut limited = BTreeSet::new();
    for locator in wanted.iter().copied() {
        match session.request(locator).await {
            Ok(request) => {
                if replaceable.contains(locator) {
                    limited.insert(request.clone());
                }
                requests.add(request, locator);
            }
            Err(error) => answers.push((locator.clone(), Err(FetchFailure::new(locator.region.clone(), error)))),
        }
    }
    let observe = |answered: &[(SecretRequest, Answer)]| {
        for (request, answer) in answered {
            requests.locators(request).iter().for_each(|locator| observe(locator, answer));
        }
    };
    let limited = Limited { requests: limited, limit };
    let answered = failover::read_all(session, requests.requests().cloned().collect(), &limited, &observe).await;
    answers.extend(requests.distribute(answered));
    answers
}
