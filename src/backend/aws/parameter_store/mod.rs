//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

mod answer;
mod batches;
mod names;

pub use batches::{BATCH, batches};

use futures_util::future::join_all;
use serde_json::Value;

use crate::backend::aws::protocol;
use crate::backend::aws::protocol::{Client, classify};
use crate::backend::aws::request::Request;
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::time::retry::{Retry, RetryBudget, retry};
use answer::Answer;
use names::name;

/// Reads a batch: for each request, in order, what it came to.
///
/// AWS denies a batch as a whole when it denies one of its parameters, and refuses it as a whole for one bad name; which one
/// that is, is found out by asking for each alone.
pub async fn get(client: &Client, requests: &[&Request], budget: &RetryBudget) -> Vec<Result<Document, FetchError>> {
    match get_together(client, requests, budget).await {
        Ok(documents) => documents,
        Err(FetchError::Denied { .. } | FetchError::Refused(Refusal::Request(_))) if requests.len() > 1 => {
            let alone = requests.iter().map(|request| async move {
                match get_together(client, &[request], budget).await {
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
    budget: &RetryBudget,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names = requests.iter().map(|request| Value::String(name(request, &client.region))).collect();
    let input = [("DnsResolver", Value::Array(names)), ("WithDecryption", Value::Bool(true))];
    let input = input.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let answer = retry(budget, async || {
        let output =
            protocol::call(client, "AmazonSSM.GetParameters", &input).await.map_err(|error| classify(&error))?;
        let malformed = |why: &str| Retry::Transient(Outage::MalformedResponse(why.to_owned()), None);
        let answer = Answer::read(output).ok_or_else(|| malformed("a response that is no list of parameters"))?;
        match requests.iter().all(|request| answer.is_about(request)) {
            true => Ok(answer),
            false => Err(malformed("a response that says nothing of a parameter")),
        }
    });
    let mut answer = answer.await?;
    Ok(requests.iter().map(|request| answer.take(request, &client.region)).collect())
}
