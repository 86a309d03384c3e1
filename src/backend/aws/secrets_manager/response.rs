//! The response of GetSecretValue, which the agent returns unchanged.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::backend::aws::protocol::{read_object, timestamp};
use crate::model::answer::{Document, Outage, Refusal};
use crate::model::reference::{Arn, SecretId, Version};
use crate::model::secret_value::SecretValue;
use crate::time::retry::Retry;

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
/// [`Outage::MalformedResponse`] for a body that is no such response, or is about another secret or version; a refusal for one
/// without a value. No error quotes the body.
pub fn read_secret(body: &[u8], id: &SecretId, version: &Version) -> Result<Document, Retry> {
    let response: GetSecretValueResponse =
        read_object(body).ok_or_else(|| malformed("a response that cannot be read"))?;
    let arn = response.arn.as_deref().and_then(Arn::parse);
    let stages = response.version_stages.unwrap_or_default();
    let is_requested = id.is_answered_by(response.name.as_deref(), arn.as_ref())
        && version.is_answered_by(response.version_id.as_deref(), &stages);
    if !is_requested {
        return Err(malformed("a response that is not about this secret"));
    }
    let body = match (response.secret_string, response.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64);
            bytes.map(SecretValue::new).map_err(|_| malformed("a response whose SecretBinary is not base64"))?
        }
        (None, None) => return Err(Refusal::NoValue.into()),
    };
    let region = arn.as_ref().and_then(Arn::region);
    let created = response.created_date.as_ref().and_then(timestamp);
    Ok(Document { version_id: response.version_id, stages, created, region, ..Document::new(body) })
}

fn malformed(why: &str) -> Retry {
    Outage::MalformedResponse(why.to_owned()).into()
}
