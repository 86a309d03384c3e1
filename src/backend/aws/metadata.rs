//! The requests of `check --metadata`. They never read a value. DescribeSecret returns the versions
//! of a secret, and DescribeParameters says whether parameters exist.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{future, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credentials::explain_refused_credentials;
use super::parameter_store::base_name;
use super::responses::{read_object, timestamp};
use super::secrets_manager::describe_all;
use super::session::Session;
use crate::model::answer::{
    Answer, Answers, Cause, Denial, DescribedSecret, Document, FetchError, FetchFailure, Missing,
    Refusal,
};
use crate::model::reference::{Locator, Store, Version};
use crate::model::secret_value::SecretValue;
use crate::net::http::in_flight;

/// Asks AWS to describe the secrets and parameters of the requests, which must all have a region.
/// Returns the answers, whose documents have no values, and the descriptions of the secrets. There
/// is no answer for a secret or parameter that can't be described, such as one of AWS's own
/// parameters.
///
/// With `-vv`, also asks STS who the caller is.
pub async fn read_metadata(
    session: &mut Session,
    requests: Vec<Locator>,
) -> (Answers, Vec<DescribedSecret>) {
    // If this fails, each request fails with the same error.
    let _ = session.find_credentials(&requests).await;
    let session = &*session;

    let first_region = requests.iter().find_map(|request| request.region.clone());
    let identities = async {
        if let Some(region) = &first_region {
            session.trace_identities(region).await;
        }
    };

    let (secrets, parameters): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.store == Store::SecretsManager);
    // One description has all versions of a secret.
    let without_versions = secrets.iter().map(|request| Locator {
        version: Version::Current,
        ..request.clone()
    });
    let distinct = BTreeSet::from_iter(without_versions).into_iter().collect();
    let (described, parameter_answers, ()) = future::join3(
        describe_all(session, distinct),
        describe_all_parameters(session, parameters),
        identities,
    )
    .await;

    let mut answers = secret_answers(secrets, &described);
    answers.extend(parameter_answers);
    explain_denials(session, &mut answers).await;
    (answers, described)
}

/// Returns the answers for requests for secrets that have been described.
fn secret_answers(requests: Vec<Locator>, described: &[DescribedSecret]) -> Answers {
    let mut answers = Answers::new();
    for request in requests {
        let is_about = |secret: &&DescribedSecret| {
            (&secret.id, Some(&secret.region), &secret.role)
                == (&request.id, request.region.as_ref(), &request.role)
        };
        if let Some(secret) = described.iter().find(is_about)
            && let Some(answer) = answer_from_description(secret, &request.version)
        {
            answers.push((request, answer));
        }
    }
    answers
}

/// Says in the answers where credentials come from that AWS refused. A denial is about describing
/// here, so its help must name that permission.
async fn explain_denials(session: &Session, answers: &mut Answers) {
    for (request, answer) in answers {
        let Err(failure) = answer else { continue };
        let credentials = session.credentials(request.role.as_ref()).await.ok();
        failure.error = explain_refused_credentials(failure.error.clone(), credentials);
        if let Cause::Denied(denial @ (Denial::Policy | Denial::PolicyOrMissing)) =
            &mut failure.error.cause
        {
            *denial = Denial::Metadata;
        }
    }
}

/// Returns the answer for a version of a secret that has been described. Returns `None` for a
/// version id that is not in the description, because a launch might read it: DescribeSecret lists
/// only the versions with a staging label.
fn answer_from_description(secret: &DescribedSecret, version: &Version) -> Option<Answer> {
    let region = Some(secret.region.clone());
    let fail = |error| Some(Err(FetchFailure::new(region.clone(), error)));
    let description = match &secret.description {
        Ok(description) => description,
        Err(error) => return fail(error.clone()),
    };
    if description.deleted.is_some() {
        return fail(Cause::Refused(Refusal::MarkedForDeletion).into());
    }
    let mut versions = description.versions.iter();
    match versions.find(|(id, stages)| version.is_answered_by(Some(id), stages)) {
        Some((id, stages)) => Some(Ok(Document {
            version_id: Some(id.clone()),
            stages: stages.clone(),
            region,
            ..Document::new(SecretValue::default())
        })),
        None if matches!(version, Version::Id(_)) => None,
        None => fail(Cause::Absent(Missing::Version).into()),
    }
}

/// True if DescribeParameters can find the parameter. It finds neither AWS's own parameters nor
/// those of another account, which an ARN may name.
pub fn is_described(request: &Locator) -> bool {
    request.id.arn().is_none() && !base_name(request.id.name()).starts_with("aws/")
}

