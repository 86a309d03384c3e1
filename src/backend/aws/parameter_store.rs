//! SSM Parameter Store, with decryption: GetParameters, up to ten parameters in one request, and GetParametersByPath for all parameters
//! below a path, page by page. A name may have a leading slash or none, or be an ARN.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::protocol::{Client, call, read_object, timestamp};
use crate::backend::retry::RetryBudget;
use crate::model::answer::{Document, FetchError, Missing, Outage, Refusal};
use crate::model::reference::{Arn, Locator, Region, SecretId, Version};
use crate::model::secret_value::SecretValue;

/// The limit of GetParameters.
pub const MAX_BATCH: usize = 10;

/// Splits requests of one region and role into batches: parameters by ten, and each path by itself.
///
/// A batch has each parameter once; a second version of a parameter is a batch by itself. A response may spell a name in another way, so
/// that two versions would be indistinguishable.
pub fn batches(requests: Vec<Locator>) -> Vec<Vec<Locator>> {
    let mut seen = BTreeSet::new();
    let is_first = |request: &Locator| {
        !request.is_path() && seen.insert(base_name(request.id.name()).to_owned())
    };
    let (first, alone): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_first);
    first
        .chunks(MAX_BATCH)
        .chain(alone.chunks(1))
        .map(<[Locator]>::to_vec)
        .collect()
}

/// Reads a batch, or a path by itself, in the client's region; returns one result for each request, in their order.
///
/// AWS denies a whole batch if one of its parameters is denied, and rejects it for one invalid name; an emulator may also answer that
/// one does not exist. Each parameter of such a batch is then requested alone, one after the other: a batch has one request in flight, so
/// that the limit on all of them holds.
pub async fn get(
    client: &Client,
    batch: &[Locator],
    budget: &RetryBudget,
) -> Vec<Result<Document, FetchError>> {
    if let [path] = batch
        && path.is_path()
    {
        return vec![get_below(client, path, budget).await];
    }
    match get_together(client, batch, budget).await {
        Err(
            FetchError::Denied { .. }
            | FetchError::NotFound { .. }
            | FetchError::Refused(Refusal::Request(_)),
        ) if batch.len() > 1 => {
            let mut results = Vec::new();
            for request in batch.chunks(1) {
                results.extend(
                    get_together(client, request, budget)
                        .await
                        .unwrap_or_else(|error| vec![Err(error)]),
                );
            }
            results
        }
        Ok(results) => results,
        Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
    }
}

/// Returns one result for each of `requests`, in their order.
async fn get_together(
    client: &Client,
    requests: &[Locator],
    budget: &RetryBudget,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names: Vec<_> = requests
        .iter()
        .map(|request| requested_name(request, &client.region))
        .collect();
    let input = json!({ "Names": names, "WithDecryption": true });
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.id.to_string())
        .collect();
    let read = |body: &[u8]| read_parameters(body, requests, &client.region);
    call(
        client,
        "AmazonSSM.GetParameters",
        ids.join(", "),
        &input,
        budget,
        read,
    )
    .await
}

/// The limit of GetParametersByPath.
const MAX_PAGE: u64 = 10;

/// The most parameters below a path, and the most bytes in all their values.
const MOST: (usize, usize) = (10_000, 64 << 20);

/// A response of GetParametersByPath, which is one page of the parameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// The parameters of a page, each with the rest of its name, and the token of the next page.
type PageContents = (Vec<(String, Document)>, Option<String>);

