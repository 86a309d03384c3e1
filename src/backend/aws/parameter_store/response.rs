//! The responses of GetParameters and GetParametersByPath, the parameters in them, and the forms of their names: with or without a
//! leading slash, or an ARN.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::backend::aws::protocol::{read_object, timestamp};
use crate::backend::aws::request::SecretRequest;
use crate::model::answer::{Document, FetchError, Missing, Refusal};
use crate::model::reference::{Arn, Region, SecretId, Version};
use crate::model::secret_value::SecretValue;

/// A response of GetParameters.
pub struct GetParametersResponse {
    parameters: Vec<Parameter>,
    /// The names, as requested, of parameters and versions that do not exist.
    invalid_parameters: Vec<String>,
}

/// The body of such a response.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersBody {
    parameters: Option<Vec<Map<String, Value>>>,
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

impl GetParametersResponse {
    /// Reads a body; `None` if it is not an object with at least one of the two lists.
    pub fn read(body: &[u8]) -> Option<Self> {
        let body: GetParametersBody = read_object(body)?;
        if body.parameters.is_none() && body.invalid_parameters.is_none() {
            return None;
        }
        let parameters = body.parameters.unwrap_or_default().into_iter().map(Parameter::read);
        let parameters = parameters.collect::<Option<_>>()?;
        Some(Self { parameters, invalid_parameters: body.invalid_parameters.unwrap_or_default() })
    }

    /// True if it has the parameter or lists its name as invalid.
    pub fn is_about(&self, request: &SecretRequest) -> bool {
        self.parameters.iter().any(|parameter| parameter.is_requested(request))
            || self.invalid_parameters.iter().any(|name| is_missing(name, request))
    }

    /// Removes the parameter and returns it as a document.
    ///
    /// # Errors
    /// [`FetchError::NotFound`] if there is none, or those of [`Parameter::into_document`].
    pub fn take(&mut self, request: &SecretRequest, region: &Region) -> Result<Document, FetchError> {
        match self.parameters.iter().position(|parameter| parameter.is_requested(request)) {
            Some(at) => self.parameters.swap_remove(at).into_document(&request.version, region),
            None => {
                let missing = if version_selector(request).is_some() { Missing::Version } else { Missing::Secret };
                Err(FetchError::NotFound { missing, nearest: None })
            }
        }
    }
}

/// A response of GetParametersByPath, which is one page of the parameters.
pub struct GetParametersByPathResponse {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// The body of such a response.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPathBody {
    parameters: Vec<Map<String, Value>>,
    next_token: Option<String>,
}

/// The parameters of a page, each with the rest of its name, and the token of the next page.
pub struct Page {
    pub parameters: Vec<(String, Parameter)>,
    pub next_token: Option<String>,
}

impl GetParametersByPathResponse {
    /// Reads a body; `None` if it is not an object with a list of parameters.
    pub fn read(body: &[u8]) -> Option<Self> {
        let GetParametersByPathBody { parameters, next_token } = read_object(body)?;
        let parameters = parameters.into_iter().map(Parameter::read).collect::<Option<_>>()?;
        Some(Self { parameters, next_token })
    }

    /// Names each parameter by what follows `path`; `None` if one of them is not below it.
    pub fn below(self, path: &str) -> Option<Page> {
        let rest = |parameter: &Parameter| {
            let name = parameter.name.as_deref().or(parameter.arn.as_deref())?;
            let rest = base_name(name).strip_prefix(base_name(path))?;
            (!rest.is_empty()).then(|| rest.to_owned())
        };
        let named = self.parameters.into_iter().map(|parameter| Some((rest(&parameter)?, parameter)));
        let parameters = named.collect::<Option<_>>()?;
        Some(Page { parameters, next_token: self.next_token.filter(|token| !token.is_empty()) })
    }
}

impl Parameter {
    /// Reads the object of a parameter; `None` if one of its fields has another type.
    fn read(object: Map<String, Value>) -> Option<Self> {
        serde_json::from_value(Value::Object(object)).ok()
    }

    fn is_requested(&self, request: &SecretRequest) -> bool {
        self.is_named(&request.id) && self.has_version(&request.version)
    }

