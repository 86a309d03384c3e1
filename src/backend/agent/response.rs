//! The agent's responses: a secret as JSON, an error of AWS as JSON, or a text of its own.

use serde_json::{Map, Value};

use crate::backend::aws::{ServiceError, code_and_message, read_secret};
use crate::model::answer::{AgentLimit, Denial, Document, FetchError, Outage, Refusal};
use crate::model::reference::Locator;
use crate::time::retry::Retry;

/// Reads a response. Of its body, only a value and the code and message of AWS's own errors are kept.
///
/// # Errors
/// The meaning of AWS's error code, or else of the status.
pub fn read(status: u16, body: &[u8], request: &Locator) -> Result<Document, Retry> {
    if status == 200 {
        return read_document(body, request);
    }
    let Ok(Value::Object(error)) = serde_json::from_slice(body) else {
        return Err(classify_text(status));
    };
    match service_error(status, &error) {
        // A 403 is a denial with every code: neither the agent nor AWS is tried again.
        Retry::Transient(outage, _) if status == 403 => {
            let message = outage.text().to_owned();
            Err(denied(message, Denial::PolicyOrMissing))
        }
        classified => Err(classified),
    }
}

/// Reads a secret. The agent was not told the region, so that a secret of this name in another one would be taken for the requested one.
fn read_document(body: &[u8], request: &Locator) -> Result<Document, Retry> {
    let document = read_secret(body, &request.id, &request.version)?;
    match (&request.region, &document.region) {
        (Some(asked), Some(found)) if asked != found => Err(Refusal::Agent(AgentLimit::Region).into()),
        (Some(_), None) => Ok(Document { region: request.region.clone(), ..document }),
        (Some(_) | None, _) => Ok(document),
    }
}

fn denied(message: String, cause: Denial) -> Retry {
    Retry::Permanent(FetchError::Denied { message, cause, identity: None })
}

fn service_error(status: u16, error: &Map<String, Value>) -> Retry {
    let (code, message) = code_and_message(error);
    ServiceError { status, code, message, request_id: None, retry_after: None }.classify()
}

/// Classifies an error that is not JSON.
fn classify_text(status: u16) -> Retry {
    match status {
        403 => denied("the agent does not accept the token".to_owned(), Denial::Token),
        429 => Outage::Throttled("the agent has too many connections".to_owned()).into(),
        500.. => Outage::Service(format!("the agent: HTTP status {status}")).into(),
        _ => Refusal::Request(format!("the agent, or another service at its URL: HTTP status {status}")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reference::{SecretId, Version};

    fn classified(status: u16, body: &str) -> Retry {
        let (store, id) = SecretId::parse("x").unwrap();
        let request = Locator { store, id, region: None, role: None, version: Version::Current };
        read(status, body.as_bytes(), &request).unwrap_err()
    }

    #[test]
    fn an_aws_error_from_the_agent_is_classified_as_from_aws() {
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
    fn each_error_of_the_agent_itself_is_classified() {
        let token = classified(403, "Bad Token");
        assert!(matches!(token, Retry::Permanent(FetchError::Denied { cause: Denial::Token, .. })));
        assert!(matches!(classified(429, ""), Retry::Transient(Outage::Throttled(_), _)));
        assert!(matches!(classified(400, "Forwarded"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(classified(404, "Not found"), Retry::Permanent(FetchError::Refused(_))));
        assert!(matches!(classified(200, "<html>"), Retry::Transient(Outage::MalformedResponse(_), _)));
        assert!(matches!(classified(200, "{}"), Retry::Transient(Outage::MalformedResponse(_), _)));
        let by_position = r#"["x",null,null,["AWSCURRENT"],"a value",null]"#;
        assert!(matches!(classified(200, by_position), Retry::Transient(Outage::MalformedResponse(_), _)));
        let other = r#"{"Name":"y","SecretString":"of another secret"}"#;
        assert!(matches!(classified(200, other), Retry::Transient(Outage::MalformedResponse(_), _)));
    }
}
