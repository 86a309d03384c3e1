//! The response of GetParameters, the parameters in it, and the forms of their names: with or without a leading slash, or an ARN.

use serde::Deserialize;
use serde_json::Value;

use crate::backend::aws::protocol::{read_object, timestamp};
use crate::model::answer::{Document, FetchError, Missing, Outage, Refusal};
use crate::model::reference::{Arn, Locator, Region, SecretId, Version};
use crate::model::secret_value::SecretValue;

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
pub struct Parameter {
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
    results.ok_or_else(|| Outage::malformed("a response without one of the parameters").into())
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
    pub fn agrees_with_arn(&self, requested: &SecretId, region: &Region) -> bool {
        let SecretId::Arn(requested) = requested.in_region(region) else {
            return true;
        };
        let texts = [&self.name, &self.arn].into_iter().flatten();
        let mut arns = texts.filter_map(|text| Arn::parse(text));
        arns.all(|arn| arn.resource_beside(&requested).is_some())
    }

    pub fn name(&self) -> Option<&str> {
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
    pub fn into_document(self, version: &Version, region: &Region) -> Result<Document, FetchError> {
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
pub fn requested_name(request: &Locator, region: &Region) -> String {
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
