//! AWS Secrets Manager: GetSecretValue.
//!
//! BatchGetSecretValue is not used: it requires another permission, takes no versions, is limited to 100 requests a second, and is
//! denied as a whole if one secret is denied.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{Client, call, read_object, timestamp};
use crate::backend::retry::RetryBudget;
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::model::reference::{Arn, Locator, SecretId, Version};
use crate::model::secret_value::SecretValue;

/// Reads one version of a secret in the client's region.
///
/// # Errors
/// [`FetchError::Unavailable`] at the end of the budget, or else the meaning of AWS's error.
pub async fn get(
    client: &Client,
    request: &Locator,
    budget: &RetryBudget,
) -> Result<Document, FetchError> {
    let id = request.id.in_region(&client.region);
    let mut input = json!({ "SecretId": id.to_string() });
    if let Some(stage) = request.version.stage() {
        input["VersionStage"] = stage.into();
    }
    if let Some(version) = request.version.id() {
        input["VersionId"] = version.into();
    }
    let read = |body: &[u8]| read_secret(body, &id, &request.version);
    let document = call(
        client,
        "secretsmanager.GetSecretValue",
        &id,
        &input,
        budget,
        read,
    )
    .await?;
    Ok(Document {
        region: Some(client.region.clone()),
        ..document
    })
}

/// The response of GetSecretValue, which the agent returns unchanged.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueResponse {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version_id: Option<String>,
    version_stages: Option<Vec<String>>,
    created_date: Option<Value>,
    secret_string: Option<String>,
    /// In base64.
    secret_binary: Option<String>,
}

/// Reads the body of a response to a request for a version of `id`.
///
/// # Errors
/// [`OutageKind::MalformedResponse`] for a body that is no such response, or is about another secret or version; a refusal for one
/// without a value. No error quotes the body.
pub fn read_secret(body: &[u8], id: &SecretId, version: &Version) -> Result<Document, FetchError> {
    let response: GetSecretValueResponse =
        read_object(body).ok_or_else(|| Outage::malformed("a response that cannot be read"))?;
    let arn = response.arn.as_deref().and_then(Arn::parse);
    let stages = response.version_stages.unwrap_or_default();
    let is_requested = id.is_answered_by(response.name.as_deref(), arn.as_ref())
        && version.is_answered_by(response.version_id.as_deref(), &stages);
    if !is_requested {
        return Err(Outage::malformed("a response that is not about this secret").into());
    }
    let body = match (response.secret_string, response.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64);
            bytes
                .map(SecretValue::new)
                .map_err(|_| Outage::malformed("a response whose SecretBinary is not base64"))?
        }
        (None, None) => return Err(Refusal::NoValue.into()),
    };
    let region = arn.as_ref().and_then(Arn::region);
    let created = response.created_date.as_ref().and_then(timestamp);
    Ok(Document {
        version_id: response.version_id,
        stages,
        created,
        region,
        ..Document::new(body)
    })
}
