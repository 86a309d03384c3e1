//! The requests of `check --metadata`, which read no value: DescribeSecret, and DescribeParameters, which says whether parameters exist.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{future, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::naming_credentials;
use super::parameter_store::base_name;
use super::protocol::{call, read_object, timestamp};
use super::secrets_manager::describe_all;
use super::session::Session;
use crate::model::answer::{
    Answer, Answers, Denial, DescribedSecret, Description, Document, FetchError, FetchFailure,
    Missing, Outage, Refusal,
};
use crate::model::reference::{Locator, Store, Version};
use crate::model::secret_value::SecretValue;
use crate::net::connections::in_flight;

/// Answers complete locators with documents without a value, and returns the descriptions of the secrets. A parameter that cannot be looked
/// up has no answer.
pub async fn read_all(
    session: &mut Session,
    requests: Vec<Locator>,
) -> (Answers, Vec<DescribedSecret>) {
    // An error is that of each request.
    let _ = session.find_credentials(&requests).await;
    let session = &*session;
    let (secrets, others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.store == Store::SecretsManager);
    let first = secrets
        .iter()
        .chain(&others)
        .find_map(|request| request.region.clone());
    let distinct = secrets.iter().map(|request| Locator {
        version: Version::Current,
        ..request.clone()
    });
    let distinct = BTreeSet::from_iter(distinct).into_iter().collect();
    let identities = async {
        if let Some(region) = &first {
            session.trace_identities(region).await;
        }
    };
    let describing = describe_all(session, distinct);
    let (described, parameters, ()) =
        future::join3(describing, parameters(session, others), identities).await;
    let mut answers = Vec::new();
    for request in secrets {
        let is_about = |secret: &&DescribedSecret| {
            (&secret.id, Some(&secret.region), &secret.role)
                == (&request.id, request.region.as_ref(), &request.role)
        };
        let found = described
            .iter()
            .find(is_about)
            .and_then(|secret| document(secret, &request.version));
        answers.extend(found.map(|answer| (request, answer)));
    }
    answers.extend(parameters);
    for (request, answer) in &mut answers {
        let Err(failure) = answer else { continue };
        let credentials = session.credentials(request.role.as_ref()).await.ok();
        failure.error = naming_credentials(failure.error.clone(), credentials);
        if let FetchError::Denied { cause, .. } = &mut failure.error
            && matches!(cause, Denial::Policy | Denial::PolicyOrMissing)
        {
            *cause = Denial::Metadata;
        }
    }
    (answers, described)
}

/// Returns the answer for a version of a described secret; none for a version id that is not listed: DescribeSecret lists the versions with a
/// staging label, and a launch reads the others, too.
fn document(
    DescribedSecret {
        region,
        description,
        ..
    }: &DescribedSecret,
    version: &Version,
) -> Option<Answer> {
    let fail = |error| Some(Err(FetchFailure::new(Some(region.clone()), error)));
    let Description {
        deleted, versions, ..
    } = match description {
        Ok(description) => description,
        Err(error) => return fail(error.clone()),
    };
    if deleted.is_some() {
        return fail(FetchError::Refused(Refusal::MarkedForDeletion));
    }
    match versions
        .iter()
        .find(|(id, stages)| version.is_answered_by(Some(id), stages))
    {
        Some((id, stages)) => {
            let (version_id, stages, region) =
                (Some(id.clone()), stages.clone(), Some(region.clone()));
            Some(Ok(Document {
                version_id,
                stages,
                region,
                ..Document::new(SecretValue::default())
            }))
        }
        None if matches!(version, Version::Id(_)) => None,
        None => fail(FetchError::not_found(Missing::Version)),
    }
}

/// True unless DescribeParameters does not know the parameter: one of AWS's own, and one of another account, which an ARN may name.
pub fn is_described(request: &Locator) -> bool {
    request.id.arn().is_none() && !base_name(request.id.name()).starts_with("aws/")
}

/// The most names in a filter, and the most parameters on a page.
const MOST: usize = 50;

