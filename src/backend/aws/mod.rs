//! The backend that reads from AWS. Each distinct request is sent once, in its region and with its
//! role, and many are sent at the same time.
//!
//! ```text
//! locators ─▶ requests_for ─▶ requests ─▶ failover ─┬─▶ secrets_manager ─┬─▶ answers ─▶ distribute ─▶ one answer
//!             fills in the    each        regions   └─▶ parameter_store ─┘             copies them    for each locator
//!             region and      distinct    in turn
//!             the role        one once
//! ```
//!
//! `config` reads AWS's variables and configuration files. `credentials` finds the credentials, and
//! `session` keeps them, together with the assumed roles and the region, for all requests of a
//! launch. `service_client` signs and sends a request, and `responses` says what AWS's errors mean.

mod clients;
mod config;
mod credentials;
mod failover;
mod iam_policy;
mod parameter_store;
#[cfg(any(fuzzing, test))]
mod replay;
mod responses;
mod secrets_manager;
mod service_client;
mod session;

#[cfg(any(fuzzing, test))]
pub use config::parse_ini;
pub use config::{Purpose, Settings, apply_profile, apply_settings};
pub use credentials::remove_empty_variables;
pub use iam_policy::{Policy, PolicyOptions, policy};
#[cfg(any(fuzzing, test))]
pub use replay::{RecordedResponse, replay};
pub use responses::{code_and_message, error_response, malformed_response};
pub use secrets_manager::read_secret;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join3;

use crate::model::answer::{Answer, Answers, Caller, Cause, Denial, DescribedSecret, FetchFailure};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Region, Store};
use crate::time::Deadline;
use credentials::{caller_variables, explain_refused_credentials};
use session::{Request, RequestAnswers, Session};

/// The client of Secrets Manager and Parameter Store for one launch.
pub struct Aws {
    pub settings: Settings,
    purpose: Purpose,
    deadline: Deadline,
    /// The region, credentials and roles. It is `None` before the first fetch.
    session: Option<Session>,
    /// The codes that the user has typed. The key is the serial number of the MFA device.
    mfa_codes: BTreeMap<String, String>,
}

impl Aws {
    /// Creates a client. It doesn't open a file or a connection before something is fetched.
    pub fn new(settings: Settings, purpose: Purpose, deadline: Deadline) -> Self {
        Self {
            settings,
            purpose,
            deadline,
            session: None,
            mfa_codes: BTreeMap::new(),
        }
    }

    /// Returns one answer for each locator in `wanted`. The first call reads AWS's configuration
    /// files, and may ask the user for an MFA code.
    ///
    /// `limit` is a time limit for the requests, in addition to the deadline. The time that the
    /// user takes to type a code is not included.
    ///
    /// # Errors
    /// When AWS's configuration files, the profile or a region are invalid. A failed request is an
    /// answer.
    pub async fn answers(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        limit: Option<Duration>,
    ) -> Result<Answers, Problem> {
        let deadline = self.deadline.clone();
        let session = self.session()?;
        session.settings.check_regions(wanted)?;
        let reading = async {
            let (requests, mut answers) = requests_for(session, wanted).await;
            let sent = requests.keys().cloned().collect();
            let answered = failover::read_in_regions(session, sent).await;
            answers.extend(distribute(&requests, answered));
            with_advice(session, answers)
        };
        let answers = deadline.limited(limit, reading).await;
        if self.forget_refused_session(&answers) {
            return Box::pin(self.answers(wanted, limit)).await;
        }
        Ok(answers)
    }

    /// Closes the session if AWS has refused a session that the AWS CLI has stored, and returns
    /// true. The next session doesn't use stored ones, so it asks for an MFA code.
    fn forget_refused_session(&mut self, answers: &Answers) -> bool {
        let session = self.session.as_ref();
        if !session.is_some_and(|session| session.is_stored_and_refused(answers)) {
            return false;
        }
        self.settings.config_files.sessions = None;
        self.session = None;
        true
    }

    /// Forgets every failure, so that the next fetch tries everything again. Keeps credentials
    /// until they expire, because they may have needed an MFA code, which can be used only once.
    pub fn forget_failures(&mut self) {
        match &mut self.session {
            Some(session) if session.has_credentials() => session.forget_failures(),
            // The configuration files may have changed, too.
            _ => self.session = None,
        }
    }

    /// Returns the key from which the name of a cached answer is made. It depends on the options
    /// and the variables, but not on files.
    pub fn cache_key(&self, locator: &Locator) -> String {
        self.settings.cache_key(locator, caller_variables())
    }

    /// Describes each secret once and returns the descriptions. A description whose request failed
    /// is an error in the list.
    ///
    /// `wanted` has the region that each secret was read from. If that is `None`, the region in its
    /// locator or the default region is asked.
    ///
    /// # Errors
    /// When AWS's configuration files or the profile are invalid.
    pub async fn describe_secrets(
        &mut self,
        wanted: Vec<(&Locator, Option<Region>)>,
    ) -> Result<Vec<DescribedSecret>, Problem> {
        let session = self.session()?;
        let mut requests = Vec::new();
        for (locator, region) in wanted {
            // If there is no region, the secret wasn't read either, and the report already says
            // why.
            if let Ok(Request {
                locator,
                region: default,
            }) = session.request_for(locator).await
            {
                requests.push(Request::new(locator, region.unwrap_or(default)));
            }
        }

        // If this fails, each description fails with the same error.
        let _ = session.find_credentials(&requests).await;
        Ok(secrets_manager::describe_all(session, requests).await)
    }

