//! SSM Parameter Store: GetParameters with decryption, ten parameters in one request.

mod answer;
mod batches;
mod names;

pub use answer::Parameter;
pub use batches::{MAX_BATCH, batches};

use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::protocol::{Client, call, classify};
use super::request::SecretRequest;
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::time::retry::{Retry, RetryBudget, retry};
use answer::GetParametersAnswer;
use names::requested_name;

/// A request and its answer.
type Answered = (SecretRequest, Result<Document, FetchError>);

/// Reads a batch in the client's region.
///
/// AWS denies a batch as a whole if one of its parameters is denied, and refuses it as a whole for one bad name. Which one that is,
/// is found by requests for each alone.
pub async fn get(client: &Client, batch: Vec<SecretRequest>, budget: &RetryBudget) -> Vec<Answered> {
    match get_together(client, &batch, budget).await {
        Err(FetchError::Denied { .. } | FetchError::Refused(Refusal::Request(_))) if batch.len() > 1 => {
            let alone = batch.into_iter().map(|request| get_alone(client, request, budget));
            join_all(alone).await
        }
        Ok(answers) => batch.into_iter().zip(answers).collect(),
        Err(error) => batch.into_iter().map(|request| (request, Err(error.clone()))).collect(),
    }
}

async fn get_alone(client: &Client, request: SecretRequest, budget: &RetryBudget) -> Answered {
    let answers = get_together(client, std::slice::from_ref(&request), budget).await;
    let unanswered = || Err(FetchError::Unavailable(Outage::unanswered()));
    let answer = answers.and_then(|answers| answers.into_iter().next().unwrap_or_else(unanswered));
    (request, answer)
}

/// Returns one answer for each of `requests`, in their order.
async fn get_together(
    client: &Client,
    requests: &[SecretRequest],
    budget: &RetryBudget,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names = requests.iter().map(|request| Value::String(requested_name(request, &client.region))).collect();
    let input = [("Names", Value::Array(names)), ("WithDecryption", Value::Bool(true))];
    let input: Map<_, _> = input.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let answer = retry(budget, async || {
        let body = call(client, "AmazonSSM.GetParameters", &input).await.map_err(|error| classify(&error))?;
        let malformed = |why: &str| Retry::Transient(Outage::MalformedResponse(why.to_owned()), None);
        let answer =
            GetParametersAnswer::read(&body).ok_or_else(|| malformed("a response that is no list of parameters"))?;
        if requests.iter().all(|request| answer.is_about(request)) {
            Ok(answer)
        } else {
            Err(malformed("a response that says nothing of a parameter"))
        }
    });
    let mut answer = answer.await?;
    Ok(requests.iter().map(|request| answer.take(request, &client.region)).collect())
}
