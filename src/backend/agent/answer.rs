//! The agent's answers: a secret or a parameter as JSON, an error of AWS as JSON, or a text of its own.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::request::AgentRequest;
use crate::backend::aws::{ArnScope, Parameter, ServiceError, code_and_message, read_secret};
use crate::model::answer::{Denial, Document, FetchError, Outage, Refusal};
use crate::model::reference::Store;
use crate::time::retry::Retry;

/// Reads an answer. Of its body nothing is kept but a value, and the code and message of AWS's own errors.
pub fn read(status: u16, body: &[u8], request: &AgentRequest) -> Result<Document, Retry> {
    if status == 200 {
        return read_document(body, request);
    }
    let Ok(Value::Object(error)) = serde_json::from_slice(body) else {
        return Err(classify_text(status, body));
    };
    match service_error(status, &error) {
        // Whatever the code, a 403 is a denial: neither the agent nor AWS is asked again.
        Retry::Transient(outage, _) if status == 403 => {
            let message = outage.text().to_owned();
            Err(denied(message, Denial::PolicyOrMissing))
        }
        classified => Err(classified),
    }
}

/// The answer of Lambda's extension for a parameter.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterAnswer {
    parameter: Parameter,
}

fn read_document(body: &[u8], request: &AgentRequest) -> Result<Document, Retry> {
    let scope = ArnScope::asked(&request.id, None, request.region.as_ref());
    match request.store {
        Store::SecretsManager => read_secret(body, &request.id, &request.version, &scope),
        Store::ParameterStore => {
            // serde's error would quote the body.
            let answer: GetParameterAnswer = serde_json::from_slice(body).map_err(|_| malformed(200))?;
            if !answer.parameter.has_version(&request.version) {
                return Err(malformed(200));
            }
            answer.parameter.into_document(&request.version, &scope).map_err(Retry::Permanent)
        }
    }
}

/// The failure of an answer that cannot be read.
pub fn malformed(status: u16) -> Retry {
    Retry::Transient(Outage::MalformedResponse(format!("a response (HTTP status {status}) that cannot be read")), None)
}

fn denied(message: String, cause: Denial) -> Retry {
    Retry::Permanent(FetchError::Denied { message, cause, identity: None })
}

fn service_error(status: u16, error: &Map<String, Value>) -> Retry {
    let (code, message) = code_and_message(error);
    ServiceError { status, code, message, request_id: None, retry_after: None }.classify()
}

/// Classifies an answer that is not JSON.
fn classify_text(status: u16, body: &[u8]) -> Retry {
    let transient = |outage| Retry::Transient(outage, None);
    match status {
        403 => denied("the agent does not accept the token".to_owned(), Denial::Token),
        429 => transient(Outage::Throttled("the agent has too many connections".to_owned())),
        // Lambda's extension, before the function's own initialization is over.
        400 if body.starts_with(b"not ready") => transient(Outage::Service("the agent is not ready yet".to_owned())),
        500.. => transient(Outage::Service(format!("the agent: HTTP status {status}"))),
        _ => {
            let text = format!("what answers in the agent's place, or the agent itself: HTTP status {status}");
            Retry::Permanent(FetchError::Refused(Refusal::Request(text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::{SecretId, Version};

    fn classified(status: u16, body: &str) -> Retry {
        let (store, id) = SecretId::parse("x").unwrap();
        let request = AgentRequest { store, id, version: Version::Current, region: None };
        read(status, body.as_bytes(), &request).unwrap_err()
    }

    #[test]
    fn an_error_of_aws_means_what_it_means_without_the_agent() {
        let absent =
            r#"{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find the specified secret."}"#;
        assert!(matches!(classified(400, absent), Retry::Permanent(FetchError::NotFound { .. })));
        let denied = r#"{"__type":"AccessDeniedException","message":"User: u is not authorized"}"#;
        assert!(matches!(classified(400, denied), Retry::Permanent(FetchError::Denied { .. })));
        for (status, code) in [(504, "TimeoutError"), (502, "ConnectionError"), (500, "InternalFailure")] {
            let body = format!(r#"{{"__type":"{code}","message":"x"}}"#);
            assert!(matches!(classified(status, &body), Retry::Transient(Outage::Service(_), _)), "{code}");
        }
    }

    #[test]
    fn the_agents_own_words_are_told_apart() {
        let token = classified(403, "Bad Token");
        assert!(matches!(token, Retry::Permanent(FetchError::Denied { cause: Denial::Token, .. })));
        assert!(matches!(classified(429, ""), Retry::Transient(Outage::Throttled(_), _)));
        assert!(matches!(classified(400, "not ready to serve traffic, please wait"), Retry::Transient(..)));
        assert!(matches!(classified(400, "Forwarded"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(classified(404, "Not found"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(classified(200, "<html>"), Retry::Transient(Outage::MalformedResponse(_), _)));
        assert!(matches!(classified(200, "{}"), Retry::Transient(Outage::MalformedResponse(_), _)));
        let other = r#"{"Name":"y","SecretString":"of another secret"}"#;
        assert!(matches!(classified(200, other), Retry::Transient(Outage::MalformedResponse(_), _)));
    }
}
