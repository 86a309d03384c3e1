//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::operation::get_parameters::GetParametersOutput;
use aws_sdk_ssm::types::Parameter;
use futures_util::future::join_all;

use super::aws::Request;
use super::classify::{Verdict, classify};
use super::retry::{Patience, ask};
use crate::fetched::{Document, FetchError, Missing, Outage, Refusal};
use crate::reference::Region;
use crate::secret::SecretValue;

/// AWS's own limit.
pub(super) const BATCH: usize = 10;

/// Requests of one region and role, put together. One request names a parameter once, so that an answer, which need not spell
/// the name as it was asked for, is told apart.
pub(super) fn batches(requests: Vec<Request>) -> Vec<Vec<Request>> {
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

/// A parameter's name as its ARN, its plain name and its name with a leading slash have it in common.
fn base(name: &str) -> &str {
    let name = name.strip_prefix("ssm:").unwrap_or(name);
    let name = name.split_once(":parameter/").map_or(name, |(_, name)| name);
    name.strip_prefix("parameter/").unwrap_or(name).trim_start_matches('/')
}

/// Reads a batch: for each request, in order, what it came to.
///
/// AWS denies a batch as a whole when it denies one of its parameters, and refuses it as a whole for one bad name; which one
/// that is, is found out by asking for each alone.
pub(super) async fn get(
    client: &Client,
    requests: &[&Request],
    region: &Region,
    patience: &Patience,
) -> Vec<Result<Document, FetchError>> {
    match get_together(client, requests, region, patience).await {
        Ok(documents) => documents,
        Err(FetchError::Denied { .. } | FetchError::Refused(Refusal::Request(_))) if requests.len() > 1 => {
            let alone = requests.iter().map(|request| async move {
                match get_together(client, &[request], region, patience).await {
                    Ok(documents) => documents.into_iter().next().unwrap_or_else(|| Err(unanswered())),
                    Err(error) => Err(error),
                }
            });
            join_all(alone).await
        }
        Err(error) => requests.iter().map(|_| Err(error.clone())).collect(),
    }
}

async fn get_together(
    client: &Client,
    requests: &[&Request],
    region: &Region,
    patience: &Patience,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names: Vec<String> = requests.iter().map(|request| name(request, region)).collect();
    let output = ask(patience, async || {
        let asking = client.get_parameters().set_names(Some(names.clone())).with_decryption(true);
        asking.send().await.map_err(|error| classify(&error)).and_then(|output| match output {
            // An object without either of its lists is not AWS's.
            GetParametersOutput { parameters: None, invalid_parameters: None, .. } => {
                Err(Verdict::Again(Outage::Garbled("a response that is no list of parameters".to_owned()), None))
            }
            output => Ok(output),
        })
    });
    let mut output = output.await?;
    // The only answer to the only question, whatever it calls itself: a secret that is asked for as a parameter has its own name.
    if let ([request], [parameter]) = (requests, output.parameters())
        && output.invalid_parameters().is_empty()
    {
        return Ok(vec![document(parameter.clone(), request, region)]);
    }
    Ok(requests.iter().map(|request| take(&mut output, request, region)).collect())
}

/// `NAME`, `NAME:LABEL` or `NAME:VERSION`, or the same of an ARN.
fn name(request: &Request, region: &Region) -> String {
    let id = request.id_in(region);
    let name = id.strip_prefix("ssm:").unwrap_or(&id);
    match selector(request) {
        Some(selector) => format!("{name}:{selector}"),
        None => name.to_owned(),
    }
}

/// A label or a version number. A parameter has no staging labels; the newest version is asked for by naming none.
fn selector(request: &Request) -> Option<&str> {
    request.version.label().or(request.version.id())
}

/// What the answer has for one request.
fn take(output: &mut GetParametersOutput, request: &Request, region: &Region) -> Result<Document, FetchError> {
    let wanted = base(request.id.resource_name());
    let is_wanted = |parameter: &Parameter| {
        let names = [parameter.name(), parameter.arn()];
        names.into_iter().flatten().any(|name| base(name) == wanted)
    };
    let parameters = output.parameters.get_or_insert_default();
    let Some(at) = parameters.iter().position(is_wanted) else {
        let without_selector = |name: &str| match selector(request) {
            Some(selector) => base(name).strip_suffix(selector).and_then(|name| name.strip_suffix(':')) == Some(wanted),
            None => base(name) == wanted,
        };
        if !output.invalid_parameters().iter().any(|name| without_selector(name)) {
            return Err(unanswered());
        }
        let missing = if selector(request).is_some() { Missing::Version } else { Missing::Secret };
        return Err(FetchError::NotFound { missing, nearest: None });
    };
    document(parameters.swap_remove(at), request, region)
}

fn document(parameter: Parameter, request: &Request, region: &Region) -> Result<Document, FetchError> {
    let Some(value) = parameter.value else { return Err(FetchError::Refused(Refusal::NoValue)) };
    let stages = request.version.label().map(str::to_owned).into_iter().collect();
    Ok(Document {
        body: SecretValue::new(value),
        version_id: Some(parameter.version.to_string()),
        stages,
        region: Some(region.clone()),
        passed_over: Vec::new(),
    })
}

fn unanswered() -> FetchError {
    FetchError::Unavailable(Outage::Garbled("a response that says nothing of this parameter".to_owned()))
}
