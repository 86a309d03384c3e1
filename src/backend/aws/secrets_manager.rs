//! Reads secrets from AWS Secrets Manager. GetSecretValue reads a secret, and DescribeSecret
//! describes one for `check --metadata`.
//!
//! We don't use BatchGetSecretValue, which reads several secrets in one request. It needs its own
//! permission, it can't read a given version, and it is limited to 100 requests per second. If the
//! policy of a VPC endpoint denies one of the secrets, the whole request fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::operation::describe_secret::*;
use aws_smithy_types::DateTime;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::endpoints::Api;
use super::service_client::{Client, read_object, system_time, timestamp};
use super::session::{AnsweredRequests, Request, Session};
use crate::model::answer::{
    DescribedSecret, Description, Document, Replica, RotationSchedule, SecretValue,
};
use crate::model::message::{Cause, FetchError, FetchResult, Missing, Refusal};
use crate::model::reference::{Arn, Region, SecretId, Version};
use crate::model::shown::shown;
use crate::net::in_flight;
use crate::time::RetryBudget;

const GET_SECRET_VALUE: &str = "secretsmanager.GetSecretValue";

/// Reads a secret in the client's region.
pub(super) async fn get_secret(
    client: &Client,
    request: &Request,
    budget: &RetryBudget<'_>,
) -> FetchResult<Document> {
    let id = request.id.in_region(&client.region);
    let input = GetSecretValueRequest {
        secret_id: id.to_string(),
        version_stage: request.version.stage(),
        version_id: request.version.id(),
    };
    let about = &[&input.secret_id];
    client
        .call_json(GET_SECRET_VALUE, about, &input, budget, |body| {
            parse_secret(body, &id, &request.version)
        })
        .await
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueRequest<'a> {
    secret_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
}

/// A response from AWS or from the Secrets Manager Agent. Both have the same form.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValueResponse<'b> {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version_id: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(borrow)]
    created_date: Option<&'b RawValue>,
    secret_string: Option<String>,
    /// The value in base64, if it isn't text.
    secret_binary: Option<String>,
}

/// Parses a GetSecretValue response to a request for this `id` and `version`.
pub fn parse_secret(body: &[u8], id: &SecretId, version: &Version) -> FetchResult<Document> {
    let response: GetSecretValueResponse = read_object(body, "a response that can't be read")?;
    let arn = response.arn.as_deref().and_then(Arn::parse);
    let stages = response.version_stages.unwrap_or_default();
    let is_requested = id.is_answered_by(response.name.as_deref(), arn.as_ref())
        && version.is_answered_by(response.version_id.as_deref(), &stages);
    if !is_requested {
        let what = "a response that isn't about this secret or version";
        return Err(FetchError::malformed(what));
    }

    let value = match (response.secret_string, response.secret_binary) {
        (Some(text), _) => SecretValue::new(text),
        (None, Some(base64)) => {
            let bytes = STANDARD
                .decode(base64)
                .map_err(|_| FetchError::malformed("a response whose SecretBinary isn't base64"))?;
            SecretValue::new(bytes)
        }
        (None, None) => return Err(Cause::Refused(Refusal::NoValue).into()),
    };

    Ok(Document {
        version_id: response.version_id,
        stages,
        created: response.created_date.and_then(timestamp),
        region: arn.as_ref().and_then(Arn::region),
        ..Document::new(value)
    })
}

/// Describes the secrets of the requests, each only once, because a description covers all
/// versions. The result is sorted by request.
pub(super) async fn describe_all(
    session: &Session,
    mut requests: Vec<Request>,
) -> Vec<DescribedSecret> {
    for request in &mut requests {
        request.version = Version::CURRENT;
    }
    let distinct = BTreeSet::from_iter(requests);
    let describing = distinct.into_iter().map(async |request| {
        let name = format!("the description of {request}");
        let _awaited = session.access.budget.progress().awaits(name);
        let description = describe_secret(session, &request).await;
        (request, description)
    });
    let described = BTreeMap::from_iter(in_flight(stream::iter(describing)).await);
    described
        .into_iter()
        .map(|(locator, description)| DescribedSecret {
            locator,
            description,
        })
        .collect()
}

/// Describes a secret in its own region. May assume the request's role first.
async fn describe_secret(session: &Session, request: &Request) -> FetchResult<Description> {
    let region = &request.region;
    let caller = session.identity_for(&request.role).await?;
    let client = session.client(caller, Api::SECRETS_MANAGER, region).await?;

    let id = request.id.in_region(region);
    let name = format!("DescribeSecret of {}", shown(&id.to_string()));
    let input = DescribeSecretInput::builder()
        .secret_id(id.to_string())
        .build();
    let meta = DescribeSecretError::meta;
    let budget = &session.access.budget;
    client
        .call(
            DescribeSecret::new(),
            input,
            meta,
            &name,
            budget,
            |output| checked_description(output, &id, region),
        )
        .await
}

