//! The backend that reads from AWS. It sends each distinct request only once, and many requests at
//! the same time, each in its own region and with its own role.
//!
//! ```text
//! locators ─▶ group_by_request ─▶ requests ─▶ read_in_batches ─┬─▶ secrets_manager ─┬─▶ answers
//!             fills in the        each        a batch in one   └─▶ parameter_store ─┘      │
//!             region and          distinct    region after                                 ▼
//!             the role            one once    another            one answer ◀──────── distribute
//!                                                                for each locator     copies them
//! ```
//!
//! Failover: each request is sent in its own region and, after an outage there, in the fallback
//! regions, one after the other. If the request's own region denies access or doesn't have the
//! secret, no other region is asked.

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
pub use config::{IniSection, parse_ini};
pub use config::{Purpose, Settings, apply_profile, apply_settings, remove_empty_variables};
pub use iam_policy::{Policy, PolicyRequest, policy};
#[cfg(any(fuzzing, test))]
pub use replay::{RecordedResponse, replay};
pub use secrets_manager::parse_secret;
pub use service_errors::{code_and_message, malformed_response, not_sent, parse_service_error};

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use crate::model::answer::{Answer, Answers, Caller, DescribedSecret, Document};
use crate::model::message::{Circumstances, FetchError, FetchResult, Limit, Problem};
use crate::model::reference::{Locator, Region, Role, Store};
use crate::net::in_flight;
use crate::time::{Deadline, RetryBudget};
use credentials::{CALLER_VARIABLES, CallerIdentity, Kept};
use endpoints::Api;
use parameter_store::MAX_BATCH;
use session::{AnsweredRequests, Request, Session};

/// A launch's client for Secrets Manager and Parameter Store.
pub struct Aws {
    pub settings: Settings,
    deadline: Deadline,
    /// If there is no session yet, the next fetch opens one.
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

    /// Reads everything in `wanted` from AWS, and returns an answer for each locator.
    ///
    /// `limit` is a time limit besides the deadline, but it doesn't apply while the user types an
    /// MFA code. If AWS refuses credentials that the AWS CLI stored, everything is requested again
    /// without them.
    pub async fn answers(
        &mut self,
        wanted: &BTreeSet<&Locator>,
        limit: Option<Duration>,
    ) -> Result<Answers, Problem> {
        let deadline = self.deadline.clone();
        let session = self.session()?;
        session.access.settings.check_regions(wanted)?;
        let reading = async {
            let (requests, mut answers) = group_by_request(session, wanted).await;
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

    /// Removes a document that a fallback region sent, so that the secret's own region is asked
    /// again. If that region would fail again in the same way, its failure replaces the document.
    /// Call this only if the launch would fail with the document. Returns true if `answers`
    /// changed.
    ///
    /// After a removal, no fallback region is asked until [`Self::forget_failures`] is called.
    pub fn forget_replica(&mut self, locator: &Locator, answers: &mut Answers) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let Some(Ok(document)) = answers.get(locator) else {
            return false;
        };
        let Some(failure) = document.own_failure() else {
            return false;
        };
        // After AWS_MAX_ATTEMPTS attempts, a region isn't asked again.
        let may_answer_now = failure.next_try().is_here() && failure.limit() == Limit::Timeout;
        if may_answer_now {
            session.access.settings.remove_fallback_regions();
            answers.remove(locator);
        } else {
            answers.insert(locator.clone(), Err(failure));
        }
        true
    }

    /// If AWS refused credentials that the AWS CLI had stored, closes the session and returns true.
    /// The next session may ask for an MFA code.
    fn forget_refused_session(&mut self, answers: &Answers) -> bool {
        let session = self.session.as_ref();
        let is_refused = session.is_some_and(|session| session.is_stored_and_refused(answers));
        if is_refused {
            self.settings.ignore_stored_sessions();
            self.session = None;
        }
        is_refused
    }

    /// Forgets every failure, but keeps credentials until they expire: getting them may have
    /// required an MFA code, which works only once.
    pub fn forget_failures(&mut self) {
        match &mut self.session {
            Some(session) if session.has_credentials() => {
                session.forget_failures();
                let settings = &mut session.access.settings;
                settings.restore_fallback_regions(&self.settings);
            }
            // Opening a new session also rereads the configuration files, which may have changed.
            _ => self.session = None,
        }
    }

    /// A text whose hash becomes the name of the cache entry. Reads no files.
    ///
    /// Two requests have different keys if they read different things, read them in different
    /// places, or have different options or variables that select the caller. The key must never be
    /// printed, because it contains an access key id.
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
        // The paths are absolute and expanded, because a relative path, or one with `$NAME`, can
        // refer to different files in different launches.
        let files = settings.config_files.absolute_paths();
        // The key says whether the profile comes from an option, because only then does the profile
        // take precedence over access keys in variables.
        let is_profile_from_option = settings.options.profile.is_some();
        let profile = (is_profile_from_option, settings.profile_name());
        format!("{:?}", (parts, endpoints, profile, variables, files))
    }

