//! The agent's responses: a secret as JSON, an error of AWS as JSON, or a text of its own.

use serde_json::Value;

use crate::backend::aws::{ServiceError, code_and_message, read_secret};
use crate::model::answer::{Denial, Document, FetchError, Outage, OutageKind, Refusal};
use crate::model::reference::Locator;

/// Reads a response. Of its body, only a value and the code and message of AWS's own errors are kept.
///
/// # Errors
/// The meaning of AWS's error code, or else of the status.
pub fn parse(status: u16, body: &[u8], request: &Locator) -> Result<Document, FetchError> {
    if status == 200 {
        return read_document(body, request);
    }
    let Ok(Value::Object(error)) = serde_json::from_slice(body) else {
        return Err(classify_text(status, request.role.is_some()));
    };
    let (code, message) = code_and_message(&error);
    if status == 403 && code.is_none() {
        return Err(FetchError::denied(
            "HTTP status 403",
            Denial::PolicyOrMissing,
        ));
    }
    let error = ServiceError {
        code,
        message,
        ..ServiceError::new(status, |_| None)
    };
    match error.classify() {
        // The agent's own words: every error of AssumeRole is a 403.
        FetchError::Denied { message, .. } if message.text.contains("caching client from role") => {
            Err(FetchError::denied(message, Denial::Role))
        }
        // A 403 is a denial with every code: neither the agent nor AWS is tried again.
        FetchError::Unavailable(outage) if status == 403 && outage.again.is_here() => {
            Err(FetchError::denied(outage.reason, Denial::PolicyOrMissing))
        }
        classified => Err(classified),
    }
}

/// Reads a secret. The agent was not told the region, so that a secret of this name in another one would be taken for the requested one.
fn read_document(body: &[u8], request: &Locator) -> Result<Document, FetchError> {
    let document = read_secret(body, &request.id, &request.version)?;
    match (&request.region, &document.region) {
        (Some(asked), Some(found)) if asked != found => {
            Err(Refusal::Agent("reads only in its own region").into())
        }
        (Some(_), None) => Ok(Document {
            region: request.region.clone(),
            ..document
        }),
        (Some(_) | None, _) => Ok(document),
    }
}

/// Classifies an error that is not JSON. Agents before 2.1 answer a role with a 400.
fn classify_text(status: u16, has_role: bool) -> FetchError {
    match status {
        403 => FetchError::denied("the agent does not accept the token", Denial::Token),
        429 => Outage::new(OutageKind::Throttled, "the agent has too many connections").into(),
        500.. => Outage::new(
            OutageKind::Service,
            format!("the agent: HTTP status {status}"),
        )
        .into(),
        400 if has_role => {
            Refusal::Agent("refuses the role, or is older than 2.1 and assumes none").into()
        }
        _ => Refusal::Request(
            format!("the agent, or another service at its URL: HTTP status {status}").into(),
        )
        .into(),
    }
}
