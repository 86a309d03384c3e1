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
use super::session::Session;
use super::{parameter_store, secrets_manager};
use crate::backend::retry::{RetryBudget, over_regions};
use crate::model::answer::{Answers, Cause, Denial, Document, FetchError, FetchFailure};
use crate::model::reference::{Locator, Region, Role, Store};
use crate::net::http::in_flight;

/// Sends the requests, which must all have a region, and returns one answer for each. Begins to
/// open connections, finds the credentials, and then sends many requests at the same time. Each
/// role is assumed once. With `-vv`, also asks STS who the caller is. If there are no credentials,
/// nothing is sent, and each answer is the error of the search.
pub async fn read_in_regions(session: &mut Session, requests: Vec<Locator>) -> Answers {
    let Some(first_region) = requests.first().and_then(|request| request.region.clone()) else {
        return Vec::new();
    };
    session.open_connections(&requests).await;
    if let Err(error) = session.find_credentials(&requests).await {
        return fail_all(requests, &error);
    }
    let (session, begun) = (&*session, Instant::now());

    // Each role is assumed separately, so that a slow STS only holds up the requests with that
    // role. If a role can't be assumed, [`read_batch`] gets the same error again, and it becomes
    // the answer.
    let ready = FuturesUnordered::new();
    for (role, batches) in batches(requests) {
        ready.push(async move {
            let _ = session.credentials(role.as_ref()).await;
            stream::iter(batches)
        });
    }
    let ready_batches = ready.flatten();
    let reading = ready_batches.map(|batch| read_batch(session, batch, begun));
    let (answers, ()) = join(in_flight(reading), session.trace_identities(&first_region)).await;
    answers.into_iter().flatten().collect()
}

/// Returns the same error for each request.
fn fail_all(requests: Vec<Locator>, error: &FetchError) -> Answers {
    let mut answers = Answers::new();
    for request in requests {
        let failure = FetchFailure::new(request.region.clone(), error.clone());
        answers.push((request, Err(failure)));
    }
    answers
}

/// Groups requests by their role. Within a role, each secret is a batch of its own, and the
/// parameters of a region are divided into batches.
fn batches(requests: Vec<Locator>) -> BTreeMap<Option<Role>, Vec<Vec<Locator>>> {
    let mut batches: BTreeMap<_, Vec<Vec<Locator>>> = BTreeMap::new();
    let mut parameters: BTreeMap<_, Vec<Locator>> = BTreeMap::new();
    for request in requests {
        let role = request.role.clone();
        match request.store {
            Store::SecretsManager => batches.entry(role).or_default().push(vec![request]),
            Store::ParameterStore => {
                let key = (request.region.clone(), role);
                parameters.entry(key).or_default().push(request);
            }
        }
    }
    for ((_, role), requests) in parameters {
        let of_role = batches.entry(role).or_default();
        of_role.extend(parameter_store::batches(requests));
    }
    batches
}

/// Sends the requests of a batch, which all have the same store, region and role. Requests that
/// fail with an outage are sent again in the fallback regions, one after the other. Returns one
/// answer for each request.
///
/// `begun` is the moment when the first of all batches began. The regions share the time from that
/// moment to the deadline, so that a later batch doesn't get a longer share.
async fn read_batch(session: &Session, requests: Vec<Locator>, begun: Instant) -> Answers {
    // Every request has a region by now, so only an empty batch ends here.
    let Some(Locator {
        store,
        region: Some(own_region),
        role,
        ..
    }) = requests.first().cloned()
    else {
        return Vec::new();
    };
    // Until these values are dropped at the end of this function, a message about a long wait names
    // the requests.
    let progress = session.budget.progress();
    let awaits = |request: &Locator| progress.awaits(request.to_string());
    let _awaited = Vec::from_iter(requests.iter().map(awaits));
    let credentials = match session.credentials(role.as_ref()).await {
        Ok(credentials) => credentials,
        Err(error) => return fail_all(requests, &error),
    };

    let unanswered = requests.into_iter().map(|sent| (sent, Vec::new()));
    let mut batch = Batch {
        session,
        store,
        credentials,
        unanswered: unanswered.collect(),
        answers: Answers::new(),
    };
    let regions = session.settings.regions(&own_region);
    let read_in = async |region: &Region, budget: RetryBudget| {
        let is_last = regions.last() == Some(region);
        batch.read_in(region, is_last, &budget).await
    };
    // In the last region, `read_in` answers all remaining requests with their failures. So the
    // error of `over_regions` is already among the answers.
    let _ = over_regions(&session.budget, begun, &regions, read_in).await;
    batch.answers
}

/// A batch that is sent in one region after the other.
struct Batch<'a> {
    session: &'a Session,
    store: Store,
    credentials: &'a Credentials,
    /// The requests that don't have an answer yet, each with its outages so far.
    unanswered: Vec<(Locator, Vec<(Region, FetchError)>)>,
    answers: Answers,
}

impl Batch<'_> {
    /// Sends the unanswered requests in a region, and adds their answers. A request that fails with
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
                    // This future is on the heap for the same reason as in `send`.
                    let explained =
                        Box::pin(with_identity(self.session, &request, region, error)).await;
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
        requests: &[Locator],
        budget: &RetryBudget,
    ) -> Vec<Result<Document, FetchError>> {
        let (clients, store) = (&self.session.clients, self.store);
        let client = clients.client(store.into(), region, Some(self.credentials));
        match (&client.await, store) {
            (Err(error), _) => requests.iter().map(|_| Err(error.clone())).collect(),
            // This future is on the heap, because there is one future of this function for each
            // secret, and each would otherwise include this one.
            (Ok(client), Store::ParameterStore) => {
                Box::pin(parameter_store::read_batch(client, requests, budget)).await
            }
            (Ok(client), Store::SecretsManager) => {
                let get = |request| secrets_manager::get_secret(client, request, budget);
                join_all(requests.iter().map(get)).await
            }
        }
    }
}

/// Adds the caller's identity to a denial whose message does not name the caller. This may send a
/// request to STS. If AWS refused the credentials, the error says which ones these are and where
/// they come from. Any other error is returned unchanged.
async fn with_identity(
    session: &Session,
    request: &Locator,
    region: &Region,
    mut error: FetchError,
) -> FetchError {
    if let Cause::Denied(Denial::Policy | Denial::PolicyOrMissing | Denial::Key) = error.cause
        && !error.reason().contains("User: ")
    {
        if let Some(identity) = session.identity(request.role.as_ref(), region).await {
            let note = format!("the caller is {identity}");
            error.problem.notes.push(note);
        }
        return error;
    }
    let credentials = session.credentials(request.role.as_ref()).await.ok();
    explain_refused_credentials(error, credentials)
}

/// Returns the failure of a request whose last region was `region`. If other regions were tried
/// before, the main error is the outage in the first of them, which is the secret's own region. A
/// denial or an absence in a fallback region does not prove anything about the secret.
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
