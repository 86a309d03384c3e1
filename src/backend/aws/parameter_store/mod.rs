//! SSM Parameter Store, with decryption: GetParameters, up to ten parameters in one request, and GetParametersByPath.

mod path;
mod response;

pub use response::{base_name, referenced_secret};

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::protocol::{Client, call, classify};
use super::request::{RegionResult, SecretRequest};
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::net::errors::host_and_port;
use crate::time::retry::{Retry, RetryBudget, retry};
use path::get_below;
use response::{GetParametersResponse, requested_name};

/// The limit of GetParameters.
pub const MAX_BATCH: usize = 10;

/// Splits requests of one region and role into batches: each path by itself, and parameters by ten.
///
/// A batch has each parameter once: a response may spell its name in another way, so that two versions would be indistinguishable.
pub fn batches(requests: Vec<SecretRequest>) -> Vec<Vec<SecretRequest>> {
    let (paths, requests): (Vec<_>, Vec<_>) = requests.into_iter().partition(SecretRequest::is_path);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<SecretRequest>> = Vec::new();
    for request in requests {
        let round = seen.entry(base_name(request.id.name()).to_owned()).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        if let Some(batch) = rounds.get_mut(*round) {
            batch.push(request);
        }
        *round += 1;
    }
    let batches = rounds.iter().flat_map(|round| round.chunks(MAX_BATCH)).map(<[SecretRequest]>::to_vec);
    batches.chain(paths.into_iter().map(|path| vec![path])).collect()
}

/// Reads a batch, or a path by itself, in the client's region.
///
/// AWS denies a whole batch if one of its parameters is denied, and rejects it for one invalid name; an emulator may also answer that
/// one does not exist. Each parameter of such a batch is then requested alone.
pub async fn get(client: &Client, batch: Vec<SecretRequest>, budget: &RetryBudget) -> Vec<RegionResult> {
    if let [path] = batch.as_slice()
        && path.is_path()
    {
        return vec![(path.clone(), get_below(client, path, budget).await)];
    }
    match get_together(client, &batch, budget).await {
        Err(FetchError::Denied { .. } | FetchError::NotFound { .. } | FetchError::Refused(Refusal::Request(_)))
            if batch.len() > 1 =>
        {
            let alone = batch.into_iter().map(|request| get_alone(client, request, budget));
            join_all(alone).await
        }
        Ok(results) => batch.into_iter().zip(results).collect(),
        Err(error) => batch.into_iter().map(|request| (request, Err(error.clone()))).collect(),
    }
}

async fn get_alone(client: &Client, request: SecretRequest, budget: &RetryBudget) -> RegionResult {
    let results = get_together(client, std::slice::from_ref(&request), budget).await;
    let unanswered = || Err(FetchError::Unavailable(Outage::unanswered()));
    let result = results.and_then(|results| results.into_iter().next().unwrap_or_else(unanswered));
    (request, result)
}

/// Returns one result for each of `requests`, in their order.
async fn get_together(
    client: &Client,
    requests: &[SecretRequest],
    budget: &RetryBudget,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names = requests.iter().map(|request| Value::String(requested_name(request, &client.region))).collect();
    let input = [("Names", Value::Array(names)), ("WithDecryption", Value::Bool(true))];
    let input: Map<_, _> = input.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let budget = budget.for_request(|| {
        let ids: Vec<_> = requests.iter().map(|request| request.id.to_string()).collect();
        format!("GetParameters of {} at {}", ids.join(", "), host_and_port(&client.endpoint))
    });
    let response = retry(&budget, async || {
        let body = call(client, "AmazonSSM.GetParameters", &input).await.map_err(|error| classify(&error))?;
        let malformed = |why: &str| Retry::from(Outage::MalformedResponse(why.to_owned()));
        let response =
            GetParametersResponse::read(&body).ok_or_else(|| malformed("a response without a list of parameters"))?;
        if requests.iter().all(|request| response.is_about(request)) {
            Ok(response)
        } else {
            Err(malformed("a response without one of the parameters"))
        }
    });
    let mut response = response.await?;
    Ok(requests.iter().map(|request| response.take(request, &client.region)).collect())
}
