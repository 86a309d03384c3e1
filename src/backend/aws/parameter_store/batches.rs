//! Batches for GetParameters.

use std::collections::BTreeMap;

use super::names::base_name;
use crate::backend::aws::request::SecretRequest;

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
