//! A secret of the fake: its versions, the faults that come before them, and the responses of
//! GetSecretValue, DescribeSecret and the agent.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Aws;
use super::fault::{self, Fault, plain};
use super::http::Response;
use super::journal::Call;
use super::service::{Answer, Service, refusal};
use crate::support::watch;

/// The token that the agent accepts. It is a credential, so it contains the canary.
pub const AGENT_TOKEN: &str = "cAnArY-7f3a9c51/token";

/// The path at which the agent answers requests for secrets.
pub const AGENT_READ: &str = "/secretsmanager/get";

/// The version id of AWSCURRENT.
pub const CURRENT_ID: &str = "c0c0c0c0-1111-4222-8333-444455556666";
/// The version id of the version that [`Secret::previous`] adds.
pub const PREVIOUS_ID: &str = "b0b0b0b0-1111-4222-8333-444455556666";

#[derive(Clone)]
pub struct Secret {
    pub versions: Vec<Version>,
    /// The faults of the first requests, in order.
    pub faults: VecDeque<Fault>,
    /// The fault of all later requests.
    pub failing: Option<Fault>,
    pub held: bool,
}

#[derive(Clone)]
pub struct Version {
    pub id: &'static str,
    pub stages: Vec<String>,
    pub content: Content,
}

#[derive(Clone)]
pub enum Content {
    Text(String),
    Binary(Vec<u8>),
    /// Neither SecretString nor SecretBinary.
    Nothing,
}

impl Secret {
    /// A secret with a SecretString, which usually is JSON.
    pub fn text(value: &str) -> Self {
        watch::secret_text(value);
        Self::with_content(Content::Text(value.to_owned()))
    }

    pub fn binary(value: impl Into<Vec<u8>>) -> Self {
        let bytes = value.into();
        watch::binary(&bytes);
        Self::with_content(Content::Binary(bytes))
    }

    /// A success with neither SecretString nor SecretBinary.
    pub fn empty() -> Self {
        Self::with_content(Content::Nothing)
    }

    /// A secret for which every request fails.
    pub fn failing(fault: Fault) -> Self {
        Self {
            failing: Some(fault),
            ..Self::empty()
        }
    }

    /// A secret with one version, which is the current one.
    fn with_content(content: Content) -> Self {
        let version = Version {
            id: CURRENT_ID,
            stages: vec!["AWSCURRENT".to_owned()],
            content,
        };
        Self {
            versions: vec![version],
            faults: VecDeque::new(),
            failing: None,
            held: false,
        }
    }

    /// Gives the current version another id.
    pub fn with_id(mut self, id: &'static str) -> Self {
        self.versions[0].id = id;
        self
    }

    /// Adds the current version of `other` as the AWSPREVIOUS of this secret.
    pub fn previous(mut self, other: Self) -> Self {
        let older = other.versions.into_iter().map(|version| Version {
            id: PREVIOUS_ID,
            stages: vec!["AWSPREVIOUS".to_owned()],
            ..version
        });
        self.versions.extend(older);
        self
    }

    /// Answers the first requests with these faults.
    pub fn after(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// Holds the response until [`Aws::release`](super::Aws::release).
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }
}

impl Secret {
    /// The version with this id and this stage. Without both, that is AWSCURRENT.
    fn version_of(&self, id: Option<String>, stage: Option<String>) -> Option<&Version> {
        let stage = match (&id, stage) {
            (None, None) => Some("AWSCURRENT".to_owned()),
            (_, stage) => stage,
        };
        self.versions.iter().find(|version| {
            id.as_deref().is_none_or(|id| id == version.id)
                && stage
                    .as_ref()
                    .is_none_or(|stage| version.stages.contains(stage))
        })
    }
}

/// The ARN of a secret, which is requested by this name or by its ARN.
fn arn(id: &str, region: &str, account: &str) -> String {
    if id.starts_with("arn:") {
        id.to_owned()
    } else {
        format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}-AbCdEf")
    }
}

