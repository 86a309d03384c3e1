//! What the agent answers: a secret or a parameter as JSON, an error of AWS's as JSON, or a word of its own as plain text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::backend::aws::{ArnScope, by_code, code_and_message};
use crate::model::answer::{Denial, Document, FetchError, Outage, Refusal};
use crate::model::reference::{SecretId, Version};
use crate::model::secret_value::SecretValue;
use crate::time::retry::Retry;

/// Reads a response. Nothing of it is kept but a value, and the code and message of AWS's own errors.
pub fn read(status: u16, body: &[u8], id: &SecretId, version: &Version) -> Result<Document, Retry> {
    let object = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Some(object),
        Ok(_) | Err(_) => None,
    };
    match (status, object) {
        (200, Some(mut object)) => match object.remove("Parameter") {
            Some(Value::Object(parameter)) => of_parameter(parameter, version),
            _ => of_secret(object, id.as_str(), version),
        },
        (200, None) => Err(unreadable(status)),
        (403, Some(error)) => Err(denied(by_error(status, &error))),
        (_, Some(error)) => Err(by_error(status, &error)),
        // A bad token.
        (403, None) => {
            let message = "the agent does not accept the token".to_owned();
            Err(Retry::Permanent(FetchError::Denied { message, cause: Denial::Token, identity: None }))
        }
        (429, None) => Err(Retry::Transient(Outage::Throttled("the agent has too many connections".to_owned()), None)),
        // Lambda's extension, before the function's own initialization is over.
        (400, None) if body.starts_with(b"not ready") => {
            Err(Retry::Transient(Outage::Service("the agent is not ready yet".to_owned()), None))
        }
        (500.., None) => Err(Retry::Transient(Outage::Service(format!("the agent: HTTP status {status}")), None)),
        (_, None) => {
            let text = format!("what answers in the agent's place, or the agent itself: HTTP status {status}");
            Err(Retry::Permanent(FetchError::Refused(Refusal::Request(text))))
        }
    }
}

/// An answer that is none.
pub fn unreadable(status: u16) -> Retry {
    let text = format!("a response (HTTP status {status}) that cannot be read");
    Retry::Transient(Outage::MalformedResponse(text), None)
}

/// Whatever the code, 403 is a no: nobody is asked again, and nobody else.
fn denied(verdict: Retry) -> Retry {
    match verdict {
        Retry::Transient(outage, _) => {
            let message = outage.text().to_owned();
            Retry::Permanent(FetchError::Denied { message, cause: Denial::PolicyOrMissing, identity: None })
        }
        verdict @ Retry::Permanent(_) => verdict,
    }
}

fn by_error(status: u16, error: &Map<String, Value>) -> Retry {
    let (code, message) = code_and_message(error);
    by_code(status, code, message, None, None)
}

/// GetSecretValue's answer. An error of serde's is not kept: it may quote a value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version_id: Option<String>,
    version_stages: Option<Vec<String>>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

fn of_secret(secret: Map<String, Value>, id: &str, version: &Version) -> Result<Document, Retry> {
    let secret: Secret = serde_json::from_value(Value::Object(secret)).map_err(|_| unreadable(200))?;
    let origin = ArnScope::of(secret.arn.as_deref());
    ArnScope::of(Some(id)).accepts(&origin).map_err(Retry::Permanent)?;
    if !SecretId::is_answer(id, secret.name.as_deref(), secret.arn.as_deref()) {
        return Err(unreadable(200));
    }
    let body = match (secret.secret_string, secret.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(base64)) => STANDARD.decode(base64).map(SecretValue::new).map_err(|_| unreadable(200))?,
        (None, None) => return Err(Retry::Permanent(FetchError::Refused(Refusal::NoValue))),
    };
    let stages = secret.version_stages.unwrap_or_default();
    if !version.is_answered_by(secret.version_id.as_deref(), &stages) {
        return Err(unreadable(200));
    }
    Ok(Document { version_id: secret.version_id, stages, region: origin.region, ..Document::new(body) })
}

/// The parameter in an answer of Lambda's extension.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version: Option<i64>,
    value: String,
}

fn of_parameter(parameter: Map<String, Value>, version: &Version) -> Result<Document, Retry> {
    let parameter: Parameter = serde_json::from_value(Value::Object(parameter)).map_err(|_| unreadable(200))?;
    let number = parameter.version.map(|version| version.to_string());
    if version.id().is_some_and(|wanted| number.as_deref().is_some_and(|number| number != wanted)) {
        return Err(unreadable(200));
    }
    let region = ArnScope::of(parameter.arn.as_deref()).region;
    let stages = version.label().map(str::to_owned).into_iter().collect();
    Ok(Document { version_id: number, stages, region, ..Document::new(SecretValue::new(parameter.value)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Retry {
        let (id, ..) = SecretId::parse("x").unwrap();
        read(status, body.as_bytes(), &id, &Version::Current).unwrap_err()
    }

    #[test]
    fn an_error_of_aws_means_what_it_means_without_the_agent() {
        let absent =
            r#"{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find the specified secret."}"#;
        assert!(matches!(verdict(400, absent), Retry::Permanent(FetchError::NotFound { .. })));
        let denied = r#"{"__type":"AccessDeniedException","message":"User: u is not authorized"}"#;
        assert!(matches!(verdict(400, denied), Retry::Permanent(FetchError::Denied { .. })));
        for (status, code) in [(504, "TimeoutError"), (502, "ConnectionError"), (500, "InternalFailure")] {
            let body = format!(r#"{{"__type":"{code}","message":"x"}}"#);
            assert!(matches!(verdict(status, &body), Retry::Transient(Outage::Service(_), _)), "{code}");
        }
    }

    #[test]
    fn the_agents_own_words_are_told_apart() {
        let token = verdict(403, "Bad Token");
        assert!(matches!(token, Retry::Permanent(FetchError::Denied { cause: Denial::Token, .. })));
        assert!(matches!(verdict(429, ""), Retry::Transient(Outage::Throttled(_), _)));
        assert!(matches!(verdict(400, "not ready to serve traffic, please wait"), Retry::Transient(..)));
        assert!(matches!(verdict(400, "Forwarded"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(verdict(404, "Not found"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(verdict(200, "<html>"), Retry::Transient(Outage::MalformedResponse(_), _)));
        assert!(matches!(verdict(200, "{}"), Retry::Transient(Outage::MalformedResponse(_), _)));
        let other = r#"{"Name":"y","SecretString":"of another secret"}"#;
        assert!(matches!(verdict(200, other), Retry::Transient(Outage::MalformedResponse(_), _)));
    }
}
