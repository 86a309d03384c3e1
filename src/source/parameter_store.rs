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
use crate::reference::{Region, SecretId};
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
                    Ok(documents) => documents
                        .into_iter()
                        .next()
                        .unwrap_or_else(|| Err(FetchError::Unavailable(Outage::unanswered()))),
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
            output if requests.iter().all(|request| is_answered(&output, request)) => Ok(output),
            _ => Err(Verdict::Again(Outage::Garbled("a response that says nothing of a parameter".to_owned()), None)),
        })
    });
    let mut output = output.await?;
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

/// Whether a parameter is the one that is asked for, in the version that is.
fn is_wanted(parameter: &Parameter, request: &Request) -> bool {
    let wanted = base(request.id.resource_name());
    let names = [parameter.name(), parameter.arn()];
    // A secret that is asked for as a parameter may go by its own name.
    let alias = wanted.strip_prefix("aws/reference/secretsmanager/");
    let is_named = |name: &str| {
        base(name) == wanted || alias.is_some_and(|alias| SecretId::is_answer(alias, Some(name), Some(name)))
    };
    let is_version = |version: &str| version.parse() == Ok(parameter.version);
    names.into_iter().flatten().any(is_named) && request.version.id().is_none_or(is_version)
}

/// Whether a name that AWS does not know is the one that is asked for.
fn is_missing(name: &str, request: &Request) -> bool {
    let wanted = base(request.id.resource_name());
    match selector(request) {
        Some(selector) => base(name).strip_suffix(selector).and_then(|name| name.strip_suffix(':')) == Some(wanted),
        None => base(name) == wanted,
    }
}

fn is_answered(output: &GetParametersOutput, request: &Request) -> bool {
    output.parameters().iter().any(|parameter| is_wanted(parameter, request))
        || output.invalid_parameters().iter().any(|name| is_missing(name, request))
}

/// What the answer has for one request: what is not there is missing.
fn take(output: &mut GetParametersOutput, request: &Request, region: &Region) -> Result<Document, FetchError> {
    let parameters = output.parameters.get_or_insert_default();
    match parameters.iter().position(|parameter| is_wanted(parameter, request)) {
        Some(at) => document(parameters.swap_remove(at), request, region),
        None => {
            let missing = if selector(request).is_some() { Missing::Version } else { Missing::Secret };
            Err(FetchError::NotFound { missing, nearest: None })
        }
    }
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