impl Version {
    pub fn response(&self, id: &str, region: &str, account: &str) -> Response {
        let mut body = json!({
            "ARN": arn(id, region, account),
            "Name": id.rsplit(':').next(),
            "VersionId": self.id,
            "VersionStages": self.stages,
            "CreatedDate": 1_523_477_145.713,
        });
        match &self.content {
            Content::Text(text) => body["SecretString"] = json!(text),
            Content::Binary(bytes) => body["SecretBinary"] = json!(STANDARD.encode(bytes)),
            Content::Nothing => {}
        }
        Response::json(200, &body)
    }
}

/// Answers a GetSecretValue request.
pub fn read(secrets: &mut BTreeMap<String, Secret>, call: &Call) -> Answer {
    let id = call.secret_id();
    let Some(secret) = secrets.get_mut(&id) else {
        return refusal(&fault::absent());
    };
    if let Some(fault) = secret.faults.pop_front().or_else(|| secret.failing.clone()) {
        return match refusal(&fault) {
            Answer::Send(response) if secret.held => Answer::Hold(response),
            answer => answer,
        };
    }
    let Some(version) = secret.version_of(call.version_id(), call.stage()) else {
        let wanted = match (call.version_id(), call.stage()) {
            (Some(id), _) => format!("VersionId: {id}"),
            (None, stage) => format!("staging label: {}", stage.unwrap_or_default()),
        };
        return refusal(&fault::no_such_version(&wanted));
    };
    let response = version.response(&id, &call.region(), &call.account());
    if secret.held {
        Answer::Hold(response)
    } else {
        Answer::Send(response)
    }
}

/// Answers a request as the agent does, which refuses a request without its token.
pub fn of_agent(service: &Service, call: &Call) -> Answer {
    if call.header("x-aws-parameters-secrets-token") != Some(AGENT_TOKEN) {
        return refusal(&plain(403, "Bad Token"));
    }
    let mut query = call.query();
    let id = query.remove("secretId").unwrap();
    let Some(secret) = service.secrets.get(&id) else {
        return refusal(&fault::absent());
    };
    let (version_id, stage) = (query.remove("versionId"), query.remove("versionStage"));
    let Some(version) = secret.version_of(version_id, stage) else {
        return refusal(&fault::no_such_version("staging label: x"));
    };
    let response = version.response(&id, "us-east-1", "123456789012");
    // The agent writes CreatedDate as text, while AWS writes a number.
    let number = "1523477145.713";
    let body = response.body.replace(number, &format!("\"{number}\""));
    Answer::Send(Response { body, ..response })
}

impl Aws {
    /// Adds these members to the response of DescribeSecret, which also has the secret's name and
    /// ARN.
    pub fn describes(self, id: &str, members: Value) -> Self {
        self.described(id, Ok(members))
    }

    /// Answers every DescribeSecret of this secret with a fault.
    pub fn refuses_to_describe(self, id: &str, fault: Fault) -> Self {
        self.described(id, Err(fault))
    }

    fn described(self, id: &str, description: Result<Value, Fault>) -> Self {
        let described = (id.to_owned(), description);
        self.shared.service().descriptions.extend([described]);
        self
    }
}

/// Answers a DescribeSecret request. By default, a secret has neither rotation nor a KMS key nor
/// replicas.
pub fn describe(service: &Service, call: &Call) -> Answer {
    let id = call.secret_id();
    let Some(secret) = service.secrets.get(&id) else {
        return refusal(&fault::absent());
    };
    let mut body = match service.descriptions.get(&id) {
        Some(Err(fault)) => return refusal(fault),
        Some(Ok(members)) => members.clone(),
        None => json!({}),
    };
    let versions = secret.versions.iter();
    let stages: BTreeMap<_, _> = versions
        .map(|version| (version.id, &version.stages))
        .collect();
    body["VersionIdsToStages"] = json!(stages);
    body["Name"] = json!(id.rsplit(':').next());
    body["ARN"] = json!(arn(&id, &call.region(), &call.account()));
    Answer::Send(Response::json(200, &body))
}
