//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

mod answer;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use self::answer::Answer;
use super::aws::Request;
use super::aws_json;
use super::classify::{Verdict, classify};
use super::client::Client;
use super::retry::{Patience, ask};
use crate::fetched::{Document, FetchError, Outage, Refusal};
use crate::reference::Region;

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
    let of_arn = || name.starts_with("arn:").then(|| name.split_once(":parameter/")).flatten();
    let name = of_arn().map_or(name, |(_, name)| name);
    name.strip_prefix("parameter/").unwrap_or(name).trim_start_matches('/')
}

/// Reads a batch: for each request, in order, what it came to.
///
/// AWS denies a batch as a whole when it denies one of its parameters, and refuses it as a whole for one bad name; which one
/// that is, is found out by asking for each alone.
pub(super) async fn get(
    client: &Client,
    requests: &[&Request],
    patience: &Patience,
) -> Vec<Result<Document, FetchError>> {
    match get_together(client, requests, patience).await {
        Ok(documents) => documents,
        Err(FetchError::Denied { .. } | FetchError::Refused(Refusal::Request(_))) if requests.len() > 1 => {
            let alone = requests.iter().map(|request| async move {
                match get_together(client, &[request], patience).await {
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
    patience: &Patience,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names = requests.iter().map(|request| Value::String(name(request, &client.region))).collect();
    let input = [("Names", Value::Array(names)), ("WithDecryption", Value::Bool(true))];
    let input = input.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let answer = ask(patience, async || {
        let output =
            aws_json::call(client, "AmazonSSM.GetParameters", &input).await.map_err(|error| classify(&error))?;
        let garbled = |why: &str| Verdict::Again(Outage::Garbled(why.to_owned()), None);
        let answer = Answer::read(output).ok_or_else(|| garbled("a response that is no list of parameters"))?;
        match requests.iter().all(|request| answer.is_about(request)) {
            true => Ok(answer),
            false => Err(garbled("a response that says nothing of a parameter")),
        }
    });
    let mut answer = answer.await?;
    Ok(requests.iter().map(|request| answer.take(request, &client.region)).collect())
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