/// A response of DescribeParameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetadataPage {
    parameters: Vec<ParameterMetadata>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterMetadata {
    name: String,
    version: Option<i64>,
    last_modified_date: Option<Value>,
}

/// Answers complete locators, parameters by fifty and each path by itself; those that are not described have no answer.
async fn parameters(session: &Session, mut requests: Vec<Locator>) -> Answers {
    requests.retain(is_described);
    let mut batches: BTreeMap<_, Vec<Locator>> = BTreeMap::new();
    for request in requests {
        let path = request.is_path().then(|| request.id.clone());
        batches
            .entry((request.region.clone(), request.role.clone(), path))
            .or_default()
            .push(request);
    }
    let batches = batches.into_values().flat_map(|batch| {
        batch
            .chunks(MOST)
            .map(<[Locator]>::to_vec)
            .collect::<Vec<_>>()
    });
    let describing = batches.map(async |batch| {
        let described = describe_parameters(session, &batch).await;
        answers(batch, &described)
    });
    in_flight(stream::iter(describing))
        .await
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the answers for a batch of which these parameters exist. One that a path is asked for is below it.
fn answers(batch: Vec<Locator>, described: &Result<Vec<ParameterMetadata>, FetchError>) -> Answers {
    let mut answers = Vec::new();
    for request in batch {
        let fail = |error| FetchFailure::new(request.region.clone(), error);
        let answer = described
            .as_ref()
            .map_err(|error| fail(error.clone()))
            .and_then(|described| {
                let is_requested = |parameter: &&ParameterMetadata| {
                    request.is_path() || base_name(&parameter.name) == base_name(request.id.name())
                };
                let found = described.iter().find(is_requested);
                let found = found.ok_or_else(|| fail(FetchError::not_found(Missing::Secret)))?;
                let empty = Document {
                    region: request.region.clone(),
                    ..Document::new(SecretValue::default())
                };
                // Neither a path nor another version is described.
                if request.is_path() || request.version != Version::Current {
                    return Ok(empty);
                }
                let version_id = found.version.map(|version| version.to_string());
                Ok(Document {
                    version_id,
                    created: found.last_modified_date.as_ref().and_then(timestamp),
                    ..empty
                })
            });
        answers.push((request, answer));
    }
    answers
}

/// Describes the parameters of a batch that exist; of a path those on the first page with any.
async fn describe_parameters(
    session: &Session,
    batch: &[Locator],
) -> Result<Vec<ParameterMetadata>, FetchError> {
    let Some(Locator {
        store,
        region: Some(region),
        role,
        id,
        ..
    }) = batch.first()
    else {
        return Ok(Vec::new());
    };
    let _awaited: Vec<_> = batch
        .iter()
        .map(|request| session.budget.progress().awaits(request.to_string()))
        .collect();
    let credentials = session.credentials(role.as_ref()).await?;
    let client = &session
        .clients
        .client((*store).into(), region, Some(credentials))
        .await?;
    let names: Vec<_> = batch.iter().map(|request| request.id.name()).collect();
    let path = match id.name().trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let filter = match batch.iter().any(Locator::is_path) {
        true => json!({ "Key": "Path", "Option": "Recursive", "Values": [path] }),
        false => json!({ "Key": "Name", "Option": "Equals", "Values": names }),
    };
    let mut input = json!({ "ParameterFilters": [filter], "MaxResults": MOST });
    let read = |body: &[u8]| {
        read_object(body).ok_or_else(|| Outage::malformed("an answer that cannot be read").into())
    };
    let (subject, mut found) = (names.join(", "), Vec::new());
    loop {
        let page = call(
            client,
            "AmazonSSM.DescribeParameters",
            &subject,
            &input,
            &session.budget,
            read,
        )
        .await?;
        let MetadataPage {
            parameters,
            next_token,
        } = page;
        found.extend(parameters);
        // A page may be empty although others follow.
        match next_token.filter(|token| !token.is_empty() && found.len() < batch.len()) {
            Some(token) => input["NextToken"] = token.into(),
            None => return Ok(found),
        }
    }
}