/// The service and the operation, as in the header `x-amz-target`.
const DESCRIBE_PARAMETERS: &str = "AmazonSSM.DescribeParameters";

/// The maximum number of names in a filter, and of parameters on a page.
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

/// Returns the answers for parameters and paths. Up to fifty parameters are one request, and each
/// path is a request of its own. There is no answer for parameters that DescribeParameters cannot
/// find ([`is_described`]).
async fn describe_all_parameters(session: &Session, mut requests: Vec<Locator>) -> Answers {
    requests.retain(is_described);
    let mut groups: BTreeMap<_, Vec<Locator>> = BTreeMap::new();
    for request in requests {
        let path = request.is_path().then(|| request.id.clone());
        let key = (request.region.clone(), request.role.clone(), path);
        groups.entry(key).or_default().push(request);
    }
    let mut batches = Vec::new();
    for group in groups.into_values() {
        batches.extend(group.chunks(MOST).map(<[Locator]>::to_vec));
    }
    let describing = batches.into_iter().map(async |batch| {
        let described = describe_parameters(session, &batch).await;
        answers_from_descriptions(batch, &described)
    });
    let answers = in_flight(stream::iter(describing)).await;
    answers.into_iter().flatten().collect()
}

/// Returns an answer for each parameter or path in a batch. `described` has the descriptions of the
/// parameters in the batch that exist or, if the batch is a path, of parameters below that path. It
/// may also be the error of the request, which is then the answer for the whole batch.
fn answers_from_descriptions(
    batch: Vec<Locator>,
    described: &Result<Vec<ParameterMetadata>, FetchError>,
) -> Answers {
    let mut answers = Answers::new();
    for request in batch {
        let found = match described {
            Ok(described) => document_without_value(&request, described)
                .ok_or_else(|| Cause::Absent(Missing::Secret).into()),
            Err(error) => Err(error.clone()),
        };
        let answer = found.map_err(|error| FetchFailure::new(request.region.clone(), error));
        answers.push((request, answer));
    }
    answers
}

/// Returns a document without a value for a parameter or a path. Returns `None` if there is no
/// description of the parameter, or of any parameter below the path.
fn document_without_value(request: &Locator, described: &[ParameterMetadata]) -> Option<Document> {
    let name = base_name(request.id.name());
    let found = described
        .iter()
        .find(|parameter| request.is_path() || base_name(&parameter.name) == name)?;
    let mut document = Document::new(SecretValue::default());
    document.region.clone_from(&request.region);
    // A description is about the newest version, so it doesn't apply to a path or to another
    // version.
    if !request.is_path() && request.version == Version::Current {
        document.version_id = found.version.map(|version| version.to_string());
        document.created = found.last_modified_date.as_ref().and_then(timestamp);
    }
    Some(document)
}

/// Returns the descriptions of the parameters in a batch that exist. If the batch is a path,
/// returns the descriptions on the first page that has any, because one parameter is enough to know
/// that the path exists.
///
/// # Errors
/// The failure of the first request that fails, or the error of the role that couldn't be assumed.
async fn describe_parameters(
    session: &Session,
    batch: &[Locator],
) -> Result<Vec<ParameterMetadata>, FetchError> {
    let Some(Locator {
        store,
        region: Some(region),
        role,
        ..
    }) = batch.first()
    else {
        return Ok(Vec::new());
    };
    let progress = session.budget.progress();
    let awaits = |request: &Locator| progress.awaits(request.to_string());
    let _awaited = Vec::from_iter(batch.iter().map(awaits));
    let (api, role) = ((*store).into(), role.as_ref());
    let client = &session.client(api, region, role).await?;

    let names: Vec<_> = batch.iter().map(|request| request.id.name()).collect();
    let filter = match batch.iter().find(|request| request.is_path()) {
        Some(request) => {
            let path = match request.id.name().trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            json!({ "Key": "Path", "Option": "Recursive", "Values": [path] })
        }
        None => json!({ "Key": "Name", "Option": "Equals", "Values": names }),
    };
    let mut input = json!({ "ParameterFilters": [filter], "MaxResults": MOST });
    let read = |body: &[u8]| {
        read_object(body).ok_or_else(|| FetchError::malformed("a response that can't be read"))
    };
    let about = names.join(", ");

    let mut found = Vec::new();
    loop {
        let budget = &session.budget;
        let page: MetadataPage = client
            .call_json(DESCRIBE_PARAMETERS, &about, &input, budget, read)
            .await?;
        found.extend(page.parameters);
        // A page may be empty although more pages follow.
        match page.next_token {
            Some(token) if !token.is_empty() && found.len() < batch.len() => {
                input["NextToken"] = token.into();
            }
            Some(_) | None => return Ok(found),
        }
    }
}