/// Reads every parameter below the path of `request` in the client's region.
///
/// A page may be empty although others follow. Only the last page has no token.
pub async fn get_below(
    client: &Client,
    request: &Locator,
    budget: &RetryBudget,
) -> Result<Document, FetchError> {
    let mut found = BTreeMap::new();
    let mut token: Option<String> = None;
    let mut read = (0, 0);
    loop {
        let (parameters, next_token) = get_page(client, request, token.as_deref(), budget).await?;
        for (name, document) in parameters {
            read = (read.0 + 1, read.1 + document.body.expose().len());
            found.insert(name, document);
        }
        if read.0 > MOST.0 || read.1 > MOST.1 {
            let path = path(&request.id);
            let why = format!(
                "the path {path:?} has more than 10,000 parameters, or more than 64 MiB in them: use a longer path"
            );
            return Err(Refusal::NotSent(why.into()).into());
        }
        if next_token.is_none() {
            break;
        }
        token = next_token;
    }
    if found.is_empty() {
        return Err(FetchError::not_found(Missing::Secret));
    }
    let region = Some(client.region.clone());
    Ok(Document {
        region,
        parameters: found.into_iter().collect(),
        ..Document::new(SecretValue::new(""))
    })
}

async fn get_page(
    client: &Client,
    request: &Locator,
    token: Option<&str>,
    budget: &RetryBudget,
) -> Result<PageContents, FetchError> {
    let path = path(&request.id);
    let mut input =
        json!({ "Path": path, "Recursive": true, "WithDecryption": true, "MaxResults": MAX_PAGE });
    if let Some(token) = token {
        input["NextToken"] = token.into();
    }
    let read = |body: &[u8]| read_page(body, request, &client.region);
    call(
        client,
        "AmazonSSM.GetParametersByPath",
        path,
        &input,
        budget,
        read,
    )
    .await
}

/// Reads the body of a response to a request for the parameters below a path.
///
/// # Errors
/// [`OutageKind::MalformedResponse`](crate::model::answer::OutageKind) for a body that is no such response, or has a parameter of another
/// path, region or account; a refusal for a parameter without a value.
pub fn read_page(
    body: &[u8],
    request: &Locator,
    region: &Region,
) -> Result<PageContents, FetchError> {
    let page: Page = read_object(body)
        .ok_or_else(|| Outage::malformed("an answer that is not a list of parameters"))?;
    let path = path(&request.id);
    let mut parameters = Vec::new();
    for parameter in page.parameters {
        let rest = parameter
            .name()
            .filter(|_| parameter.agrees_with_arn(&request.id, region))
            .and_then(|name| base_name(name).strip_prefix(base_name(&path)));
        let Some(rest) = rest.filter(|rest| !rest.is_empty()).map(str::to_owned) else {
            return Err(Outage::malformed(
                "an answer with a parameter of another path, region or account",
            )
            .into());
        };
        let document = parameter.into_document(&request.version, region)?;
        parameters.push((rest, document));
    }
    Ok((
        parameters,
        page.next_token.filter(|token| !token.is_empty()),
    ))
}

/// The path with a slash at both ends. AWS authorizes it as it is written, and most policies name `parameter/PATH/*`.
fn path(id: &SecretId) -> String {
    match id {
        SecretId::Name(name) => name.clone(),
        SecretId::Arn(_) => format!("/{}", id.name()),
    }
}

/// A response of GetParameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersResponse {
    parameters: Option<Vec<Parameter>>,
    /// The names, as requested, of parameters and versions that do not exist.
    invalid_parameters: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version: Option<i64>,
    value: Option<String>,
    last_modified_date: Option<Value>,
}

/// Reads the body of a response to a request for parameters; returns one result for each of `requests`, in their order.
///
/// # Errors
/// [`OutageKind::MalformedResponse`](crate::model::answer::OutageKind) for a body that is no such response, or without one of them.
pub fn read_parameters(
    body: &[u8],
    requests: &[Locator],
    region: &Region,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let results = read_object(body).and_then(|mut response: GetParametersResponse| {
        requests
            .iter()
            .map(|request| response.take(request, region))
            .collect()
    });
    results.ok_or_else(|| Outage::malformed("an answer without one of the parameters").into())
}

