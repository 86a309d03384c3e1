//! The backend that reads from AWS. It sends each distinct request only once, and many requests at
//! the same time, each in its own region and with its own role.
//!
//! ```text
//! locators ─▶ requests_for ─▶ requests ─▶ read_in_batches ─┬─▶ secrets_manager ─┬─▶ answers ─▶ distribute ─▶ one answer
//!             fills in the    each        a batch in one   └─▶ parameter_store ─┘             copies them    for each locator
//!             region and      distinct    region after
//!             the role        one once    another
//! ```
//!
//! Failover: each request is sent in its own region and, after an outage there, in the fallback
//! regions, one after the other. A denial or an absence is final, so no other region is asked after
//! it.

mod config;
mod credentials;
mod endpoints;
mod iam_policy;
mod parameter_store;
#[cfg(any(fuzzing, test))]
mod replay;
mod secrets_manager;
mod service_client;
mod service_errors;
mod session;

#[cfg(any(fuzzing, test))]
pub use config::parse_ini;
pub use config::{Settings, apply_profile, apply_settings, remove_empty_variables};
pub use iam_policy::{Policy, PolicyRequest, policy};
#[cfg(any(fuzzing, test))]
pub use replay::{RecordedResponse, replay};
pub use secrets_manager::parse_secret;
pub use service_errors::{code_and_message, malformed_response, not_sent, parse_service_error};

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::model::answer::{
    Answer, Answers, Caller, Circumstances, DescribedSecret, Document, FetchError, FetchFailure,
    FetchResult,
};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, Region, Role, Store};
use crate::net::in_flight;
use crate::time::{Deadline, RetryBudget};
use credentials::{CALLER_VARIABLES, CallerIdentity, Kept};
use endpoints::Api;
use parameter_store::MAX_BATCH;
use session::{AnsweredRequests, Request, Session};

/// The client of Secrets Manager and Parameter Store for one launch.
pub struct Aws {
    pub settings: Settings,
    deadline: Deadline,
    /// The session with AWS, which has the region, the credentials and the roles. If it is `None`,
    /// the next fetch opens one.
    session: Option<Session>,
    kept: Rc<Kept>,
}

impl Aws {
    pub fn new(settings: Settings, deadline: Deadline) -> Self {
        Self {
            settings,
            deadline,
            session: None,
            kept: Rc::default(),
        }
    }

