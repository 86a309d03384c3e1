//! Failover: each request in its own region and, after an outage there, in the fallback regions.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use futures_util::future::{join, join_all};

use super::request::{Limited, RegionResult, SecretRequest};
use super::session::Session;
use super::{parameter_store, secrets_manager};
use crate::backend::fan_out::Permits;
use crate::model::answer::{Answer, Denial, Document, FetchError, FetchFailure, Outage, PassedOver};
use crate::model::reference::{Region, Role, Store};
use crate::time::retry::RetryBudget;

/// A request and its answer.
type Answered = (SecretRequest, Answer);

/// Sends all requests at the same time, with the credentials of their roles, and calls `observe` with the answers of each as they come.
pub async fn read_all(
    session: &mut Session,
    requests: Vec<SecretRequest>,
    limited: &Limited,
    observe: &dyn Fn(&[Answered]),
) -> Vec<Answered> {
    let Some(region) = requests.first().map(|request| request.region.clone()) else { return Vec::new() };
    session.preconnect(&requests).await;
    let base = match session.ready_credentials(&requests, &region, limited).await {
        Ok(base) => base,
        Err(error) => return fail_all(requests, &error),
    };
    let (session, base, permits) = (&*session, &base, &Permits::new());
    let (limited_requests, others) = requests.into_iter().partition(|request| limited.requests.contains(request));
    let batches = batches(others).into_iter().chain(batches(limited_requests));
    let reading = batches.map(|batch| {
        let budget = limited.of(&batch).map_or_else(|| session.budget.clone(), |limit| session.budget.limited(limit));
        let awaited: Vec<_> =
            batch.iter().map(|request| session.deadline.progress().awaits(request.to_string())).collect();
        // Boxed, since a future of many kilobytes would be moved several times.
        Box::pin(async move {
            let answers = read_batch(session, base, permits, &budget, batch).await;
            drop(awaited);
            observe(&answers);
            answers
        })
    });
    let (answers, ()) = join(join_all(reading), session.trace_identities(&region, base)).await;
    answers.into_iter().flatten().collect()
}

fn fail_all(requests: Vec<SecretRequest>, error: &FetchError) -> Vec<Answered> {
    let failure = |request: &SecretRequest| FetchFailure::new(Some(request.region.clone()), error.clone());
    requests.into_iter().map(|request| (request.clone(), Err(failure(&request)))).collect()
}

/// Groups requests that are sent as one: each secret alone, parameters of one region and role in batches.
fn batches(requests: Vec<SecretRequest>) -> Vec<Vec<SecretRequest>> {
    let (parameters, secrets): (Vec<_>, Vec<_>) =
        requests.into_iter().partition(|request| request.store == Store::ParameterStore);
    let mut groups: BTreeMap<(Region, Option<Role>), Vec<SecretRequest>> = BTreeMap::new();
    for request in parameters {
        groups.entry((request.region.clone(), request.role.clone())).or_default().push(request);
    }
    let secrets = secrets.into_iter().map(|request| vec![request]);
    secrets.chain(groups.into_values().flat_map(parameter_store::batches)).collect()
}

async fn read_batch(
    session: &Session,
    base: &Credentials,
    permits: &Permits,
    budget: &RetryBudget,
    batch: Vec<SecretRequest>,
) -> Vec<Answered> {
    let Some(first) = batch.first() else { return Vec::new() };
    match session.credentials(first.role.as_ref(), base) {
        Ok(credentials) => {
            let (region, role) = (first.region.clone(), first.role.clone());
            RoleReader { session, base, role, credentials, permits, budget }.read(&region, batch).await
        }
        Err(error) => fail_all(batch, &error),
    }
}

/// A reader with the credentials of one role.
struct RoleReader<'a> {
    session: &'a Session,
    base: &'a Credentials,
    /// `None` if `credentials` are `base`.
    role: Option<Role>,
    credentials: &'a Credentials,
    permits: &'a Permits,
    budget: &'a RetryBudget,
}

/// A request without an answer yet, and the regions with an outage so far.
struct Pending {
    request: SecretRequest,
    passed_over: Vec<PassedOver>,
}

