//! The answer of GetSecretValue, which the agent passes on as it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::backend::aws::arn_scope::ArnScope;
use crate::model::answer::{Document, FetchError, Outage, Refusal};
use crate::model::reference::{Arn, SecretId, Version};
use crate::model::secret_value::SecretValue;
use crate::time::retry::Retry;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueAnswer {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version_id: Option<String>,
    version_stages: Option<Vec<String>>,
    secret_string: Option<String>,
    /// In base64.
    secret_binary: Option<String>,
}

/// Reads the body of an answer to a request for a version of `id`.
///
/// # Errors
/// [`Outage::MalformedResponse`] for a body that is not such an answer, or is about another secret or version; a refusal for an answer
/// from outside of `scope` or without a value. No error quotes the body.
pub fn read_secret(body: &[u8], id: &SecretId, version: &Version, scope: &ArnScope) -> Result<Document, Retry> {
    // serde's error would quote the body.
    let answer: GetSecretValueAnswer =
        serde_json::from_slice(body).map_err(|_| malformed("a response that cannot be read"))?;
    let arn = answer.arn.as_deref().and_then(Arn::parse);
    let found = ArnScope::of(arn.as_ref());
    scope.accepts(&found).map_err(Retry::Permanent)?;
    let stages = answer.version_stages.unwrap_or_default();
    let is_answer = id.is_answered_by(answer.name.as_deref(), arn.as_ref())
        && version.is_answered_by(answer.version_id.as_deref(), &stages);
    if !is_answer {
        return Err(malformed("a response that is not about this secret"));
    }
    let body = match (answer.secret_string, answer.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(base64)) => {
            let bytes = STANDARD.decode(base64);
            bytes.map(SecretValue::new).map_err(|_| malformed("a response whose SecretBinary is not base64"))?
        }
        (None, None) => return Err(Retry::Permanent(FetchError::Refused(Refusal::NoValue))),
    };
    let region = scope.region.clone().or(found.region);
    Ok(Document { version_id: answer.version_id, stages, region, ..Document::new(body) })
}

fn malformed(why: &str) -> Retry {
    Retry::Transient(Outage::MalformedResponse(why.to_owned()), None)
}