    /// Finds out which of the secrets in `wanted` exist, without reading their values.
    ///
    /// Returns their descriptions, and the answers that follow: for each locator, a document
    /// without a value, or the failure that a launch would report. There is no answer for a
    /// parameter, or for a version id that isn't in the description.
    ///
    /// AWS is asked only in each secret's own region, and STS is asked who the caller is.
    pub async fn metadata(
        &mut self,
        wanted: &BTreeSet<&Locator>,
    ) -> Result<(Answers, Vec<DescribedSecret>), Problem> {
        let session = self.session()?;
        session.access.settings.check_regions(wanted)?;
        let mut secrets = wanted.clone();
        secrets.retain(|locator| locator.store == Store::SecretsManager);
        let (requests, mut answers) = group_by_request(session, &secrets).await;
        let distinct = Vec::from_iter(requests.keys().cloned());
        let (answered, described) = describe_requests(session, distinct).await;
        answers.append(&mut distribute(requests, answered));
        if self.forget_refused_session(&answers) {
            // As in `answers`, this recursion ends after one step.
            return Box::pin(self.metadata(wanted)).await;
        }
        Ok((answers, described))
    }

    /// Opens a session if necessary. This reads AWS's configuration files, and may ask the user for
    /// an MFA code.
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

    /// What messages about failed requests mention: the default region and account, if known
    /// ([`Session::defaults`]), and the profile of `--profile`.
    pub fn circumstances(&self) -> Circumstances {
        let defaults = self.session.as_ref().and_then(Session::defaults);
        let profile = self.settings.options.profile.as_ref();
        Circumstances::of_aws(defaults, profile.map(|profile| profile.value.clone()))
    }

    /// The identity that sent the requests. Its ARN is missing if STS wasn't asked or didn't
    /// answer.
    pub fn caller(&self) -> Option<Caller> {
        self.session.as_ref()?.caller()
    }
}

/// Describes the secrets of `requests`, and asks STS who the caller is
/// ([`Session::trace_identities`]).
async fn describe_requests(
    session: &mut Session,
    requests: Vec<Request>,
) -> (AnsweredRequests, Vec<DescribedSecret>) {
    // Without credentials, each request fails with this error, so it isn't returned here.
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

/// If AWS refused credentials, adds to the failure where they come from. Also records that a denied
/// request was for a description, so that the help names the right permission.
fn explain_failures(session: &Session, answers: &mut AnsweredRequests) {
    for (request, answer) in answers {
        let Err(error) = answer else { continue };
        *error = session
            .explain_refused_credentials(&request.role, error.clone())
            .of_description();
    }
}

/// The locators that each request fetches. For example, a locator that names the default region and
/// one that names no region share a request.
pub type LocatorsByRequest<'a, R> = BTreeMap<R, Vec<&'a Locator>>;

/// Gives each locator the answer to its request, if there is one.
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

/// Groups locators by the request that they need. The answers are the failures of locators whose
/// region isn't known. May ask the instance metadata service for the region.
async fn group_by_request<'a>(
    session: &Session,
    wanted: &BTreeSet<&'a Locator>,
) -> (LocatorsByRequest<'a, Request>, Answers) {
    let mut requests = LocatorsByRequest::new();
    let mut failures = Answers::new();
    for &locator in wanted {
        match session.request_for(locator).await {
            Ok(request) => requests.entry(request).or_default().push(locator),
            Err(error) => {
                failures.insert(locator.clone(), Err(error));
            }
        }
    }
    (requests, failures)
}

