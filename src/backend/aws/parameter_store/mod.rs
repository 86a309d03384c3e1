//! SSM Parameter Store, with decryption: GetParameters, up to ten parameters in one request, and GetParametersByPath.

mod path;
mod response;

#[cfg(any(fuzzing, test))]
pub use path::read_page;
pub use response::{base_name, read_parameters, referenced_secret};

use std::collections::BTreeSet;

use serde_json::json;

use super::protocol::{Client, call};
use crate::backend::retry::RetryBudget;
use crate::model::answer::{Document, FetchError, Refusal};
use crate::model::reference::Locator;
use path::get_below;
use response::requested_name;

/// The limit of GetParameters.
pub const MAX_BATCH: usize = 10;

/// Splits requests of one region and role into batches: parameters by ten, and each path by itself.
///
/// A batch has each parameter once; a second version of a parameter is a batch by itself. A response may spell a name in another way, so
/// that two versions would be indistinguishable.
pub fn batches(requests: Vec<Locator>) -> Vec<Vec<Locator>> {
    let mut seen = BTreeSet::new();
    let is_first = |request: &Locator| {
        !request.is_path() && seen.insert(base_name(request.id.name()).to_owned())
    };
    let (first, alone): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_first);
    first
        .chunks(MAX_BATCH)
        .chain(alone.chunks(1))
        .map(<[Locator]>::to_vec)
        .collect()
}

/// Reads a batch, or a path by itself, in the client's region; returns one result for each request, in their order.
///
/// AWS denies a whole batch if one of its parameters is denied, and rejects it for one invalid name; an emulator may also answer that
/// one does not exist. Each parameter of such a batch is then requested alone, one after the other: a batch has one request in flight, so
/// that the limit on all of them holds.
pub async fn get(
    client: &Client,
    batch: &[Locator],
    budget: &RetryBudget,
) -> Vec<Result<Document, FetchError>> {
    if let [path] = batch
        && path.is_path()
    {
        return vec![get_below(client, path, budget).await];
    }
    match get_together(client, batch, budget).await {
        Err(
            FetchError::Denied { .. }
            | FetchError::NotFound { .. }
            | FetchError::Refused(Refusal::Request(_)),
        ) if batch.len() > 1 => {
            let mut results = Vec::new();
            for request in batch.chunks(1) {
                results.extend(
                    get_together(client, request, budget)
                        .await
                        .unwrap_or_else(|error| vec![Err(error)]),
                );
            }
            results
        }
        Ok(results) => results,
        Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// Returns one result for each of `requests`, in their order.
async fn get_together(
    client: &Client,
    requests: &[Locator],
    budget: &RetryBudget,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names: Vec<_> = requests
        .iter()
        .map(|request| requested_name(request, &client.region))
        .collect();
    let input = json!({ "Names": names, "WithDecryption": true });
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.id.to_string())
        .collect();
    let read = |body: &[u8]| read_parameters(body, requests, &client.region);
    call(
        client,
        "AmazonSSM.GetParameters",
        ids.join(", "),
        &input,
        budget,
        read,
    )
    .await
}