    /// True if its name or its ARN is that of `id`.
    fn is_named(&self, id: &SecretId) -> bool {
        let requested = base_name(id.name());
        // A secret that is read through Parameter Store may be returned with its own name.
        let secret = referenced_secret(requested).map(str::to_owned).map(SecretId::Name);
        let is_named = |name: &String| {
            let is_secret = |id: &SecretId| id.is_answered_by(Some(name), Arn::parse(name).as_ref());
            base_name(name) == requested || secret.as_ref().is_some_and(is_secret)
        };
        [&self.name, &self.arn].into_iter().flatten().any(is_named)
    }

    /// True unless another version number is requested.
    fn has_version(&self, version: &Version) -> bool {
        let is_own = |number: &str| number.parse::<i64>().is_ok_and(|number| self.version == Some(number));
        version.id().is_none_or(is_own)
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

/// True if an invalid name is the requested one.
fn is_missing(name: &str, request: &SecretRequest) -> bool {
    let requested = base_name(request.id.name());
    match version_selector(request) {
        Some(selector) => {
            base_name(name).strip_suffix(selector).and_then(|name| name.strip_suffix(':')) == Some(requested)
        }
        None => base_name(name) == requested,
    }
}

/// Returns the part that all forms of a parameter's name share.
pub fn base_name(name: &str) -> &str {
    let name = if Arn::is_meant(name) { name.split_once(":parameter/").map_or(name, |(_, name)| name) } else { name };
    name.trim_start_matches('/')
}

/// Returns the secret that Parameter Store reads for a parameter, both by name.
///
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html>
pub fn referenced_secret(name: &str) -> Option<&str> {
    base_name(name).strip_prefix("aws/reference/secretsmanager/").filter(|secret| !secret.is_empty())
}

/// Returns `NAME`, `NAME:LABEL` or `NAME:VERSION`, each with a name or an ARN, as GetParameters takes it.
pub fn requested_name(request: &SecretRequest, region: &Region) -> String {
    let id = request.id_in(region);
    match version_selector(request) {
        Some(selector) => format!("{id}:{selector}"),
        None => id.to_string(),
    }
}

/// Returns the requested label or version number. Without one, AWS returns the newest version.
fn version_selector(request: &SecretRequest) -> Option<&str> {
    request.version.label().or(request.version.id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<GetParametersResponse> {
        GetParametersResponse::read(text.as_bytes())
    }

    #[test]
    fn a_body_without_a_list_of_parameters_is_no_response() {
        for text in [
            "{}",
            r#"{"Parameters":{}}"#,
            r#"{"Parameters":["/a"]}"#,
            r#"{"Parameters":[["/a",null,1,"x"]]}"#,
            r#"[[["/a",null,1,"x"]],[]]"#,
            r#"{"InvalidParameters":[7]}"#,
            r#"{"Parameters":[{"Name":7}]}"#,
            r#"{"Parameters":[{"Name":"/a","Version":"1"}]}"#,
            r#"{"Parameters":[{"Name":"/a","Version":1.5}]}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_name_with_the_end_of_an_arn_in_it_is_another_name() {
        let (store, id) = SecretId::parse("ssm:/prod/db").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let request = SecretRequest { region, role: None, store, id, version: Version::Current };
        let named = |name: &str| read(&format!(r#"{{"Parameters":[{{"Name":"{name}","Value":"x"}}]}}"#)).unwrap();
        assert!(named("prod/db").is_about(&request));
        assert!(!named("/prod/d6789012:parameter/prod/db").is_about(&request));
    }

    #[test]
    fn null_counts_as_absent() {
        let (store, id) = SecretId::parse("ssm:/a").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let request = SecretRequest { region: region.clone(), role: None, store, id, version: Version::Current };
        let text = r#"{"Parameters":[{"Name":"/a","ARN":null,"Version":null,"Value":null}],"InvalidParameters":null}"#;
        let mut response = read(text).unwrap();
        assert!(response.is_about(&request));
        assert!(matches!(response.take(&request, &region), Err(FetchError::Refused(Refusal::NoValue))));
        assert!(!response.is_about(&request));
    }
}