    /// Answers each locator in `wanted`. Without a session, first reads AWS's configuration files,
    /// and may ask the user for an MFA code. If AWS refuses credentials that the AWS CLI has
    /// stored, everything is requested again without them.
    ///
    /// `limit` is a time limit for the requests, in addition to the deadline. It doesn't include
    /// the time that the user takes to type an MFA code.
    ///
    /// # Errors
    /// If AWS's configuration files, the profile or a region are invalid, or if a launch with
    /// `--on-rotation` would need an MFA code, for which it can't ask again later.
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
            let distinct = requests.keys().cloned().collect();
            let answered = read_in_batches(session, distinct).await;
            answers.append(&mut distribute(requests, answered.into_iter().flatten()));
            answers
        };
        let answers = deadline.with_limit(limit, reading).await;
        if self.forget_refused_session(&answers) {
            // This recursion ends after one step, because the second call doesn't use stored
            // credentials.
            return Box::pin(self.answers(wanted, limit)).await;
        }
        Ok(answers)
    }

    /// Forgets the session and returns true if AWS has refused credentials that the AWS CLI has
    /// stored. The next session doesn't use stored credentials, so it may ask for an MFA code.
    fn forget_refused_session(&mut self, answers: &Answers) -> bool {
        let session = self.session.as_ref();
        let is_refused = session.is_some_and(|session| session.is_stored_and_refused(answers));
        if is_refused {
            self.settings.config_files.sessions = None;
            self.session = None;
        }
        is_refused
    }

    /// Forgets every failure, so that the next fetch tries everything again. Keeps credentials
    /// until they expire, because they may have needed an MFA code, which can be used only once.
    pub fn forget_failures(&mut self) {
        match &mut self.session {
            Some(session) if session.has_credentials() => session.forget_failures(),
            // Without usable credentials, the next fetch opens a new session, which also reads the
            // configuration files again, because they may have changed.
            _ => self.session = None,
        }
    }

    /// The text whose hash is the name of a locator's cache entry. The keys of two requests are
    /// different if the requests differ in what they read, in where they read it, or in the options
    /// and variables that choose the caller. Doesn't read a file. The key is never printed, because
    /// it contains an access key id.
    pub fn cache_key(&self, locator: &Locator) -> String {
        let settings = &self.settings;
        let located = settings.with_defaults(locator);
        let parts = (
            located.store,
            &located.id,
            &located.region,
            &located.role,
            &located.version,
        );
        let endpoints = settings.endpoints.cache_key(located.store);
        let variables = CALLER_VARIABLES.map(|name| settings.variables.non_empty(name));
        // The key has absolute paths, because a relative path, or one with `$NAME`, can name
        // different files in different launches.
        let files = settings.config_files.absolute_paths();
        // Keys in variables have precedence over a profile, unless an option names the profile.
        let profile = (settings.options.profile.is_some(), settings.profile_name());
        format!("{:?}", (parts, endpoints, profile, variables, files))
    }

    /// Finds out which of the secrets in `wanted` exist, without reading a value. Returns their
    /// descriptions, and an answer for each locator that a description can answer: a document
    /// without a value, or the failure. Leaves out parameters, and a version id that no description
    /// has. Doesn't ask the fallback regions. Also asks STS who the caller is. Without a session,
    /// first reads AWS's configuration files, and may ask the user for an MFA code.
    ///
    /// # Errors
    /// If AWS's configuration files, the profile or a region are invalid.
    pub async fn metadata(
        &mut self,
        wanted: &BTreeSet<&Locator>,
    ) -> Result<(Answers, Vec<DescribedSecret>), Problem> {
        let session = self.session()?;
        session.settings.check_regions(wanted)?;
        let mut secrets = wanted.clone();
        secrets.retain(|locator| locator.store == Store::SecretsManager);
        let (requests, mut answers) = requests_for(session, &secrets).await;
        let distinct = Vec::from_iter(requests.keys().cloned());
        let (answered, described) = describe_requests(session, distinct).await;
        answers.append(&mut distribute(requests, answered));
        if self.forget_refused_session(&answers) {
            // As in `answers`, this recursion ends after one step.
            return Box::pin(self.metadata(wanted)).await;
        }
        Ok((answers, described))
    }

    /// Opens a session, unless there is one already. Opening it reads AWS's configuration files,
    /// and may ask the user for an MFA code.
    fn session(&mut self) -> Result<&mut Session, Problem> {
        Ok(match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::open(
                self.settings.clone(),
                self.deadline.clone(),
                Rc::clone(&self.kept),
            )?),
        })
    }

    /// What messages about failed requests mention: the defaults with which secrets were looked up
    /// ([`Session::looked_up`]), and the profile of `--profile`.
    pub fn circumstances(&self) -> Circumstances {
        let defaults = self.session.as_ref().and_then(Session::looked_up);
        let profile = self.settings.options.profile.as_ref();
        Circumstances::of_aws(defaults, profile.map(|profile| profile.value.clone()))
    }

    /// The identity that sent the requests, and the provider of its credentials. The identity has
    /// no ARN if STS wasn't asked or didn't answer. Returns `None` before the first request, if no
    /// credentials were found, and if the default role wasn't assumed. Doesn't send a request.
    pub fn caller(&self) -> Option<Caller> {
        self.session.as_ref()?.caller()
    }
}

/// Describes the requested secrets. Returns the answers that follow from the descriptions, and the
/// descriptions themselves. Also asks STS who the caller is ([`Session::trace_identities`]).
async fn describe_requests(
    session: &mut Session,
    requests: Vec<Request>,
) -> (AnsweredRequests, Vec<DescribedSecret>) {
    // A failed search for credentials is ignored here, because each request fails with the error of
    // the search.
    let _ = session.prepare_credentials(&requests).await;
    let session = &*session;
    let tracing = async {
        if let Some(first) = requests.first() {
            session.trace_identities(&first.region).await;
        }
    };
    let describing = secrets_manager::describe_all(session, requests.clone());
    let (described, ()) = join(describing, tracing).await;

    let mut answers = secrets_manager::answers_from_descriptions(requests, &described);
    explain_failures(session, &mut answers);
    (answers, described)
}

/// Completes the failures among the answers of [`Aws::metadata`]. If AWS refused the credentials,
/// adds where these credentials come from. If a policy denied a request, says that the request was
/// for a description, so that the help names the permission for descriptions.
fn explain_failures(session: &Session, answers: &mut AnsweredRequests) {
    for (request, answer) in answers {
        let Err(failure) = answer else { continue };
        let role = request.locator.role.as_ref();
        failure.change_error(|error| session.explain_refused(role, error).of_description());
    }
}

