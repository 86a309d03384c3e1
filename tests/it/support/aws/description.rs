//! DescribeSecret of the fake.

use serde_json::{Value, json};

use super::Aws;
use super::fault;
use super::http::Response;
use super::journal::Call;
use super::service::{Answer, REQUEST_ID, Service, refusal};

impl Aws {
    /// Describes a secret by these members of DescribeSecret's answer; its name and ARN are added.
    pub fn describes(self, id: &str, members: Value) -> Self {
        self.shared.service().descriptions.insert(id.to_owned(), members);
        self
    }
}

/// Answers a DescribeSecret request; a secret without members has no rotation, key and replicas.
pub fn answer(service: &Service, call: &Call) -> Answer {
    let id = call.secret_id();
    if !service.secrets.contains_key(&id) {
        return refusal(&fault::not_found());
    }
    let mut body = service.descriptions.get(&id).cloned().unwrap_or_else(|| json!({}));
    body["Name"] = json!(id.rsplit(':').next());
    body["ARN"] = match id.starts_with("arn:") {
        true => json!(id),
        false => json!(format!("arn:aws:secretsmanager:{}:{}:secret:{id}-AbCdEf", call.region(), call.account())),
    };
    Answer::Send(Response {
        status: 200,
        content_type: "application/x-amz-json-1.1",
        headers: vec![("x-amzn-RequestId", REQUEST_ID.to_owned())],
        body: body.to_string(),
    })
}
