//! DescribeSecret of the fake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Aws;
use super::fault::{self, Fault};
use super::http::Response;
use super::journal::Call;
use super::service::{Answer, Service, refusal};

impl Aws {
    /// Describes a secret by these members of DescribeSecret's answer; its name and ARN are added.
    pub fn describes(self, id: &str, members: Value) -> Self {
        self.shared.service().descriptions.insert(id.to_owned(), Ok(members));
        self
    }

    /// Answers every DescribeSecret of this secret with a fault.
    pub fn refuses_to_describe(self, id: &str, fault: Fault) -> Self {
        self.shared.service().descriptions.insert(id.to_owned(), Err(fault));
        self
    }
}

/// Answers a DescribeSecret request; a secret without members has no rotation, key and replicas.
pub fn describe(service: &Service, call: &Call) -> Answer {
    let id = call.secret_id();
    let Some(secret) = service.secrets.get(&id) else { return refusal(&fault::not_found()) };
    let mut body = match service.descriptions.get(&id) {
        Some(Err(fault)) => return refusal(fault),
        Some(Ok(members)) => members.clone(),
        None => json!({}),
    };
    let versions: BTreeMap<_, _> = secret.versions.iter().map(|version| (version.id, &version.stages)).collect();
    body["VersionIdsToStages"] = json!(versions);
    body["Name"] = json!(id.rsplit(':').next());
    body["ARN"] = match id.starts_with("arn:") {
        true => json!(id),
        false => json!(format!("arn:aws:secretsmanager:{}:{}:secret:{id}-AbCdEf", call.region(), call.account())),
    };
    Answer::Send(Response::json(200, &body))
}
