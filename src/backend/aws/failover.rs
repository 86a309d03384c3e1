//! AWS itself: each distinct request once, in its region and with its role, many at once.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::request::Request;
use super::session::Session;
use super::{parameter_store, secrets_manager};
use crate::model::answer::{Denial, Document, FetchError, FetchFailure, Outage, PassedOver};
use crate::model::reference::{Region, Role, Store};
use crate::net::connector::MAX_CONNECTIONS;

type Answer = Result<Document, FetchFailure>;

pub async fn send_all(session: &mut Session, requests: Vec<Request>) -> Vec<(Request, Answer)> {
    let Some(first) = requests.first() else { return Vec::new() };
    session.prepare(&requests).await;
    let base = match session.base_credentials(&first.region).await {
        Ok(base) => base,
        Err(error) => {
            let failure = |request: &Request| FetchFailure::new(Some(request.region.clone()), error.clone());
            return requests.iter().map(|request| (request.clone(), Err(failure(request)))).collect();
        }
    };
    let roles = requests.iter().filter_map(|request| request.role.clone()).collect();
    session.assume(roles, &first.region, &base).await;
    session.deadline.mark_credentials_found();
    let session = &*session;
    let places = Semaphore::new(MAX_CONNECTIONS);
    let reading = jobs(requests).into_iter().map(|job| read(session, &base, &places, job));
    join_all(reading).await.into_iter().flatten().collect()
}

/// Requests that are sent as one.
fn jobs(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let (parameters, secrets): (Vec<_>, Vec<_>) =
        requests.into_iter().partition(|request| request.store == Store::ParameterStore);
    let mut places: BTreeMap<(Region, Option<Role>), Vec<Request>> = BTreeMap::new();
    for request in parameters {
        places.entry((request.region.clone(), request.role.clone())).or_default().push(request);
    }
    let secrets = secrets.into_iter().map(|request| vec![request]);
    secrets.chain(places.into_values().flat_map(parameter_store::batches)).collect()
}

/// Reads what is asked for together from its region and, what that fails to give for reasons of its own, from the next.
pub async fn read(
    session: &Session,
    base: &Credentials,
    places: &Semaphore,
    job: Vec<Request>,
) -> Vec<(Request, Answer)> {
    let Some(first) = job.first() else { return Vec::new() };
    let (role, store) = (first.role.clone(), first.store);
    let credentials = match session.credentials(role.as_ref(), base) {
        Ok(credentials) => credentials,
        Err(error) => {
            let failure = |request: &Request| FetchFailure::new(Some(request.region.clone()), error.clone());
            return job.iter().map(|request| (request.clone(), Err(failure(request)))).collect();
        }
    };
    let regions = session.regions(&first.region);
    let mut answers = Vec::new();
    let mut open: Vec<(Request, Vec<PassedOver>)> = job.into_iter().map(|request| (request, Vec::new())).collect();
    for (index, region) in regions.iter().enumerate() {
        let budget = session.budget.share(regions.len() - index);
        let asked: Vec<&Request> = open.iter().map(|(request, _)| request).collect();
        let found = match budget.within(places.acquire()).await {
            // The semaphore is never closed.
            None | Some(Err(_)) => asked.iter().map(|_| Err(FetchError::Unavailable(Outage::unanswered()))).collect(),
            Some(Ok(_place)) => match (session.clients.client(store.into(), region, credentials).await, store) {
                (Ok(client), Store::SecretsManager) => {
                    join_all(asked.iter().map(|request| secrets_manager::get(&client, request, &budget))).await
                }
                (Ok(client), Store::ParameterStore) => parameter_store::get(&client, &asked, &budget).await,
                (Err(error), _) => asked.iter().map(|_| Err(error.clone())).collect(),
            },
        };
        let has_next = index + 1 < regions.len();
        for ((request, mut passed_over), found) in std::mem::take(&mut open).into_iter().zip(found) {
            match found {
                Ok(document) => answers.push((request, Ok(Document { passed_over, ..document }))),
                Err(FetchError::Unavailable(outage)) if has_next && is_regional(&outage) => {
                    passed_over.push(PassedOver { region: region.clone(), outage });
                    open.push((request, passed_over));
                }
                Err(error) => {
                    let error = identified(session, error, role.as_ref(), region, base).await;
                    answers.push((request, Err(failure(region, error, passed_over))));
                }
            }
        }
        if open.is_empty() {
            break;
        }
    }
    answers
}

/// Tells an outage of one region from one of this machine: a wrong clock is wrong everywhere.
fn is_regional(outage: &Outage) -> bool {
    match outage {
        Outage::Throttled(_)
        | Outage::Service(_)
        | Outage::Timeout(_)
        | Outage::Connection(_)
        | Outage::MalformedResponse(_) => true,
        Outage::ClockSkew(_) => false,
    }
}

/// That a fallback region denies a secret or has none says nothing about the secret: what failed is its own region.
fn failure(region: &Region, error: FetchError, passed_over: Vec<PassedOver>) -> FetchFailure {
    let mut failures = passed_over.into_iter().map(|passed| (passed.region, FetchError::Unavailable(passed.outage)));
    match failures.next() {
        None => FetchFailure::new(Some(region.clone()), error),
        Some((first, outage)) => {
            let elsewhere = failures.chain([(region.clone(), error)]).collect();
            FetchFailure { elsewhere, ..FetchFailure::new(Some(first), outage) }
        }
    }
}

/// A denial with the name of whoever was denied, where AWS did not say it.
async fn identified(
    session: &Session,
    error: FetchError,
    role: Option<&Role>,
    region: &Region,
    base: &Credentials,
) -> FetchError {
    match error {
        FetchError::Denied {
            message, cause: cause @ (Denial::Policy | Denial::PolicyOrMissing | Denial::Key), ..
        } if !message.contains("User: ") => {
            let identity = session.identity(role, region, base).await;
            FetchError::Denied { message, cause, identity }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::SecretId;
    use crate::model::reference::Version;

    fn request(id: &str) -> Request {
        let (id, store, _) = SecretId::parse(id).unwrap();
        let region = Region::parse("us-east-1").unwrap();
        Request { region, role: None, store, id, version: Version::Current }
    }

    #[test]
    fn secrets_are_asked_for_one_by_one_and_parameters_by_ten() {
        let ids: Vec<String> = (0..12).map(|n| format!("ssm:/p/{n}")).chain(["a".into(), "b".into()]).collect();
        let mut sizes: Vec<usize> = jobs(ids.iter().map(|id| request(id)).collect()).iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 2, 10]);
    }

    #[test]
    fn what_a_fallback_region_says_is_told_beneath_the_outage_of_the_first() {
        let region = |name| Region::parse(name).unwrap();
        let outage = Outage::Service("500".to_owned());
        let passed = vec![PassedOver { region: region("us-east-1"), outage: outage.clone() }];
        let failure = failure(&region("us-west-2"), FetchError::NoRegion, passed);
        assert_eq!(failure.region, Some(region("us-east-1")));
        assert_eq!(failure.error, FetchError::Unavailable(outage));
        assert_eq!(failure.elsewhere, [(region("us-west-2"), FetchError::NoRegion)]);
    }
}
