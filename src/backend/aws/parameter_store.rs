//! Reads parameters from SSM Parameter Store. GetParameters reads up to ten parameters in one
//! request, and GetParametersByPath reads all parameters below a path, page by page.
//!
//! A response may spell a name differently from the request: with or without the leading slash, or
//! as an ARN. Before a value is used, we compare the parameter's name and version and, for an ARN,
//! its account and region with the request.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::service_client::{Client, read_object, timestamp};
use super::session::Request;
use crate::model::answer::{Document, SecretValue};
use crate::model::message::{Cause, Denial, FetchError, FetchResult, Missing, Refusal};
use crate::model::reference::{Arn, ParameterPath, Region, SecretId, Version};
use crate::model::shown::shown;
use crate::time::RetryBudget;

const GET_PARAMETERS: &str = "AmazonSSM.GetParameters";
const GET_BY_PATH: &str = "AmazonSSM.GetParametersByPath";

/// AWS's maximum for one GetParameters request.
pub(super) const MAX_BATCH: usize = 10;

/// Divides requests with the same region and role into batches. A path is a batch of its own.
///
/// A batch contains each parameter only once, because two versions of a parameter would have the
/// same name in the response. Further requests for a parameter are batches of their own.
pub(super) fn batches(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut seen = BTreeSet::new();
    let mut shared = Vec::new();
    let mut single = Vec::new();
    for request in requests {
        let is_first = seen.insert(bare_name(request.id.name()).to_owned());
        if is_first && !request.is_path() {
            shared.push(request);
        } else {
            single.push(request);
        }
    }

    shared
        .chunks(MAX_BATCH)
        .chain(single.chunks(1))
        .map(<[Request]>::to_vec)
        .collect()
}

/// Reads a batch of parameters or a path. Returns one result for each request, in the same order.
///
/// If access to one parameter is denied or one name is invalid, AWS refuses the whole batch. A
/// simulation of AWS may also do so if one parameter doesn't exist. Each parameter is then
/// requested separately, one after the other, to stay within the limit on requests in flight.
pub(super) async fn read_batch(
    client: &Client,
    batch: &[&Request],
    budget: &RetryBudget<'_>,
) -> Vec<FetchResult<Document>> {
    if let [request] = batch
        && let Some(path) = request.path()
    {
        return vec![read_path(client, request, path, budget).await];
    }

    let error = match read_together(client, batch, budget).await {
        Ok(results) => return results,
        Err(error) => error,
    };
    let may_be_about_one = match error.cause() {
        Cause::Denied(Denial::Credentials(_)) => false,
        Cause::Denied(_) | Cause::Absent(_) | Cause::Refused(Refusal::Request(_)) => true,
        Cause::Outage(_) | Cause::Refused(_) | Cause::NoCredentials(_) | Cause::NoRegion => false,
    };
    if batch.len() == 1 || !may_be_about_one {
        return vec![Err(error); batch.len()];
    }

    let mut results = Vec::new();
    for request in batch.chunks(1) {
        let result = read_together(client, request, budget).await;
        results.extend(result.unwrap_or_else(|error| vec![Err(error)]));
    }
    results
}

/// Makes a single GetParameters call. The results have the order of `requests`.
async fn read_together(
    client: &Client,
    requests: &[&Request],
    budget: &RetryBudget<'_>,
) -> FetchResult<Vec<FetchResult<Document>>> {
    let names: Vec<String> = requests
        .iter()
        .map(|request| requested_name(request, &client.region))
        .collect();
    let input = json!({ "Names": names, "WithDecryption": true });
    let ids: Vec<&SecretId> = requests.iter().map(|request| &request.id).collect();
    client
        .call_json(GET_PARAMETERS, &ids, &input, budget, |body| {
            parse_parameters(body, requests, &client.region)
        })
        .await
}

/// AWS's maximum for one page of GetParametersByPath.
const MAX_PAGE: u64 = 10;

/// A path with more parameters than this is refused. The limit is ours, not AWS's.
const MAX_BELOW_PATH: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// A page whose parameters have been checked: all are below the requested path.
pub(super) struct CheckedPage {
    pub parameters: Vec<ParameterBelow>,
    next_token: Option<String>,
}

/// A parameter below the requested path.
pub(super) struct ParameterBelow {
    /// The rest of the name: `db/password` for `/prod/db/password` below `/prod/`.
    name: String,
    text: Zeroizing<String>,
}

