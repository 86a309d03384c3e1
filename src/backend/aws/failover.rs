//! Failover: each request is sent in its own region and, after an outage there, in the fallback
//! regions, one after the other.
//!
//! A denial or an absence is an answer, so no other region is asked after it. If every region
//! fails, the message is about the secret's own region: what a fallback region says is only about
//! the replica there.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use futures_util::future::{join, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::credentials::explain_refused_credentials;
use super::parameter_store::MAX_BATCH;
use super::session::{Request, RequestAnswers, Session};
use super::{parameter_store, secrets_manager};
use crate::backend::retry::{RetryBudget, over_regions};
use crate::model::answer::{Cause, Denial, Document, FetchError, FetchFailure};
use crate::model::reference::{Region, Role, Store};
use crate::net::http::in_flight;

/// Sends the requests and returns one answer for each. Starts opening connections, finds the
/// credentials, and then sends many requests at the same time. Each role is assumed once. With
/// `-vv`, also asks STS who the caller is. If there are no credentials, nothing is sent, and each
/// answer is the error of the search.
pub async fn read_in_regions(session: &mut Session, requests: Vec<Request>) -> RequestAnswers {
    let Some(first_region) = requests.first().map(|request| request.region.clone()) else {
        return RequestAnswers::new();
    };
    open_connections(session, &requests).await;
    if let Err(error) = session.find_credentials(&requests).await {
        return fail_all(requests, &error);
    }
    let (session, begun) = (&*session, Instant::now());

    // Each role is assumed separately, so that a slow STS only delays the requests with that role.
    let ready = FuturesUnordered::new();
    for (role, batches) in batches(requests) {
        ready.push(async move {
            let credentials = session.credentials(role.as_ref()).await;
            stream::iter(batches).map(move |batch| (batch, credentials.clone()))
        });
    }
    let ready_batches = ready.flatten();
    let reading = ready_batches
        .map(|(requests, credentials)| read_batch(session, credentials, requests, begun));
    let (answers, ()) = join(in_flight(reading), session.trace_identities(&first_region)).await;
    answers.into_iter().flatten().collect()
}

/// Starts opening connections for the requests that have to wait for credentials, so that both
/// happen at the same time.
///
/// Does nothing for a request that can be sent immediately: if an earlier try of `--wait` has found
/// credentials, or if the credentials are in variables and the request doesn't have a role.
async fn open_connections(session: &Session, requests: &[Request]) {
    if session.has_credentials() {
        return;
    }
    let mut counts: BTreeMap<(Store, &Region), usize> = BTreeMap::new();
    for Request { locator, region } in requests {
        if locator.role.is_some() || !session.settings.has_static_keys() {
            *counts.entry((locator.store, region)).or_default() += 1;
        }
    }
    for ((store, region), count) in counts {
        let connections = match store {
            Store::SecretsManager => count,
            Store::ParameterStore => count.div_ceil(MAX_BATCH),
        };
        let clients = &session.clients;
        clients
            .connect_early(store.into(), region, connections)
            .await;
    }
}

/// Returns the same error for each request.
fn fail_all(requests: Vec<Request>, error: &FetchError) -> RequestAnswers {
    let fail = |request: Request| {
        let failure = FetchFailure::new(Some(request.region.clone()), error.clone());
        (request, Err(failure))
    };
    requests.into_iter().map(fail).collect()
}

/// Groups requests by their role. Within a role, each secret is a batch of its own, and the
/// parameters of a region are divided into batches. No batch is empty.
fn batches(requests: Vec<Request>) -> BTreeMap<Option<Role>, Vec<Vec<Request>>> {
    let mut batches: BTreeMap<_, Vec<Vec<Request>>> = BTreeMap::new();
    let mut parameters: BTreeMap<_, Vec<Request>> = BTreeMap::new();
    for request in requests {
        let role = request.locator.role.clone();
        match request.locator.store {
            Store::SecretsManager => batches.entry(role).or_default().push(vec![request]),
            Store::ParameterStore => {
                let key = (request.region.clone(), role);
                parameters.entry(key).or_default().push(request);
            }
        }
    }
    for ((_, role), requests) in parameters {
        let role_batches = batches.entry(role).or_default();
        role_batches.extend(parameter_store::batches(requests));
    }
    batches
}