impl GetParametersResponse {
    /// Removes the requested parameter and returns it as a document, or an absence if its name is invalid; `None` if it has neither.
    fn take(&mut self, request: &Locator, region: &Region) -> Option<Result<Document, FetchError>> {
        let parameters = self.parameters.get_or_insert_default();
        if let Some(at) = parameters
            .iter()
            .position(|parameter| parameter.is_requested(request, region))
        {
            return Some(
                parameters
                    .swap_remove(at)
                    .into_document(&request.version, region),
            );
        }
        let (id, selector) = (request.id.in_region(region), version_selector(request));
        let missing = if selector.is_some() {
            Missing::Version
        } else {
            Missing::Secret
        };
        for invalid in self.invalid_parameters.iter().flatten() {
            let name = match selector {
                Some(selector) => invalid
                    .strip_suffix(selector)
                    .and_then(|name| name.strip_suffix(':')),
                None => Some(invalid.as_str()),
            };
            if name.is_some_and(|name| base_name(name) == base_name(id.name())) {
                return Some(Err(FetchError::not_found(missing)));
            }
        }
        None
    }
}

impl Parameter {
    /// False if the parameter has an ARN with another partition, region or account than that of the request.
    fn agrees_with_arn(&self, requested: &SecretId, region: &Region) -> bool {
        let SecretId::Arn(requested) = requested.in_region(region) else {
            return true;
        };
        let texts = [&self.name, &self.arn].into_iter().flatten();
        let mut arns = texts.filter_map(|text| Arn::parse(text));
        arns.all(|arn| arn.resource_beside(&requested).is_some())
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref().or(self.arn.as_deref())
    }

    fn is_requested(&self, request: &Locator, region: &Region) -> bool {
        self.is_named(&request.id)
            && self.agrees_with_arn(&request.id, region)
            && self.has_version(&request.version)
    }

    /// True if its name or its ARN is that of `id`.
    fn is_named(&self, id: &SecretId) -> bool {
        let requested = base_name(id.name());
        // A secret that is read through Parameter Store may be returned with its own name.
        let secret = referenced_secret(requested)
            .map(str::to_owned)
            .map(SecretId::Name);
        let is_named = |name: &String| {
            let is_secret =
                |id: &SecretId| id.is_answered_by(Some(name), Arn::parse(name).as_ref());
            base_name(name) == requested || secret.as_ref().is_some_and(is_secret)
        };
        [&self.name, &self.arn].into_iter().flatten().any(is_named)
    }

    /// True unless another version number is requested.
    fn has_version(&self, version: &Version) -> bool {
        version.id().is_none_or(|number| {
            number
                .parse()
                .is_ok_and(|number| self.version == Some(number))
        })
    }

    /// Converts the parameter into a document. A response has no labels, so the document gets the requested one.
    ///
    /// # Errors
    /// [`Refusal::NoValue`].
    fn into_document(self, version: &Version, region: &Region) -> Result<Document, FetchError> {
        let value = self.value.ok_or(FetchError::Refused(Refusal::NoValue))?;
        Ok(Document {
            version_id: self.version.map(|version| version.to_string()),
            stages: version.label().map(str::to_owned).into_iter().collect(),
            created: self.last_modified_date.as_ref().and_then(timestamp),
            region: Some(region.clone()),
            ..Document::new(SecretValue::new(value))
        })
    }
}

/// Returns the part that all forms of a parameter's name share.
pub fn base_name(name: &str) -> &str {
    let name = if Arn::is_meant(name) {
        name.split_once(":parameter/")
            .map_or(name, |(_, name)| name)
    } else {
        name
    };
    name.trim_start_matches('/')
}

/// Returns the secret that Parameter Store reads for a parameter, both by name.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
pub fn referenced_secret(name: &str) -> Option<&str> {
    base_name(name)
        .strip_prefix("aws/reference/secretsmanager/")
        .filter(|secret| !secret.is_empty())
}

/// Returns `NAME`, `NAME:LABEL` or `NAME:VERSION`, each with a name or an ARN, as GetParameters takes it.
fn requested_name(request: &Locator, region: &Region) -> String {
    let id = request.id.in_region(region);
    match version_selector(request) {
        Some(selector) => format!("{id}:{selector}"),
        None => id.to_string(),
    }
}

/// Returns the requested label or version number. Without one, AWS returns the newest version.
fn version_selector(request: &Locator) -> Option<&str> {
    request.version.label().or(request.version.id())
}