/// Reads all parameters below a path as one document. A page can be empty even if more pages
/// follow.
///
/// `path` is the path of `request`. If AWS returns the token of an earlier page again, the list
/// would never end, so the request fails.
async fn read_path(
    client: &Client,
    request: &Request,
    path: ParameterPath<'_>,
    budget: &RetryBudget<'_>,
) -> FetchResult<Document> {
    // AWS authorizes a path exactly as written. Most policies name `parameter/PATH/*`, which
    // matches only a path with a leading slash. A path taken from an ARN doesn't have one, so we
    // add it.
    let name = &format!("/{}", bare_name(path.name));
    let mut input = json!({ "Path": name, "Recursive": path.is_recursive, "WithDecryption": true, "MaxResults": MAX_PAGE });
    let mut found = Vec::new();
    let mut tokens = BTreeSet::new();
    loop {
        let page = client
            .call_json(GET_BY_PATH, &[name], &input, budget, |body| {
                parse_page(body, request, &client.region)
            })
            .await?;
        found.extend(page.parameters);
        if found.len() > MAX_BELOW_PATH {
            let name = shown(name);
            let why =
                format!("the path {name:?} has more than 10,000 parameters: use a longer path");
            return Err(FetchError::refused(Refusal::NotSent, why));
        }
        let Some(token) = page.next_token.filter(|token| !token.is_empty()) else {
            break;
        };
        if !tokens.insert(token.clone()) {
            let why =
                "the list of parameters never ends, because AWS returned the same NextToken twice";
            return Err(FetchError::refused(Refusal::NotSent, why));
        }
        input["NextToken"] = token.into();
    }

    document_of(&found)
}

/// Combines the parameters from all pages of a path. Fails if the path has no parameters.
pub(super) fn document_of(found: &[ParameterBelow]) -> FetchResult<Document> {
    // The map sorts the parameters and drops duplicates.
    let texts = found
        .iter()
        .map(|found| (found.name.as_str(), found.text.as_str()))
        .collect();
    Document::from_parameters(&texts)
}

