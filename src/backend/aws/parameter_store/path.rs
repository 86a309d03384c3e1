//! GetParametersByPath: all parameters below a path, page by page.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::response::{GetParametersByPathResponse, Page};
use crate::backend::aws::protocol::{Client, call, classify};
use crate::backend::aws::request::SecretRequest;
use crate::model::answer::{Document, FetchError, Missing, Outage};
use crate::model::reference::SecretId;
use crate::model::secret_value::SecretValue;
use crate::net::errors::host_and_port;
use crate::time::retry::{Retry, RetryBudget, retry};

/// The limit of GetParametersByPath.
const MAX_PAGE: u64 = 10;

/// Reads every parameter below the path of `request` in the client's region.
///
/// A page may be empty although others follow: only a page that names no next one is the last.
pub async fn get_below(client: &Client, request: &SecretRequest, budget: &RetryBudget) -> Result<Document, FetchError> {
    let mut found = BTreeMap::new();
    let mut token: Option<String> = None;
    loop {
        let Page { parameters, next_token } = get_page(client, request, token.as_deref(), budget).await?;
        for (name, parameter) in parameters {
            found.insert(name, parameter.into_document(&request.version, &client.region)?);
        }
        if next_token.is_none() {
            break;
        }
        if next_token == token {
            return Err(FetchError::Unavailable(malformed("a page of parameters that is its own next page")));
        }
        token = next_token;
    }
    if found.is_empty() {
        return Err(FetchError::NotFound { missing: Missing::Secret, nearest: None });
    }
    let region = Some(client.region.clone());
    Ok(Document { region, parameters: found.into_iter().collect(), ..Document::new(SecretValue::new("")) })
}

async fn get_page(
    client: &Client,
    request: &SecretRequest,
    token: Option<&str>,
    budget: &RetryBudget,
) -> Result<Page, FetchError> {
    let path = path(&request.id);
    let mut input: Map<String, Value> = Map::new();
    input.insert("Path".to_owned(), Value::String(path.clone()));
    input.insert("Recursive".to_owned(), Value::Bool(true));
    input.insert("WithDecryption".to_owned(), Value::Bool(true));
    input.insert("MaxResults".to_owned(), Value::Number(MAX_PAGE.into()));
    if let Some(token) = token {
        input.insert("NextToken".to_owned(), Value::String(token.to_owned()));
    }
    let budget = budget.for_request(|| format!("GetParametersByPath of {path} at {}", host_and_port(&client.endpoint)));
    retry(&budget, async || {
        let body = call(client, "AmazonSSM.GetParametersByPath", &input).await.map_err(|error| classify(&error))?;
        let transient = |why| Retry::Transient(malformed(why), None);
        let page = GetParametersByPathResponse::read(&body)
            .ok_or_else(|| transient("a response that is no list of parameters"))?;
        page.below(&path).ok_or_else(|| transient("a response with a parameter of another path"))
    })
    .await
}

fn malformed(why: &str) -> Outage {
    Outage::MalformedResponse(why.to_owned())
}

/// The path with a slash at both ends. AWS authorizes it as it is written, and most policies name `parameter/PATH/*`.
fn path(id: &SecretId) -> String {
    match id {
        SecretId::Name(name) => name.clone(),
        SecretId::Arn(_) => format!("/{}", id.name()),
    }
}