    /// Returns answers without values for the locators in `wanted`, and the descriptions of the
    /// secrets. No request reads a value. There is no answer for a secret or parameter that can't
    /// be described, such as one of AWS's own parameters.
    ///
    /// For `check`, also asks STS who the caller is.
    ///
    /// # Errors
    /// When AWS's configuration files, the profile or a region are invalid.
    pub async fn metadata(
        &mut self,
        wanted: &BTreeSet<&Locator>,
    ) -> Result<(Answers, Vec<DescribedSecret>), Problem> {
        let session = self.session()?;
        session.settings.check_regions(wanted)?;
        let (requests, mut answers) = requests_for(session, wanted).await;
        let sent = Vec::from_iter(requests.keys().cloned());
        // If this fails, each request fails with the same error.
        let _ = session.find_credentials(&sent).await;
        let session = &*session;
        let identities = async {
            if let Some(request) = sent.first() {
                session.trace_identities(&request.region).await;
            }
        };

        let (secrets, parameters): (Vec<_>, Vec<_>) = (sent.iter().cloned())
            .partition(|request| request.locator.store == Store::SecretsManager);
        let (described, parameter_answers, ()) = join3(
            secrets_manager::describe_all(session, secrets.clone()),
            parameter_store::describe_all_parameters(session, parameters),
            identities,
        )
        .await;

        let mut answered = secrets_manager::answers_from_descriptions(secrets, &described);
        answered.extend(parameter_answers);
        explain_denials(session, &mut answered).await;
        answers.extend(distribute(&requests, answered));
        let answers = with_advice(session, answers);
        if self.forget_refused_session(&answers) {
            return Box::pin(self.metadata(wanted)).await;
        }
        Ok((answers, described))
    }

    /// Returns the session. The first call opens it: it reads AWS's configuration files, and may
    /// ask the user for an MFA code.
    ///
    /// # Errors
    /// The same as for [`Session::open`].
    fn session(&mut self) -> Result<&mut Session, Problem> {
        Ok(match &mut self.session {
            Some(session) => session,
            none => {
                let (settings, deadline) = (self.settings.clone(), self.deadline.clone());
                let codes = &mut self.mfa_codes;
                none.insert(Session::open(settings, self.purpose, deadline, codes)?)
            }
        })
    }

    /// Returns the identity with which AWS was asked, if it is known. Doesn't send a request.
    pub fn caller(&self) -> Option<Caller> {
        self.session.as_ref()?.caller()
    }
}

/// If AWS refused the credentials, adds to the answers where they come from. Here, a denial means
/// that describing isn't allowed, so its help must name that permission.
async fn explain_denials(session: &Session, answers: &mut RequestAnswers) {
    for (request, answer) in answers {
        let Err(failure) = answer else { continue };
        let credentials = session
            .credentials(request.locator.role.as_ref())
            .await
            .ok();
        failure.error = explain_refused_credentials(failure.error.clone(), credentials);
        if let Cause::Denied(denial @ (Denial::Policy | Denial::PolicyOrMissing)) =
            &mut failure.error.cause
        {
            *denial = Denial::Metadata;
        }
    }
}

/// The distinct requests, each with the locators that it answers. A locator that names the default
/// region and a locator without a region become the same request.
pub type Requests<'a, R> = BTreeMap<R, Vec<&'a Locator>>;

/// Gives each locator a copy of its request's answer.
pub fn distribute<R: Ord>(requests: &Requests<'_, R>, answered: Vec<(R, Answer)>) -> Answers {
    let mut answers = Vec::new();
    for (request, answer) in answered {
        for locator in requests.get(&request).into_iter().flatten() {
            answers.push(((*locator).clone(), answer.clone()));
        }
    }
    answers
}

/// Returns the distinct requests, and a failure for each locator whose region is unknown. May ask
/// the instance metadata for the region.
async fn requests_for<'a>(
    session: &mut Session,
    wanted: &BTreeSet<&'a Locator>,
) -> (Requests<'a, Request>, Answers) {
    let (mut requests, mut answers) = (Requests::new(), Vec::new());
    for locator in wanted.iter().copied() {
        match session.request_for(locator).await {
            Ok(request) => requests.entry(request).or_default().push(locator),
            Err(error) => {
                let failure = FetchFailure::new(locator.region.clone(), error);
                answers.push((locator.clone(), Err(failure)));
            }
        }
    }
    (requests, answers)
}

/// Adds to each failure where the default region and account come from, the advice to choose a
/// profile, and the chosen profile.
fn with_advice(session: &Session, mut answers: Answers) -> Answers {
    for (locator, answer) in &mut answers {
        if let Err(failure) = answer {
            failure.default_region_and_account = session.default_region_and_account(locator);
            failure.profile_advice = session.settings.profile_advice.clone();
            failure.profile = session.settings.options.profile.clone();
        }
    }
    answers
}
