//! Failover: each request in its own region and, after an outage there, in the fallback regions.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::credentials::naming_credentials;
use super::session::Session;
use super::{parameter_store, secrets_manager};
use crate::backend::retry::{RetryBudget, over_regions};
use crate::model::answer::{Answers, Denial, Document, FetchError, FetchFailure, PassedOver};
use crate::model::reference::{Locator, Region, Role, Store};
use crate::net::connections::in_flight;

/// Answers complete locators, many at the same time, with the credentials of their roles.
pub async fn read_all(session: &mut Session, requests: Vec<Locator>) -> Answers {
    let Some(region) = requests.first().and_then(|request| request.region.clone()) else {
        return Vec::new();
    };
    session.preconnect(&requests).await;
    if let Err(error) = session.find_credentials(&requests).await {
        return fail_all(requests, &error);
    }
    let (session, begun) = (&*session, Instant::now());
    // A role that STS does not give in time holds up its own requests alone.
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
    let (answers, ()) = join(in_flight(reading), session.trace_identities(&region)).await;
    answers.into_iter().flatten().collect()
}

fn fail_all(requests: Vec<Locator>, error: &FetchError) -> Answers {
    requests
        .into_iter()
        .map(|request| {
            (
                request.clone(),
                Err(FetchFailure::new(request.region, error.clone())),
            )
        })
        .collect()
}

/// Groups requests by role: each secret alone, the parameters of a region in batches.
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

/// Reads a batch from its region, and the requests that fail by an outage there from the fallback regions in turn.
///
/// The regions share the time since `begun`, the beginning of all requests, so that a later batch does not begin its shares anew.
async fn read_batch(session: &Session, batch: Vec<Locator>, begun: Instant) -> Answers {
    let Some(Locator {
        store,
        region: Some(region),
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
    let regions = session.settings.regions(&region);
    let mut answers = Vec::with_capacity(batch.len());
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
        let found = match (&client, store) {
            (Err(error), _) => requests.iter().map(|_| Err(error.clone())).collect(),
            // On the heap: each secret has a future of this function, which would have room for this one.
            (Ok(client), Store::ParameterStore) => {
                Box::pin(parameter_store::get(client, &requests, &budget)).await
            }
            (Ok(client), Store::SecretsManager) => {
                join_all(
                    requests
                        .iter()
                        .map(|request| secrets_manager::get(client, request, &budget)),
                )
                .await
            }
        };

        let mut result = Ok(());
        for ((request, mut passed_over), found) in requests.into_iter().zip(earlier).zip(found) {
            match found {
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
                    result = Err(outage.clone().into());
                    let region = region.clone();
                    passed_over.push(PassedOver { region, outage });
                    unanswered.push((request, passed_over));
                }
                Err(error) => {
                    // On the heap, too.
                    let error = Box::pin(with_identity(session, &request, region, error)).await;
                    answers.push((request, Err(failure(passed_over, region, error))));
                }
            }
        }
        result
    };
    // The answers have each failure.
    let _ = over_regions(&session.budget, begun, &regions, read_in).await;
    answers
}

/// Adds the caller's identity to a denial whose message does not name it, or the credentials to an error that refuses them.
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
        other => naming_credentials(other, session.credentials(request.role.as_ref()).await.ok()),
    }
}

/// Puts the outage of the secret's own region first: a denial or an absence in a fallback region proves nothing about the secret.
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
