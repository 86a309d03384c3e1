//! CreateSecret and PutSecretValue of the fake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Aws;
use super::fault::{self, Fault};
use super::http::Response;
use super::journal::Call;
use super::secret::{Content, Secret, Version};
use super::service::{Answer, REQUEST_ID, Service, refusal};

/// How the fake differs from an AWS that does everything at once.
#[derive(Default)]
pub struct Writing {
    /// The answers by operation that are not sent, though the request is done.
    lost: BTreeMap<String, usize>,
    /// True if a repeated CreateSecret is an error, as it is with emulators.
    forgets_tokens: bool,
    /// The answers that have the state before a change.
    lag: usize,
    /// The reads that still have it, and that state.
    stale: BTreeMap<String, (usize, Option<Secret>)>,
    /// A text that another writer puts right after each change.
    overtaking: Option<String>,
}

impl Aws {
    /// Does the first `times` requests of an operation, and closes the connection in place of an answer.
    pub fn loses(self, operation: &str, times: usize) -> Self {
        self.shared.service().writing.lost.insert(operation.to_owned(), times);
        self
    }

    /// Refuses a repeated CreateSecret although it has the same token.
    pub fn forgets_tokens(self) -> Self {
        self.shared.service().writing.forgets_tokens = true;
        self
    }

    /// Answers so many reads after a change with the state before it.
    pub fn lags(self, reads: usize) -> Self {
        self.shared.service().writing.lag = reads;
        self
    }

    /// Lets another writer put this text right after each change.
    pub fn overtaken_by(self, text: &str) -> Self {
        self.shared.service().writing.overtaking = Some(text.to_owned());
        self
    }

    /// The present text of a secret; `None` if there is no such secret.
    pub fn text_of(&self, id: &str) -> Option<String> {
        let service = self.shared.service();
        match &service.secrets.get(id)?.version_of(None, None)?.content {
            Content::Text(text) => Some(text.clone()),
            Content::Binary(_) | Content::Nothing => None,
        }
    }

    /// The number of versions of a secret.
    pub fn versions_of(&self, id: &str) -> usize {
        self.shared.service().secrets.get(id).map_or(0, |secret| secret.versions.len())
    }
}

impl Service {
    /// The state of a secret before a change that reads do not show yet.
    pub fn stale(&mut self, id: &str) -> Option<Option<Secret>> {
        let (left, secret) = self.writing.stale.get_mut(id)?;
        *left = left.checked_sub(1)?;
        Some(secret.clone())
    }
}

pub fn create(service: &mut Service, call: &Call) -> Answer {
    let body = call.body();
    let id = body["Name"].as_str().expect("a Name").to_owned();
    let is_repeated = service.secrets.get(&id).is_some_and(|secret| has(secret, &body));
    if service.secrets.contains_key(&id) && (!is_repeated || service.writing.forgets_tokens) {
        return refusal(&Fault::Error {
            status: 400,
            code: "ResourceExistsException",
            message: format!("The operation failed because the secret {id} already exists."),
        });
    }
    if !is_repeated {
        write(service, &id, &body);
    }
    answer(service, call, &id, &body)
}

pub fn put(service: &mut Service, call: &Call) -> Answer {
    let (id, body) = (call.secret_id(), call.body());
    let Some(secret) = service.secrets.get(&id) else { return refusal(&fault::not_found()) };
    if !has(secret, &body) {
        write(service, &id, &body);
    }
    answer(service, call, &id, &body)
}

/// True if the secret has a version of the request's token, which must have the same text.
fn has(secret: &Secret, body: &Value) -> bool {
    let version = secret.versions.iter().find(|version| Some(version.id) == body["ClientRequestToken"].as_str());
    version.is_some_and(|version| match &version.content {
        Content::Text(text) => body["SecretString"] == *text,
        Content::Binary(_) | Content::Nothing => false,
    })
}

fn write(service: &mut Service, id: &str, body: &Value) {
    let before = service.secrets.get(id).cloned();
    let lag = service.writing.lag;
    service.writing.stale.insert(id.to_owned(), (lag, before));
    let text = body["SecretString"].as_str().expect("a SecretString");
    let token = body["ClientRequestToken"].as_str().expect("a ClientRequestToken").to_owned();
    assert!(token.len() >= 32 && token.len() <= 64, "{token}");
    let secret = service.secrets.entry(id.to_owned()).or_insert_with(|| {
        let mut secret = Secret::empty();
        secret.versions.clear();
        secret
    });
    push(secret, token.leak(), text);
    if let Some(other) = &service.writing.overtaking {
        push(secret, "0ther0th-er00-4222-8333-444455556666", other);
    }
}

fn push(secret: &mut Secret, id: &'static str, text: &str) {
    for version in &mut secret.versions {
        let was_current = version.stages.iter().any(|stage| stage == "AWSCURRENT");
        version.stages = if was_current { vec!["AWSPREVIOUS".to_owned()] } else { Vec::new() };
    }
    let stages = vec!["AWSCURRENT".to_owned()];
    secret.versions.push(Version { id, stages, content: Content::Text(text.to_owned()) });
}

fn answer(service: &mut Service, call: &Call, id: &str, body: &Value) -> Answer {
    if let Some(left) = service.writing.lost.get_mut(&call.operation()).filter(|left| **left > 0) {
        *left -= 1;
        return Answer::Close;
    }
    let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{id}-AbCdEf", call.region(), call.account());
    let body = json!({ "ARN": arn, "Name": id, "VersionId": body["ClientRequestToken"] });
    Answer::Send(Response {
        status: 200,
        content_type: "application/x-amz-json-1.1",
        headers: vec![("x-amzn-RequestId", REQUEST_ID.to_owned())],
        body: body.to_string(),
    })
}
