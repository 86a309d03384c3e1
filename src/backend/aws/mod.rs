//! AWS itself: each distinct request once, in its region and with its role, many at once.

mod arn_scope;
#[cfg(any(fuzzing, test))]
mod canned;
mod clients;
mod config;
mod credentials;
mod failover;
mod parameter_store;
mod protocol;
mod request;
mod secrets_manager;
mod session;
mod sts;

pub use arn_scope::ArnScope;
#[cfg(any(fuzzing, test))]
pub use canned::{Canned, answer};
pub use config::{Reader, Settings, SetupError, VariableError, apply};
pub use protocol::{by_code, classify_connector_error, code_and_message};

use std::collections::{BTreeMap, BTreeSet};

use crate::model::answer::{Answers, Document, FetchError, FetchFailure};
use crate::model::reference::Locator;
use crate::time::deadline::{Deadline, Waiting};
use failover::send_all;
use request::Request;
use session::Session;

/// Reads secrets and parameters from AWS.
pub struct Aws {
    settings: Settings,
    deadline: Deadline,
    tell: fn(&Waiting),
    session: Option<Session>,
}

impl Aws {
    /// The time for everything begins to run. Nothing is read or asked before the first secret is wanted. `tell` is told what a
    /// long wait is for.
    pub fn new(settings: Settings, tell: fn(&Waiting)) -> Self {
        let deadline = Deadline::new(settings.timeout, settings.wait);
        Self::within(settings, deadline, tell)
    }

    /// The same in time that already runs.
    pub fn within(settings: Settings, deadline: Deadline, tell: fn(&Waiting)) -> Self {
        Self { settings, deadline, tell, session: None }
    }

    pub fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    pub async fn fetch(&mut self, wanted: &BTreeSet<&Locator>) -> Result<Answers, SetupError> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::open(self.settings.clone(), self.deadline.clone()).await?),
        };
        Ok(self.deadline.reporting(self.tell, read_all(session, wanted)).await)
    }
}

async fn read_all(session: &mut Session, wanted: &BTreeSet<&Locator>) -> Answers {
    let mut answers = Vec::new();
    let mut requests: BTreeMap<Request, Vec<&Locator>> = BTreeMap::new();
    for locator in wanted.iter().copied() {
        match settle(session, locator).await {
            Ok(request) => requests.entry(request).or_default().push(locator),
            Err(error) => answers.push((locator.clone(), Err(FetchFailure::new(locator.region.clone(), error)))),
        }
    }
    for (request, answer) in send_all(session, requests.keys().cloned().collect()).await {
        for locator in requests.get(&request).into_iter().flatten() {
            // Two locators that differ in how they were written can be one request.
            let copied = answer.as_ref().map(Document::copy).map_err(Clone::clone);
            answers.push(((*locator).clone(), copied));
        }
    }
    answers
}

async fn settle(session: &mut Session, locator: &Locator) -> Result<Request, FetchError> {
    let region = match &locator.region {
        Some(region) => region.clone(),
        None => session.default_region().await?,
    };
    let role = locator.role.as_ref().or(session.default_role()).cloned();
    Ok(Request { region, role, store: locator.store, id: locator.id.clone(), version: locator.version.clone() })
}