/// Maps each request to the locators that share it. For example, a locator that names the default
/// region shares a request with one that names no region.
pub type LocatorsByRequest<'a, R> = BTreeMap<R, Vec<&'a Locator>>;

/// Gives each locator the answer to its request. Leaves out a locator whose request has no answer.
pub fn distribute<R: Ord>(
    mut requests: LocatorsByRequest<'_, R>,
    answered: impl IntoIterator<Item = (R, Answer)>,
) -> Answers {
    let mut answers = Answers::new();
    for (request, answer) in answered {
        for locator in requests.remove(&request).unwrap_or_default() {
            answers.insert(locator.clone(), answer.clone());
        }
    }
    answers
}

/// Groups the locators in `wanted` by their requests. Also returns a failure for each locator whose
/// region can't be found. May ask the instance metadata for the region.
async fn requests_for<'a>(
    session: &Session,
    wanted: &BTreeSet<&'a Locator>,
) -> (LocatorsByRequest<'a, Request>, Answers) {
    let mut requests = LocatorsByRequest::new();
    let mut answers = Answers::new();
    for locator in wanted.iter().copied() {
        match session.request_for(locator).await {
            Ok(request) => requests.entry(request).or_default().push(locator),
            Err(error) => {
                answers.insert(locator.clone(), Err(FetchFailure::new(None, error)));
            }
        }
    }
    (requests, answers)
}

/// Sends the requests, and returns their answers, grouped by batch. Each role is assumed once. With
/// `-vv` and for `check`, also asks STS who the caller is. If there are no credentials, nothing is
/// sent, and each answer is the error of the search for credentials.
async fn read_in_batches(session: &mut Session, requests: Vec<Request>) -> Vec<AnsweredRequests> {
    let Some(first_region) = requests.first().map(|request| request.region.clone()) else {
        return Vec::new();
    };
    open_connections(session, &requests).await;
    if let Err(error) = session.prepare_credentials(&requests).await {
        return vec![fail_all(requests, &error)];
    }
    let session = &*session;
    let begun = Instant::now();

    // Each role is assumed separately, so that the wait for STS only delays the requests with this
    // role. Once a role is assumed, `ready` yields its batches, each with the role's credentials.
    let ready = FuturesUnordered::new();
    for (role, batches) in batches_by_role(requests) {
        ready.push(async move {
            let caller = session.caller_with(role.as_ref()).await;
            stream::iter(batches).map(move |batch| (caller.clone(), batch))
        });
    }
    let reading = ready.flatten().map(async |(caller, batch)| match caller {
        Ok(caller) => read_with_failover(session, caller, batch, begun).await,
        Err(error) => fail_all(batch, &error),
    });
    let (answers, ()) = join(in_flight(reading), session.trace_identities(&first_region)).await;
    answers
}

/// Starts opening the connections that `requests` will need, because the requests still have to
/// wait for credentials.
///
/// Does nothing if an earlier fetch has found credentials, because then no request has to wait. If
/// the credentials are in variables, skips the requests without a role, which can be sent
/// immediately.
async fn open_connections(session: &Session, requests: &[Request]) {
    if session.has_credentials() {
        return;
    }
    let mut counts: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
    for Request { locator, region } in requests {
        if locator.role.is_some() || session.settings.uses_profile() {
            *counts.entry((locator.store, region)).or_default() += 1;
        }
    }

    for ((store, region), count) in counts {
        let needed = match store {
            Store::SecretsManager => count,
            // Parameters are read in batches.
            Store::ParameterStore => count.div_ceil(MAX_BATCH),
        };
        let clients = &session.clients;
        let api = Api::Store(store);
        // If there is no endpoint, the requests will report that error.
        if let Ok(endpoint) = clients.endpoints.endpoint(api, region).await {
            clients.http.preconnect(&endpoint, needed);
        }
    }
}

/// Answers every request with the same error.
fn fail_all(requests: Vec<Request>, error: &FetchError) -> AnsweredRequests {
    requests
        .into_iter()
        .map(|request| request.answered(Err(error.clone())))
        .collect()
}

/// Groups requests by their role. Within a role, each secret is a batch of its own, and the
/// parameters of a region are divided into batches. No batch is empty.
fn batches_by_role(requests: Vec<Request>) -> BTreeMap<Option<Role>, Vec<Vec<Request>>> {
    let mut groups: BTreeMap<_, Vec<Request>> = BTreeMap::new();
    for request in requests {
        let Request { locator, region } = &request;
        let key = (locator.role.clone(), locator.store, region.clone());
        groups.entry(key).or_default().push(request);
    }

    let mut batches: BTreeMap<_, Vec<Vec<Request>>> = BTreeMap::new();
    for ((role, store, _), requests) in groups {
        batches.entry(role).or_default().extend(match store {
            Store::SecretsManager => requests.into_iter().map(|request| vec![request]).collect(),
            Store::ParameterStore => parameter_store::batches(requests),
        });
    }
    batches
}

