//! The backend that reads from AWS: each distinct request once, in its region and with its role, many at the same time.

mod clients;
mod config;
mod credentials;
mod failover;
mod metadata;
mod parameter_store;
mod policy;
mod protocol;
#[cfg(any(fuzzing, test))]
mod replay;
mod secrets_manager;
mod session;

#[cfg(any(fuzzing, test))]
pub use config::parse_ini;
pub use config::{Purpose, Settings, VariableReader, apply_profile, apply_settings};
pub use credentials::remove_empty_variables;
pub use policy::{Policy, PolicyOptions, policy};
pub use protocol::{code_and_message, error_response, malformed_response};
#[cfg(any(fuzzing, test))]
pub use replay::{RecordedResponse, replay};
pub use secrets_manager::read_secret;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::answer::{Answers, Caller, DescribedSecret, Document, FetchFailure};
use crate::model::inherited::Inherited;
use crate::model::options::AwsOptions;
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Region, Version};
use crate::time::Deadline;
use credentials::{MfaCodes, caller_variables};
use session::Session;

/// Returns the settings of the options and of the variables that the AWS CLI reads as well.
///
/// # Errors
/// Every variable with an invalid value.
pub fn read_settings(
    options: &AwsOptions,
    inherited: &Inherited,
) -> Result<Settings, Vec<Problem>> {
    Settings::new(options, inherited, caller_variables())
}

/// The client of Secrets Manager and Parameter Store.
pub struct Aws {
    settings: Settings,
    purpose: Purpose,
    deadline: Deadline,
    /// `None` before the first fetch.
    session: Option<Session>,
    mfa_codes: MfaCodes,
}

impl Aws {
    /// Opens no file or connection before the first fetch.
    pub fn new(settings: Settings, purpose: Purpose, deadline: Deadline) -> Self {
        Self {
            settings,
            purpose,
            deadline,
            session: None,
            mfa_codes: MfaCodes::default(),
        }
    }

    /// Returns one answer for each of `wanted`, of requests that give up after `limit`. A question to the user comes before.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn fetch(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        limit: Option<Duration>,
    ) -> Result<Answers, Problem> {
        let deadline = self.deadline.clone();
        let session = self.session()?;
        session.settings.check_regions(wanted)?;
        Ok(deadline.limited(limit, read(session, wanted)).await)
    }

    /// Forgets every failure, so that the next fetch begins anew. Credentials that were found are kept until they expire: an MFA code can be
    /// used once.
    pub fn forget(&mut self) {
        match &mut self.session {
            Some(session) if session.has_credentials() => session.forget_failures(),
            // The configuration files, too, may have changed.
            _ => self.session = None,
        }
    }

    /// The settings of the options and variables.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Describes each secret of `wanted` once, in the region that it was read from, or else in its own.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn describe(
        &mut self,
        wanted: Vec<(&Locator, Option<Region>)>,
    ) -> Result<Vec<DescribedSecret>, Problem> {
        let session = self.session()?;
        let mut requests = BTreeSet::new();
        for (locator, region) in wanted {
            // A secret without any region has no answer that could be described.
            if let Ok(request) = session.request_for(locator).await {
                requests.insert(Locator {
                    region: region.or(request.region),
                    version: Version::Current,
                    ..request
                });
            }
        }
        let requests = Vec::from_iter(requests);
        // An error is that of each description.
        let _ = session.find_credentials(&requests).await;
        Ok(secrets_manager::describe_all(session, requests).await)
    }

    /// Returns answers without a value for `wanted`, and the descriptions of the secrets, by requests that read no value.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn metadata(
        &mut self,
        wanted: &BTreeSet<&Locator>,
    ) -> Result<(Answers, Vec<DescribedSecret>), Problem> {
        let session = self.session()?;
        session.settings.check_regions(wanted)?;
        let (requests, mut answers) = requests_for(session, wanted).await;
        let (answered, secrets) =
            metadata::read_all(session, requests.keys().cloned().collect()).await;
        answers.extend(distribute(&requests, answered));
        add_place(session, &mut answers);
        Ok((answers, secrets))
    }

    fn session(&mut self) -> Result<&mut Session, Problem> {
        Ok(match &mut self.session {
            Some(session) => session,
            none => {
                let (settings, deadline) = (self.settings.clone(), self.deadline.clone());
                none.insert(Session::open(
                    settings,
                    self.purpose,
                    deadline,
                    &mut self.mfa_codes,
                )?)
            }
        })
    }

    /// The identity that AWS has answered; `None` before the first fetch.
    pub fn caller(&self) -> Option<Caller> {
        self.session.as_ref()?.caller()
    }
}

/// The requests, which are complete locators, each with the locators that it answers: a locator with and one without the default region
/// can be one request.
pub type Requests<'a> = BTreeMap<Locator, Vec<&'a Locator>>;

/// Copies the answer of each request to each of its locators.
pub fn distribute(requests: &Requests<'_>, answered: Answers) -> Answers {
    let mut answers = Vec::new();
    for (request, answer) in answered {
        for locator in requests.get(&request).into_iter().flatten() {
            let copy = answer.as_ref().map(Document::copy).map_err(Clone::clone);
            answers.push(((*locator).clone(), copy));
        }
    }
    answers
}

async fn read(session: &mut Session, wanted: &BTreeSet<&Locator>) -> Answers {
    let (requests, mut answers) = requests_for(session, wanted).await;
    let answered = failover::read_all(session, requests.keys().cloned().collect()).await;
    answers.extend(distribute(&requests, answered));
    add_place(session, &mut answers);
    answers
}

/// Returns the distinct requests, and the answers of the locators without a region.
async fn requests_for<'a>(
    session: &mut Session,
    wanted: &BTreeSet<&'a Locator>,
) -> (Requests<'a>, Answers) {
    let (mut requests, mut answers) = (Requests::new(), Vec::new());
    for locator in wanted.iter().copied() {
        match session.request_for(locator).await {
            Ok(request) => requests.entry(request).or_default().push(locator),
            Err(error) => answers.push((
                locator.clone(),
                Err(FetchFailure::new(locator.region.clone(), error)),
            )),
        }
    }
    (requests, answers)
}

/// Adds to failures where their region and account come from, and the remedies of a developer's machine.
fn add_place(session: &Session, answers: &mut Answers) {
    for (locator, answer) in answers {
        if let Err(failure) = answer {
            failure.place = session.place(locator);
            failure.remedies.clone_from(&session.settings.remedies);
        }
    }
}