/// Reads the requests in batches. Assumes each role only once. With `-vv` and for `check`, also
/// asks STS who the caller is. If there are no credentials, nothing is sent, and all requests fail
/// with the same error.
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

    // Each role is assumed separately, so a slow answer from STS delays only the requests that need
    // that role.
    let ready = FuturesUnordered::new();
    for (role, batches) in batches_by_role(requests) {
        ready.push(async move {
            let caller = session.identity_for(&role).await;
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

/// Starts opening connections while the requests wait for credentials. If the credentials are in
/// variables, requests without a role don't wait, so they aren't counted.
async fn open_connections(session: &Session, requests: &[Request]) {
    if session.has_credentials() {
        return;
    }
    let mut counts: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
    for request in requests {
        if request.role.is_some() || session.access.settings.uses_profile() {
            *counts.entry((request.store, &request.region)).or_default() += 1;
        }
    }

    for ((store, region), count) in counts {
        let needed = match store {
            Store::SecretsManager => count,
            // Parameters are read in batches.
            Store::ParameterStore => count.div_ceil(MAX_BATCH),
        };
        let clients = &session.access.clients;
        let api = Api::Store(store);
        // A failure to find the endpoint is ignored here, because the requests will report it.
        if let Ok(endpoint) = clients.endpoints.endpoint(api, region).await {
            clients.http.preconnect(&endpoint, needed);
        }
    }
}

fn fail_all(requests: Vec<Request>, error: &FetchError) -> AnsweredRequests {
    requests
        .into_iter()
        .map(|request| request.answered(Err(error.clone())))
        .collect()
}

/// Each secret gets a batch of its own. Parameters in the same region share batches. No batch is
/// empty.
fn batches_by_role(requests: Vec<Request>) -> BTreeMap<Option<Role>, Vec<Vec<Request>>> {
    let mut groups: BTreeMap<_, Vec<Request>> = BTreeMap::new();
    for request in requests {
        let key = (request.role.clone(), request.store, request.region.clone());
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

/// Sends a batch of requests with the same store, region and role.
///
/// Requests that fail with an outage are sent again in the fallback regions, and then once more in
/// their own region ([`RetryBudget::region_turns`]). An outage that this machine's wrong clock
/// caused would occur in every region, so no other region is asked.
///
/// Only the secret's own region decides whether a secret exists and whether access to it is denied.
/// After an absence or a denial in a fallback region, no other fallback region is asked, but the
/// secret's own region still has its second turn.
///
/// `begun` is the time just before the first batch was started.
async fn read_with_failover(
    session: &Session,
    caller: &CallerIdentity,
    batch: Vec<Request>,
    begun: Instant,
) -> AnsweredRequests {
    let [first, ..] = &*batch else { return vec![] };
    let regions = session.access.settings.regions(&first.region);

    // If the launch has to wait long, its messages name these requests.
    let budget = &session.access.budget;
    let progress = budget.progress();
    let _awaited: Vec<_> = batch
        .iter()
        .map(|request| progress.awaits(request.to_string()))
        .collect();

    let mut answers = AnsweredRequests::with_capacity(batch.len());
    let mut open = Vec::with_capacity(batch.len());
    for request in batch {
        let errors = Vec::new();
        open.push(OpenRequest { request, errors });
    }
    for turn in budget.region_turns(begun, &regions) {
        let (asked, others): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|open| turn.may_help(&open.errors));
        open = others;
        let region = turn.region;
        let results = read_in_region(session, caller, region, &asked, &turn.budget).await;

        for (mut asked, result) in asked.into_iter().zip(results) {
            let is_own_region = asked.request.region == *region;
            match result {
                Ok(mut document) => {
                    document.region = Some(region.clone());
                    if !is_own_region {
                        document.passed_over = asked.errors;
                    }
                    answers.push((asked.request, Ok(document)));
                }
                Err(error) => {
                    // Boxed, so that requests that succeed don't reserve space for this future.
                    let error =
                        Box::pin(explain_failure(session, &asked.request, region, error)).await;
                    if is_own_region && !error.next_try().is_in_next_region() {
                        answers.push(asked.request.answered(Err(error)));
                        continue;
                    }
                    if !turn.is_second {
                        asked.errors.push((region.clone(), error));
                    }
                    open.push(asked);
                }
            }
        }
    }
    for OpenRequest { request, errors } in open {
        // `errors` isn't empty, because every request was sent to its own region.
        let error = FetchError::in_regions(errors);
        answers.extend(error.map(|error| (request, Err(error))));
    }
    answers
}

struct OpenRequest {
    request: Request,
    /// The errors from the regions tried so far.
    errors: Vec<(Region, FetchError)>,
}

/// Sends the open requests to one region. The results are in the same order.
async fn read_in_region(
    session: &Session,
    caller: &CallerIdentity,
    region: &Region,
    open: &[OpenRequest],
    budget: &RetryBudget<'_>,
) -> Vec<FetchResult<Document>> {
    let requests: Vec<&Request> = open.iter().map(|open| &open.request).collect();
    // Earlier regions may have answered all requests.
    let [first, ..] = *requests else {
        return vec![];
    };
    let store = first.store;
    let client = match session.client(caller, Api::Store(store), region).await {
        Ok(client) => client,
        Err(error) => return vec![Err(error); requests.len()],
    };
    match store {
        // Boxed, so that the future for each secret doesn't reserve space for a batch.
        Store::ParameterStore => {
            Box::pin(parameter_store::read_batch(&client, &requests, budget)).await
        }
        // Each secret is a batch of its own.
        Store::SecretsManager => vec![secrets_manager::get_secret(&client, first, budget).await],
    }
}

/// If access was denied, adds who was denied, and may ask STS for this. If AWS refused credentials,
/// adds where they come from. Other errors stay as they are.
async fn explain_failure(
    session: &Session,
    request: &Request,
    region: &Region,
    error: FetchError,
) -> FetchError {
    // AWS's message usually names the caller (`User: ARN is not authorized …`), so STS is rarely
    // asked.
    if error.has_unknown_caller() {
        let caller = session.caller_arn(&request.role, region).await;
        return error.with_caller(caller);
    }
    session.explain_refused_credentials(&request.role, error)
}
