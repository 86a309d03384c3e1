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

/// The maximum number of parameters in a GetParameters request.
pub(super) const MAX_BATCH: usize = 10;

/// Divides requests with the same region and role into batches of up to ten parameters. A path is a
/// batch of its own.
///
/// A batch contains each parameter only once, because two versions of a parameter would have the
/// same name in the response. Each further request for the same parameter becomes a batch of its
/// own.
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

/// Reads a batch of parameters or a path in the client's region. Returns one result for each
/// request, in the same order.
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

/// Reads the parameters of `requests` with a single GetParameters call. Returns their results in
/// the same order, or the error if the whole call fails.
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

/// The maximum number of parameters on a page of GetParametersByPath.
const MAX_PAGE: u64 = 10;

/// A path with more parameters than this is refused. The limit is ours, not AWS's.
const MAX_BELOW_PATH: usize = 10_000;

/// The body of a GetParametersByPath response: one page of the parameters below a path.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// The contents of a page, which have been checked.
pub(super) struct CheckedPage {
    pub parameters: Vec<ParameterBelow>,
    /// The token for the next page.
    next_token: Option<String>,
}

/// A parameter below a path.
pub(super) struct ParameterBelow {
    /// The part of the name after the path: `db/password` for `/prod/db/password` below `/prod/`.
    name: String,
    text: Zeroizing<String>,
}

/// Reads all parameters below a path in the client's region, and returns them as one document.
///
/// `path` is the path of `request`. A page can be empty even if more pages follow.
///
/// # Errors
/// If a page can't be read, if there are no parameters ([`Cause::Absent`]) or more than
/// [`MAX_BELOW_PATH`], or if AWS returns the token of an earlier page again, because then the list
/// would never end.
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

/// Combines the parameters from all pages of a path into one document. Fails if there are no
/// parameters.
pub(super) fn document_of(found: &[ParameterBelow]) -> FetchResult<Document> {
    // The map sorts the parameters and drops duplicates.
    let texts = found
        .iter()
        .map(|found| (found.name.as_str(), found.text.as_str()))
        .collect();
    Document::from_parameters(&texts)
}

/// Parses the body of a GetParametersByPath response, which is one page of parameters. If a
/// parameter isn't below the path of `request`, the whole response is treated as malformed.
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
    /// The names of the requested parameters and versions that don't exist, spelled as in the
    /// request.
    invalid_parameters: Option<Vec<String>>,
}

/// A parameter in a response from Parameter Store.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: Option<String>,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    version: Option<i64>,
    /// The label or version number from the request, with a leading colon, such as `:3`.
    selector: Option<String>,
    value: Option<String>,
    last_modified_date: Option<Box<RawValue>>,
}

/// Parses the body of a GetParameters response. Returns one result for each of `requests`, in the
/// same order. If the response leaves out a requested parameter, the whole response is treated as
/// malformed.
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
    /// Removes the requested parameter from the response, and returns its document.
    ///
    /// Returns an error if the parameter has no value, or if AWS lists the requested name as
    /// invalid ([`Cause::Absent`]).
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
        let missing = version_selector(request).map_or(Missing::Secret, |_| Missing::Version);
        Some(Err(Cause::Absent(missing).into()))
    }
}

impl Parameter {
    /// True unless the ARN in the response contradicts the ARN in the request.
    ///
    /// If both ARNs are present, their partition, region and account must match. `region` replaces
    /// the region of the requested ARN, because the request may have gone to a fallback region.
    fn agrees_with_arn(&self, requested: &SecretId, region: &Region) -> bool {
        let Some(requested) = requested.arn() else {
            return true;
        };
        let requested = requested.in_region(region);
        self.names()
            .filter_map(|text| Arn::parse(text))
            .all(|arn| arn.resource_in_account_of(&requested).is_some())
    }

    /// Finds the part of the parameter's name after the path of `request`.
    ///
    /// For example, this is `db/password` for `/prod/db/password` below `/prod/`. Returns `None` if
    /// the parameter isn't below the path, if the response contains neither its name nor its ARN,
    /// or if the name, the ARN and `request` contradict each other.
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

    /// The parameter's name and its ARN, if the response has them.
    fn names(&self) -> impl Iterator<Item = &String> {
        [&self.name, &self.arn].into_iter().flatten()
    }

    /// True if this is the parameter `id`. If the response has both a name and an ARN, both must
    /// match.
    fn is_named(&self, id: &SecretId) -> bool {
        self.names().next().is_some() && self.names().all(|name| is_name_of(name, id))
    }

    /// True if this is the requested version of the parameter. The response's selector (a label or
    /// a version number) must be the requested one or be missing. If a version number was
    /// requested, `version` must be that number.
    fn has_version(&self, request: &Request) -> bool {
        let selector = version_selector(request).map(|selector| format!(":{selector}"));
        (self.selector.is_none() || self.selector == selector)
            && request
                .version
                .id()
                .is_none_or(|id| self.version.is_some_and(|number| id.parse() == Ok(number)))
    }

    /// Converts the parameter into a document, or fails if it has no value. The document gets the
    /// requested label, because a response doesn't list the parameter's labels.
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

/// True if `name`, which can be an ARN, refers to the parameter `id`. Leading slashes don't matter.
/// For a secret that is read through Parameter Store, `name` can also be the secret's own name or
/// ARN.
fn is_name_of(name: &str, id: &SecretId) -> bool {
    let name = bare_name(name);
    if name == bare_name(id.name()) {
        return true;
    }
    let Some(secret_name) = referenced_secret(id.name()) else {
        return false;
    };
    let secret = SecretId::Name(secret_name.into());
    // If `name` is still an ARN, it is the secret's ARN: `bare_name` reduces a parameter's ARN to
    // the parameter's name.
    match Arn::parse(name) {
        Some(arn) => secret.is_answered_by(None, Some(&arn)),
        None => secret.is_answered_by(Some(name), None),
    }
}

/// Reduces a parameter's name to the part that all its spellings share: `/prod/db` and
/// `arn:aws:ssm:…:parameter/prod/db` become `prod/db`. A secret's ARN stays as it is.
pub fn bare_name(name: &str) -> &str {
    let own_name = match name.split_once(":parameter/") {
        Some((_, own_name)) if Arn::has_prefix(name) => own_name,
        _ => name,
    };
    own_name.trim_start_matches('/')
}

/// The name of the secret that a parameter refers to. For example, Parameter Store answers a
/// request for `/aws/reference/secretsmanager/prod/db` with the secret `prod/db`. Returns `None` if
/// the parameter doesn't refer to a secret.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
pub(super) fn referenced_secret(name: &str) -> Option<&str> {
    bare_name(name)
        .strip_prefix("aws/reference/secretsmanager/")
        .filter(|secret| !secret.is_empty())
}

/// The name to send in a GetParameters request: `NAME`, `NAME:LABEL` or `NAME:VERSION`. If the
/// reference is an ARN, `NAME` is that ARN, but with `region` as its region.
fn requested_name(request: &Request, region: &Region) -> String {
    let id = request.id.in_region(region);
    match version_selector(request) {
        Some(selector) => format!("{id}:{selector}"),
        None => id.to_string(),
    }
}

/// The label or the version number that a request names, or `None` for the newest version.
fn version_selector(request: &Request) -> Option<&str> {
    request.version.label().or(request.version.id())
}
