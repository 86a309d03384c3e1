//! The fake as the AWS Secrets Manager Agent: the same secrets, by GET and with a token.

use serde_json::json;

use super::fault::{self, Fault};
use super::http::{JSON, Response};
use super::journal::Call;
use super::service::{Answer, Service, refusal};

/// The token that it accepts. A token is a credential, so it holds the canary.
pub const TOKEN: &str = "cAnArY-7f3a9c51/token";

/// The path of a secret.
pub const SECRET: &str = "/secretsmanager/get";

/// An answer in plain text, as the agent gives for its own errors.
pub fn plain(status: u16, text: &str) -> Fault {
    Fault::Exactly(Response::new(status, "text/plain", text))
}

/// An error of the agent in the format of AWS's JSON protocol.
pub fn own(status: u16, code: &'static str) -> Fault {
    let body = json!({ "__type": code, "message": "of the agent" }).to_string();
    Fault::Exactly(Response::new(status, JSON, body))
}

fn has_token(call: &Call) -> bool {
    call.header("x-aws-parameters-secrets-token") == Some(TOKEN)
}

pub fn secret(service: &Service, call: &Call) -> Answer {
    if !has_token(call) {
        return refusal(&plain(403, "Bad Token"));
    }
    let mut query = call.query();
    let id = query.remove("secretId").unwrap();
    let version = service.secrets.get(&id).map(|secret| {
        let (version_id, stage) = (query.remove("versionId"), query.remove("versionStage"));
        secret.version_of(version_id, stage).map(|version| version.response(&id, "us-east-1", "123456789012"))
    });
    match version {
        None => refusal(&fault::not_found()),
        Some(None) => refusal(&fault::no_such_version("staging label: x")),
        // The agent writes CreatedDate as text, where AWS writes a number.
        Some(Some(mut response)) => {
            response.body = response.body.replace("1523477145.713", "\"1523477145.713\"");
            Answer::Send(response)
        }
    }
}