/// Sends the requests of a batch, which all have the same store, region and role. Requests that
/// fail with an outage are sent again in the fallback regions, one after the other. Returns one
/// answer for each request. If `credentials` is an error, every answer is that error.
///
/// `begun` is the moment when the first of all batches began. The regions share the time from that
/// moment to the deadline, so that later batches don't get longer shares.
async fn read_batch(
    session: &Session,
    credentials: Result<&Credentials, FetchError>,
    requests: Vec<Request>,
    begun: Instant,
) -> RequestAnswers {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return fail_all(requests, &error),
    };
    let Some(Request { locator, region }) = requests.first() else {
        return RequestAnswers::new();
    };
    let (store, regions) = (locator.store, session.settings.regions(region));
    // These values are dropped at the end of this function. Until then, a message about a long wait
    // names the requests.
    let progress = session.budget.progress();
    let awaits = |request: &Request| progress.awaits(request.locator.to_string());
    let _awaited = Vec::from_iter(requests.iter().map(awaits));

    let unanswered = requests.into_iter().map(|sent| (sent, Vec::new()));
    let mut batch = Batch {
        session,
        store,
        credentials,
        unanswered: unanswered.collect(),
        answers: RequestAnswers::new(),
    };
    let read_in = async |region: &Region, budget: RetryBudget| {
        let is_last = regions.last() == Some(region);
        batch.read_in(region, is_last, &budget).await
    };
    // In the last region, `read_in` answers all remaining requests with their failures. So the
    // answers already include the error of `over_regions`.
    let _ = over_regions(&session.budget, begun, &regions, read_in).await;
    batch.answers
}

/// A batch that is sent in one region after the other.
struct Batch<'a> {
    session: &'a Session,
    store: Store,
    credentials: &'a Credentials,
    /// The requests that don't have an answer yet, each with its outages so far.
    unanswered: Vec<(Request, Vec<(Region, FetchError)>)>,
    answers: RequestAnswers,
}

impl Batch<'_> {
    /// Sends the unanswered requests in a region and adds their answers. A request that fails with
    /// an outage stays unanswered, unless this is the last region.
    ///
    /// # Errors
    /// The outage of a request that stays unanswered, so that the next region is asked.
    async fn read_in(
        &mut self,
        region: &Region,
        is_last: bool,
        budget: &RetryBudget,
    ) -> Result<(), FetchError> {
        let (requests, earlier): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unanswered).into_iter().unzip();
        let results = self.send(region, &requests, budget).await;

        let mut last_outage = Ok(());
        for ((request, mut passed_over), result) in requests.into_iter().zip(earlier).zip(results) {
            let answer = match result {
                Ok(document) => Ok(Document {
                    passed_over,
                    ..document
                }),
                Err(outage) if outage.again.is_in_next_region() && !is_last => {
                    last_outage = Err(outage.clone());
                    passed_over.push((region.clone(), outage));
                    self.unanswered.push((request, passed_over));
                    continue;
                }
                Err(error) => {
                    // Boxed for the same reason as in `send`.
                    let explained = Box::pin(self.explained(&request, region, error)).await;
                    Err(failure(passed_over, region, explained))
                }
            };
            self.answers.push((request, answer));
        }
        last_outage
    }

    /// Sends requests in a region. Returns one result for each request, in the same order.
    async fn send(
        &self,
        region: &Region,
        requests: &[Request],
        budget: &RetryBudget,
    ) -> Vec<Result<Document, FetchError>> {
        let (clients, store) = (&self.session.clients, self.store);
        let client = clients.client(store.into(), region, Some(self.credentials));
        match (&client.await, store) {
            (Err(error), _) => requests.iter().map(|_| Err(error.clone())).collect(),
            // Boxed, because this function has one future for each secret, and each of them would
            // otherwise reserve space for this future.
            (Ok(client), Store::ParameterStore) => {
                Box::pin(parameter_store::read_batch(client, requests, budget)).await
            }
            (Ok(client), Store::SecretsManager) => {
                let get = |request| secrets_manager::get_secret(client, request, budget);
                join_all(requests.iter().map(get)).await
            }
        }
    }

    /// Adds the caller's identity to a denial whose message does not name the caller, which may
    /// send a request to STS. If AWS refused the credentials, the error says which ones and where
    /// they come from. Any other error is returned unchanged.
    async fn explained(
        &self,
        request: &Request,
        region: &Region,
        mut error: FetchError,
    ) -> FetchError {
        if let Cause::Denied(Denial::Policy | Denial::PolicyOrMissing | Denial::Key) = error.cause
            && !error.reason().contains("User: ")
        {
            let role = request.locator.role.as_ref();
            if let Some(identity) = self.session.identity(role, region).await {
                let note = format!("the caller is {identity}");
                error.problem.notes.push(note);
            }
            return error;
        }
        explain_refused_credentials(error, Some(self.credentials))
    }
}

/// Returns the failure of a request whose last region was `region`. If other regions were tried
/// before, the main error is the outage in the first one, the secret's own region. A denial or an
/// absence in a fallback region does not prove anything about the secret.
fn failure(
    passed_over: Vec<(Region, FetchError)>,
    region: &Region,
    error: FetchError,
) -> FetchFailure {
    let mut errors = passed_over;
    errors.push((region.clone(), error));
    let (own_region, own_error) = errors.remove(0);
    FetchFailure {
        elsewhere: errors,
        ..FetchFailure::new(Some(own_region), own_error)
    }
}