impl RoleReader<'_> {
    /// Reads a batch from its region, and the requests that fail by an outage there from the fallback regions in turn.
    async fn read(&self, region: &Region, batch: Vec<SecretRequest>) -> Vec<Answered> {
        let regions = self.session.settings.regions(region);
        let mut answers = Vec::new();
        let mut unanswered: BTreeMap<SecretRequest, Vec<PassedOver>> =
            batch.into_iter().map(|request| (request, Vec::new())).collect();
        for (index, region) in regions.iter().enumerate() {
            let budget = self.budget.share(regions.len() - index);
            let is_last = index + 1 == regions.len();
            let requests = unanswered.keys().cloned().collect();
            for (request, found) in self.read_region(region, requests, &budget).await {
                let mut pending = Pending { passed_over: unanswered.remove(&request).unwrap_or_default(), request };
                match found {
                    Ok(document) => answers.push(pending.answered(document)),
                    Err(FetchError::Unavailable(outage)) if !is_last && is_regional(&outage) => {
                        pending.passed_over.push(PassedOver { region: region.clone(), outage });
                        unanswered.insert(pending.request, pending.passed_over);
                    }
                    Err(error) => answers.push(pending.failed(region, self.with_identity(error, region).await)),
                }
            }
            if unanswered.is_empty() {
                break;
            }
        }
        answers
    }

    /// Reads from one region; returns one result for each request.
    async fn read_region(
        &self,
        region: &Region,
        requests: Vec<SecretRequest>,
        budget: &RetryBudget,
    ) -> Vec<RegionResult> {
        let Some(store) = requests.first().map(|request| request.store) else { return Vec::new() };
        let fail = |error: FetchError| requests.iter().map(|request| (request.clone(), Err(error.clone()))).collect();
        let client = match self.session.clients.client(store.into(), region, self.credentials).await {
            Ok(client) => client,
            Err(error) => return fail(error),
        };
        let reading = async {
            match store {
                Store::ParameterStore => parameter_store::get(&client, requests.clone(), budget).await,
                Store::SecretsManager => {
                    let reading = requests
                        .iter()
                        .map(async |request| (request.clone(), secrets_manager::get(&client, request, budget).await));
                    join_all(reading).await
                }
            }
        };
        let results = self.permits.run(budget, reading).await;
        results.unwrap_or_else(|| fail(FetchError::Unavailable(Outage::unanswered())))
    }

    /// Adds the caller's identity to a denial whose message does not name it.
    async fn with_identity(&self, error: FetchError, region: &Region) -> FetchError {
        match error {
            FetchError::Denied {
                message,
                cause: cause @ (Denial::Policy | Denial::PolicyOrMissing | Denial::Key),
                ..
            } if !message.contains("User: ") => {
                let identity = self.session.identity(self.role.as_ref(), region, self.base).await;
                FetchError::Denied { message, cause, identity }
            }
            FetchError::NotFound { .. }
            | FetchError::Denied { .. }
            | FetchError::Unavailable(_)
            | FetchError::Refused(_)
            | FetchError::NoCredentials(_)
            | FetchError::NoRegion => error,
        }
    }
}

/// True for an outage of a region; a wrong clock is wrong in every region.
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

impl Pending {
    fn answered(self, document: Document) -> Answered {
        (self.request, Ok(Document { passed_over: self.passed_over, ..document }))
    }

    /// Puts the outage of the secret's own region first: a denial or an absence in a fallback region proves nothing about the secret.
    fn failed(self, region: &Region, error: FetchError) -> Answered {
        let passed_over = self.passed_over.into_iter();
        let mut failures = passed_over.map(|passed| (passed.region, FetchError::Unavailable(passed.outage)));
        let failure = match failures.next() {
            None => FetchFailure::new(Some(region.clone()), error),
            Some((first, outage)) => {
                let elsewhere = failures.chain([(region.clone(), error)]).collect();
                FetchFailure { elsewhere, ..FetchFailure::new(Some(first), outage) }
            }
        };
        (self.request, Err(failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::{SecretId, Version};

    fn request(id: &str) -> SecretRequest {
        let (store, id) = SecretId::parse(id).unwrap();
        let region = Region::parse("us-east-1").unwrap();
        SecretRequest { region, role: None, store, id, version: Version::Current }
    }

    #[test]
    fn secrets_are_requested_one_by_one_and_parameters_by_ten() {
        let ids: Vec<String> = (0..12).map(|n| format!("ssm:/p/{n}")).chain(["a".into(), "b".into()]).collect();
        let mut sizes: Vec<usize> = batches(ids.iter().map(|id| request(id)).collect()).iter().map(Vec::len).collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [1, 1, 2, 10]);
    }

    #[test]
    fn a_failure_has_the_outage_of_the_first_region_and_below_it_the_errors_of_the_fallback_regions() {
        let region = |name| Region::parse(name).unwrap();
        let outage = Outage::Service("500".to_owned());
        let passed_over = vec![PassedOver { region: region("us-east-1"), outage: outage.clone() }];
        let pending = Pending { request: request("a"), passed_over };
        let failure = pending.failed(&region("us-west-2"), FetchError::NoRegion).1.unwrap_err();
        assert_eq!(failure.region, Some(region("us-east-1")));
        assert_eq!(failure.error, FetchError::Unavailable(outage));
        assert_eq!(failure.elsewhere, [(region("us-west-2"), FetchError::NoRegion)]);
    }
}
