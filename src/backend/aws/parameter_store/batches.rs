//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

use std::collections::BTreeMap;

use super::names::base;
use crate::backend::aws::request::Request;

/// AWS's own limit.
pub const BATCH: usize = 10;

/// Requests of one region and role, put together. One request names a parameter once, so that an answer, which need not spell
/// the name as it was asked for, is told apart.
pub fn batches(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut nth: BTreeMap<String, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<Request>> = Vec::new();
    for request in requests {
        let round = nth.entry(base(request.id.resource_name()).to_owned()).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        rounds.get_mut(*round).into_iter().for_each(|batch| batch.push(request.clone()));
        *round += 1;
    }
    rounds.iter().flat_map(|round| round.chunks(BATCH)).map(<[Request]>::to_vec).collect()
}
