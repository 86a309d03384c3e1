//! Failover: each request is sent in its own region and, after an outage there, in the fallback regions, one after the other.
//!
//! A denial or an absence is an answer, so no other region is asked after it. If every region fails, the message is about the secret's own
//! region: what a fallback region says is only about the replica there.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::credentials::explain_refused_credentials;
use super::protocol::Client;
use super::session::Session;
use super::{parameter_store, secrets_manager};
use crate::backend::retry::{RetryBudget, over_regions};
use crate::model::answer::{Answers, Denial, Document, FetchError, FetchFailure, PassedOver};
use crate::model::reference::{Locator, Region, Role, Store};
use crate::net::connections::in_flight;

/// Sends the requests, which must all have a region, and returns one answer for each. Begins to open connections, finds the credentials, and then
/// sends many requests at the same time. Each role is assumed once. With `-vv`, also asks STS who the caller is. If there are no credentials, nothing
/// is sent, and each answer is the error of the search.
pub async fn read_all(session: &mut Session, requests: Vec<Locator>) -> Answers {
    let Some(first_region) = requests.first().and_then(|request| request.region.clone()) else {
        return Vec::new();
    };
    session.preconnect(&requests).await;
    if let Err(error) = session.find_credentials(&requests).await {
        return fail_all(requests, &error);
    }
    let (session, begun) = (&*session, Instant::now());

    // Each role is assumed separately, so that a slow STS only holds up the requests with that role. If a role can't be assumed, [`read_batch`] gets
    // the same error again, and it becomes the answer.
    let ready = FuturesUnordered::new();
    for (role, batches) in batches(requests) {
        ready.push(async move {
            let _ = session.credentials(role.as_ref()).await;
            stream::iter(batches)
        });
    }
    let reading = ready
        .flatten()
        .map(|batch| read_batch(session, batch, begun));
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

/// Groups requests by their role. Within a role, each secret is a batch of its own, and the parameters of a region are divided into batches.
fn batches(requests: Vec<Locator>) -> BTreeMap<Option<Role>, Vec<Vec<Locator>>> {
    let mut batches: BTreeMap<_, Vec<Vec<Locator>>> = BTreeMap::new();
    let mut parameters: BTreeMap<_, Vec<Locator>> = BTreeMap::new();
    for request in requests {
        match request.store {
            Store::SecretsManager => batches
                .entry(request.role.clone())
                .or_default()
                .push(vec![request]),
            Store::ParameterStore => {
                parameters
                    .entry((request.region.clone(), request.role.clone()))
                    .or_default()
                    .push(request);
            }
        }
    }
    for ((_, role), requests) in parameters {
        batches
            .entry(role)
            .or_default()
            .extend(parameter_store::batches(requests));
    }
    batches
}

/// Sends the requests of a batch, which all have the same store, region and role. Requests that fail with an outage are sent again in the fallback
/// regions, one after the other. Returns one answer for each request.
///
/// `begun` is the moment when the first of all batches began. The regions share the time from that moment to the deadline, so that a later batch
/// doesn't get a longer share.
async fn read_batch(session: &Session, batch: Vec<Locator>, begun: Instant) -> Answers {
    let Some(Locator {
        store,
        region: Some(own_region),
        role,
        ..
    }) = batch.first().cloned()
    else {
        return Vec::new();
    };
    let _awaited: Vec<_> = batch
        .iter()
        .map(|request| session.budget.progress().awaits(request.to_string()))
        .collect();
    let credentials = match session.credentials(role.as_ref()).await {
        Ok(credentials) => credentials,
        Err(error) => return fail_all(batch, &error),
    };

    let regions = session.settings.regions(&own_region);
    let mut answers = Vec::with_capacity(batch.len());
    // The requests that need another region, each with the outages so far.
    let mut unanswered: Vec<(Locator, Vec<PassedOver>)> = batch
        .into_iter()
        .map(|request| (request, Vec::new()))
        .collect();

    let read_in = async |region: &Region, budget: RetryBudget| {
        let (requests, earlier): (Vec<_>, Vec<_>) =
            std::mem::take(&mut unanswered).into_iter().unzip();
        let client = session
            .clients
            .client(store.into(), region, Some(credentials))
            .await;
        let results = match &client {
            Ok(client) => read_in_region(client, store, &requests, &budget).await,
            Err(error) => requests.iter().map(|_| Err(error.clone())).collect(),
        };

        let mut last_outage = Ok(());
        for ((request, mut passed_over), result) in requests.into_iter().zip(earlier).zip(results) {
            match result {
                Ok(document) => answers.push((
                    request,
                    Ok(Document {
                        passed_over,
                        ..document
                    }),
                )),
                Err(FetchError::Unavailable(outage))
                    if outage.again.is_in_next_region() && regions.last() != Some(region) =>
                {
                    last_outage = Err(outage.clone().into());
                    passed_over.push(PassedOver {
                        region: region.clone(),
                        outage,
                    });
                    unanswered.push((request, passed_over));
                }
                Err(error) => {
                    // This future is on the heap for the same reason as in `read_in_region`.
                    let error = Box::pin(with_identity(session, &request, region, error)).await;
                    answers.push((request, Err(failure(passed_over, region, error))));
                }
            }
        }
        // After an outage, `over_regions` goes on with the next region.
        last_outage
    };
    // The answers already contain each failure.
    let _ = over_regions(&session.budget, begun, &regions, read_in).await;
    answers
}

/// Sends the requests of a batch to the client's region. Returns one result for each request, in the same order.
async fn read_in_region(
    client: &Client,
    store: Store,
    requests: &[Locator],
    budget: &RetryBudget,
) -> Vec<Result<Document, FetchError>> {
    match store {
        // This future is on the heap, because there is one future of this function for each secret, and each would otherwise include this one.
        Store::ParameterStore => {
            Box::pin(parameter_store::read_batch(client, requests, budget)).await
        }
        Store::SecretsManager => {
            join_all(
                requests
                    .iter()
                    .map(|request| secrets_manager::get_secret(client, request, budget)),
            )
            .await
        }
    }
}

/// Adds the caller's identity to a denial whose message does not name the caller. This may send a request to STS. If AWS refused the credentials, the
/// error says which ones these are and where they come from. Any other error is returned unchanged.
async fn with_identity(
    session: &Session,
    request: &Locator,
    region: &Region,
    error: FetchError,
) -> FetchError {
    match error {
        FetchError::Denied {
            message,
            cause: cause @ (Denial::Policy | Denial::PolicyOrMissing | Denial::Key),
            ..
        } if !message.text.contains("User: ") => {
            let identity = session.identity(request.role.as_ref(), region).await;
            FetchError::Denied {
                message,
                cause,
                identity,
            }
        }
        other => explain_refused_credentials(
            other,
            session.credentials(request.role.as_ref()).await.ok(),
        ),
    }
}

/// Returns the failure of a request whose last region was `region`. If other regions were tried before, the main error is the outage in the first of
/// them, which is the secret's own region. A denial or an absence in a fallback region does not prove anything about the secret.
fn failure(passed_over: Vec<PassedOver>, region: &Region, error: FetchError) -> FetchFailure {
    let mut outages = passed_over
        .into_iter()
        .map(|passed| (passed.region, FetchError::Unavailable(passed.outage)));
    match outages.next() {
        None => FetchFailure::new(Some(region.clone()), error),
        Some((first, outage)) => {
            let elsewhere = outages.chain([(region.clone(), error)]).collect();
            FetchFailure {
                elsewhere,
                ..FetchFailure::new(Some(first), outage)
            }
        }
    }
}