/// Fails if the response is about a secret other than `id`.
fn checked_description(
    output: DescribeSecretOutput,
    id: &SecretId,
    region: &Region,
) -> FetchResult<Description> {
    let arn = output.arn().and_then(Arn::parse);
    if !id.is_answered_by(output.name(), arn.as_ref()) {
        return Err(FetchError::malformed("a response that can't be read"));
    }
    Ok(description_in(region, output))
}

/// The alias of AWS's default key. AWS omits this key from a description, but a simulation of AWS
/// may include it.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// Converts a description. The lists are sorted, so that `check` always prints them in the same
/// order.
fn description_in(region: &Region, output: DescribeSecretOutput) -> Description {
    let rotation = rotation_schedule(&output);
    let key = |id: Option<String>| id.filter(|id| !id.is_empty() && !id.ends_with(DEFAULT_KEY));
    let mut replicas = Vec::new();
    for replica in output.replication_status.into_iter().flatten() {
        replicas.push(Replica {
            region: replica.region.unwrap_or_default(),
            status: replica.status.map(|status| status.as_str().to_owned()),
            kms_key: key(replica.kms_key_id),
        });
    }
    replicas.sort_by(|one, other| one.region.cmp(&other.region));

    // Unlike AWS, the simulation moto includes versions without labels, which we leave out.
    let mut versions = BTreeMap::from_iter(output.version_ids_to_stages.into_iter().flatten());
    versions.retain(|_, stages| !stages.is_empty());

    Description {
        rotation,
        kms_key: key(output.kms_key_id),
        replicas,
        // Only a replica's primary region is of interest. For an original secret with replicas, AWS
        // returns the secret's own region.
        primary_region: output.primary_region.filter(|name| name != region.as_str()),
        deleted: output.deleted_date.and_then(time),
        versions,
    }
}

fn rotation_schedule(output: &DescribeSecretOutput) -> RotationSchedule {
    let rules = output.rotation_rules.as_ref();
    let schedule = rules.and_then(|rules| rules.schedule_expression.clone());
    // AWS allows 1 to 1000 days, so 0 means no schedule in days.
    let every_days = rules
        .and_then(|rules| u32::try_from(rules.automatically_after_days?).ok())
        .filter(|days| *days > 0)
        .or_else(|| days_in(schedule.as_deref()?));
    let is_enabled = output.rotation_enabled == Some(true);
    let last = output.last_rotated_date.and_then(time);
    let next = output.next_rotation_date.and_then(time);
    // After a failed rotation, AWS leaves NextRotationDate in the past.
    let due = next.or_else(|| {
        // Adds a day, because AWS chooses the time of day.
        let days = every_days?.checked_add(1)?;
        last?.checked_add(Duration::from_hours(24).checked_mul(days)?)
    });
    RotationSchedule {
        is_enabled,
        every_days,
        schedule,
        last,
        next,
        is_overdue: is_enabled && due.is_some_and(|due| due < SystemTime::now()),
    }
}

fn time(field: DateTime) -> Option<SystemTime> {
    system_time(field.as_secs_f64())
}

/// The days in a schedule: `30` for `rate(30 days)`.
fn days_in(schedule: &str) -> Option<u32> {
    let rate = schedule.strip_prefix("rate(")?;
    let (days, _) = rate.split_once(" day")?;
    days.trim().parse().ok()
}

/// Answers requests from the descriptions of their secrets. Each answer is a document without a
/// value, or the failure that a launch would report. A request whose version id isn't in a
/// description gets no answer.
pub(super) fn answers_from_descriptions(
    requests: Vec<Request>,
    described: &[DescribedSecret],
) -> AnsweredRequests {
    let mut answers = AnsweredRequests::new();
    for request in requests {
        let secret = described.iter().find(|secret| {
            let found = &secret.locator;
            (&found.id, &found.region, &found.role) == (&request.id, &request.region, &request.role)
        });
        if let Some(secret) = secret
            && let Some(found) = found_in_description(secret, &request.version)
        {
            answers.push(request.answered(found));
        }
    }
    answers
}

/// A document without a value, or the failure that a launch would report. `None` for a version id
/// that isn't listed: DescribeSecret lists only versions with a staging label, so the version may
/// still be readable.
fn found_in_description(
    secret: &DescribedSecret,
    version: &Version,
) -> Option<FetchResult<Document>> {
    let description = match &secret.description {
        Ok(description) => description,
        Err(error) => return Some(Err(error.clone())),
    };
    if description.deleted.is_some() {
        return Some(Err(Cause::Refused(Refusal::MarkedForDeletion).into()));
    }
    let found = description
        .versions
        .iter()
        .find(|(id, stages)| version.is_answered_by(Some(id), stages));
    match found {
        Some((id, stages)) => Some(Ok(Document {
            version_id: Some(id.clone()),
            stages: stages.clone(),
            region: Some(secret.locator.region.clone()),
            ..Document::default()
        })),
        None if version.stage().is_none() => None,
        None => Some(Err(Cause::Absent(Missing::Version).into())),
    }
}