/// Parses one page of a path. If a parameter isn't below the path of `request`, the whole page is
/// malformed.
pub(super) fn parse_page(
    body: &[u8],
    request: &Request,
    region: &Region,
) -> FetchResult<CheckedPage> {
    let page: Page = read_object(body, "a response that isn't a list of parameters")?;
    let mut parameters = Vec::new();
    for parameter in page.parameters {
        let Some(name) = parameter.name_below(request, region) else {
            let what = "a response with a parameter from another path, region or account";
            return Err(FetchError::malformed(what));
        };
        let text = parameter.value.ok_or(Cause::Refused(Refusal::NoValue))?;
        let text = Zeroizing::new(text);
        parameters.push(ParameterBelow { name, text });
    }
    Ok(CheckedPage {
        parameters,
        next_token: page.next_token,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersResponse {
    parameters: Option<Vec<Parameter>>,
    /// The requested names that don't exist, spelled as in the request.
    invalid_parameters: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version: Option<i64>,
    /// The requested label or version number with a leading colon, such as `:3`.
    selector: Option<String>,
    value: Option<String>,
    last_modified_date: Option<Box<RawValue>>,
}

/// Parses a response to a request for several parameters. There is one result for each of
/// `requests`, in the same order. A response that leaves out a requested parameter is malformed.
pub(super) fn parse_parameters(
    body: &[u8],
    requests: &[&Request],
    region: &Region,
) -> FetchResult<Vec<FetchResult<Document>>> {
    let incomplete = "a response that doesn't contain all parameters";
    let mut response: GetParametersResponse = read_object(body, incomplete)?;
    requests
        .iter()
        .map(|request| response.take(request, region))
        .collect::<Option<_>>()
        .ok_or_else(|| FetchError::malformed(incomplete))
}

impl GetParametersResponse {
    /// Removes the requested parameter from the response. If AWS lists its name as invalid, the
    /// parameter is absent. `None` if the response doesn't mention it.
    fn take(&mut self, request: &Request, region: &Region) -> Option<FetchResult<Document>> {
        let parameters = self.parameters.get_or_insert_default();
        let position = parameters.iter().position(|parameter| {
            parameter.is_named(&request.id)
                && parameter.agrees_with_arn(&request.id, region)
                && parameter.has_version(request)
        });
        if let Some(at) = position {
            let parameter = parameters.swap_remove(at);
            return Some(parameter.into_document(&request.version));
        }

        let requested = requested_name(request, region);
        let is_invalid = self
            .invalid_parameters
            .iter()
            .flatten()
            .any(|name| bare_name(name) == bare_name(&requested));
        if !is_invalid {
            return None;
        }
        // AWS doesn't say whether the whole parameter is missing, or only its version.
        let missing = match version_selector(request) {
            Some(_) => Missing::Version,
            None => Missing::Secret,
        };
        Some(Err(Cause::Absent(missing).into()))
    }
}

impl Parameter {
    /// True unless the ARN in the response has a different partition, region or account from the
    /// requested ARN. `region` replaces the region of the requested ARN, because the request may
    /// have gone to a fallback region.
    fn agrees_with_arn(&self, requested: &SecretId, region: &Region) -> bool {
        let Some(requested) = requested.arn() else {
            return true;
        };
        let requested = requested.in_region(region);
        self.names()
            .filter_map(|text| Arn::parse(text))
            .all(|arn| arn.resource_in_account_of(&requested).is_some())
    }

    /// The rest of the name: `db/password` for `/prod/db/password` below `/prod/`. `None` if the
    /// response's name, its ARN and `request` contradict each other.
    fn name_below(&self, request: &Request, region: &Region) -> Option<String> {
        if !self.agrees_with_arn(&request.id, region) {
            return None;
        }
        let path = request.path()?;
        let mut names = self.names().map(|name| bare_name(name));
        let name = names.next()?;
        let below = name.strip_prefix(bare_name(path.name))?;
        if !path.includes(below) || names.any(|other| other != name) {
            return None;
        }
        Some(below.to_owned())
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        [&self.name, &self.arn].into_iter().flatten()
    }

    /// True if the parameter is the one with this `id`. If it has both a name and an ARN, both must
    /// match.
    fn is_named(&self, id: &SecretId) -> bool {
        self.names().next().is_some() && self.names().all(|name| is_name_of(name, id))
    }

    /// True if the parameter has the requested version. Its selector must be the requested one or
    /// be missing. A requested version number must match `version`.
    fn has_version(&self, request: &Request) -> bool {
        let selector = version_selector(request).map(|selector| format!(":{selector}"));
        if self.selector.is_some() && self.selector != selector {
            return false;
        }
        match request.version.id() {
            Some(id) => self.version.is_some_and(|number| id.parse() == Ok(number)),
            None => true,
        }
    }

    /// The document gets the requested label, because a response doesn't list the parameter's
    /// labels.
    fn into_document(self, version: &Version) -> FetchResult<Document> {
        let value = self.value.ok_or(Cause::Refused(Refusal::NoValue))?;
        Ok(Document {
            version_id: self.version.map(|version| version.to_string()),
            stages: version.label().map(str::to_owned).into_iter().collect(),
            created: self.last_modified_date.as_deref().and_then(timestamp),
            ..Document::new(SecretValue::new(value))
        })
    }
}

/// True if `name`, which can be an ARN, refers to the parameter `id`. For a secret that is read
/// through Parameter Store, `name` can also be the secret's own name or ARN.
fn is_name_of(name: &str, id: &SecretId) -> bool {
    let name = bare_name(name);
    if name == bare_name(id.name()) {
        return true;
    }
    let Some(secret_name) = referenced_secret(id.name()) else {
        return false;
    };
    let secret = SecretId::Name(secret_name.into());
    // `bare_name` reduces a parameter's ARN to the name, so an ARN here is the secret's.
    match Arn::parse(name) {
        Some(arn) => secret.is_answered_by(None, Some(&arn)),
        None => secret.is_answered_by(Some(name), None),
    }
}

/// A parameter's name without the leading slash: `/prod/db` and `arn:aws:ssm:…:parameter/prod/db`
/// become `prod/db`. A secret's ARN stays as it is.
pub fn bare_name(name: &str) -> &str {
    let own_name = match name.split_once(":parameter/") {
        Some((_, own_name)) if Arn::has_prefix(name) => own_name,
        _ => name,
    };
    own_name.trim_start_matches('/')
}

/// The secret that Parameter Store answers with: `prod/db` for a request for
/// `/aws/reference/secretsmanager/prod/db`.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
pub(super) fn referenced_secret(name: &str) -> Option<&str> {
    bare_name(name)
        .strip_prefix("aws/reference/secretsmanager/")
        .filter(|secret| !secret.is_empty())
}

/// The name as a request spells it: `NAME`, `NAME:LABEL` or `NAME:VERSION`. An ARN gets `region` as
/// its region.
fn requested_name(request: &Request, region: &Region) -> String {
    let id = request.id.in_region(region);
    match version_selector(request) {
        Some(selector) => format!("{id}:{selector}"),
        None => id.to_string(),
    }
}

fn version_selector(request: &Request) -> Option<&str> {
    request.version.label().or(request.version.id())
}
