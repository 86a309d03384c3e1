//! AWS Secrets Manager: GetSecretValue.
//!
//! BatchGetSecretValue is not used: it requires another permission, takes no versions, is limited to 100 requests a second, and is
//! denied as a whole if one secret is denied.

mod response;

pub use response::read_secret;

use serde_json::{Map, Value};

use super::protocol::{Client, call, classify};
use super::request::SecretRequest;
use crate::model::answer::{Document, FetchError};
use crate::net::errors::host_and_port;
use crate::time::retry::{RetryBudget, retry};

/// Reads one version of a secret in the client's region.
///
/// # Errors
/// [`FetchError::Unavailable`] at the end of the budget, or else the meaning of AWS's error.
pub async fn get(client: &Client, request: &SecretRequest, budget: &RetryBudget) -> Result<Document, FetchError> {
    let id = request.id_in(&client.region);
    let mut input = Map::from_iter([("SecretId".to_owned(), Value::from(id.to_string()))]);
    let version = [("VersionStage", request.version.stage()), ("VersionId", request.version.id())];
    input.extend(version.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?)))));
    let budget = budget.for_request(|| format!("GetSecretValue of {id} at {}", host_and_port(&client.endpoint)));
    let document = retry(&budget, async || {
        let body = call(client, "secretsmanager.GetSecretValue", &input).await.map_err(|error| classify(&error))?;
        read_secret(&body, &id, &request.version)
    });
    Ok(Document { region: Some(client.region.clone()), ..document.await? })
}