/// Sends the requests of a batch, which all have the same store, region and role, and returns their
/// answers. Requests that fail with an outage are sent again in the fallback regions, and then once
/// more in their own region ([`RetryBudget::region_turns`]). An outage because of a wrong clock is an exception,
/// because it would occur in every region.
///
/// A replica may lack the secret, or deny it, for reasons of its own. So the answer of the secret's
/// own region decides, and the answer of a replica only ends the search for another replica.
///
/// `begun` is the moment when the first of all batches began.
async fn read_with_failover(
    session: &Session,
    caller: &CallerIdentity,
    batch: Vec<Request>,
    begun: Instant,
) -> AnsweredRequests {
    let [first, ..] = &*batch else { return vec![] };
    let regions = session.settings.regions(&first.region);

    // Until this function ends, a message about a long wait names the requests.
    let progress = session.budget.progress();
    let _awaited: Vec<_> = batch
        .iter()
        .map(|request| progress.awaits(request.locator.to_string()))
        .collect();

    let mut answers = AnsweredRequests::with_capacity(batch.len());
    // The requests without an answer, each with the errors of the regions that were tried so far.
    let mut unanswered: Vec<_> = batch.into_iter().map(|request| (request, vec![])).collect();
    let has_given_way = Cell::default();
    for turn in session.budget.region_turns(begun, &regions, &has_given_way) {
        let (asked, others): (Vec<_>, _) = take(&mut unanswered)
            .into_iter()
            .partition(|(_, errors)| turn.may_help(errors));
        unanswered = others;
        let (requests, errors): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let region = turn.region;
        let results = read_in_region(session, caller, region, &requests, &turn.budget).await;

        for ((request, mut errors), result) in requests.into_iter().zip(errors).zip(results) {
            match result {
                Ok(mut document) => {
                    document.region = Some(region.clone());
                    if request.region != *region {
                        document.passed_over = errors;
                    }
                    answers.push((request, Ok(document)));
                }
                Err(error) => {
                    // Boxed, so that requests that succeed don't reserve space for this future.
                    let error = Box::pin(explained(session, &request, region, error)).await;
                    if request.region == *region && !error.next_try().is_in_next_region() {
                        let failure = FetchFailure::new(Some(region.clone()), error);
                        answers.push((request, Err(failure)));
                    } else {
                        if !turn.is_second {
                            errors.push((region.clone(), error));
                        }
                        unanswered.push((request, errors));
                    }
                }
            }
        }
    }
    let failed = unanswered
        .into_iter()
        .map(|(request, errors)| (request, Err(FetchFailure::in_regions(errors))));
    answers.extend(failed);
    answers
}

/// Reads the unanswered requests of a batch in one region. Returns one result for each request, in
/// the same order.
async fn read_in_region(
    session: &Session,
    caller: &CallerIdentity,
    region: &Region,
    requests: &[Request],
    budget: &RetryBudget<'_>,
) -> Vec<FetchResult<Document>> {
    // Earlier regions may have answered all requests.
    let [first, ..] = requests else { return vec![] };
    let store = first.locator.store;
    let client = match session.client(caller, Api::Store(store), region).await {
        Ok(client) => client,
        Err(error) => return vec![Err(error); requests.len()],
    };
    match store {
        // Boxed, so that the future for each secret doesn't reserve space for a batch of
        // parameters.
        Store::ParameterStore => {
            Box::pin(parameter_store::read_batch(&client, requests, budget)).await
        }
        // There is only one request, because each secret is a batch of its own.
        Store::SecretsManager => vec![secrets_manager::get_secret(&client, first, budget).await],
    }
}

/// Completes the error of a request. If the error is a denial, adds the caller's identity, which
/// may send a request to STS, unless AWS's message already names the caller (`User: ARN is not
/// authorized …`). If AWS refused the credentials, adds where these credentials come from.
async fn explained(
    session: &Session,
    request: &Request,
    region: &Region,
    error: FetchError,
) -> FetchError {
    let role = request.locator.role.as_ref();
    if error.has_unknown_caller() {
        return error.with_caller(session.caller_arn(role, region).await);
    }
    session.explain_refused(role, error)
}
