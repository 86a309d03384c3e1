//! What GetParameters answers: parameters, and names that AWS does not know.

use serde_json::{Map, Value};

use super::{base, selector};
use crate::fetched::{Document, FetchError, Missing, Refusal};
use crate::reference::{Region, SecretId};
use crate::secret::SecretValue;
use crate::source::aws::Request;
use crate::source::origin::Origin;

/// What AWS has of the parameters that were asked for.
pub(super) struct Answer {
    parameters: Vec<Parameter>,
    /// Names that AWS does not know, as they were asked for.
    invalid: Vec<String>,
}

struct Parameter {
    name: Option<String>,
    arn: Option<String>,
    version: String,
    value: Option<String>,
}

impl Answer {
    /// An object without either of its lists is not AWS's, nor is one with something else in their place.
    pub(super) fn read(mut output: Map<String, Value>) -> Option<Self> {
        let (parameters, invalid) = (output.remove("Parameters"), output.remove("InvalidParameters"));
        if parameters.is_none() && invalid.is_none() {
            return None;
        }
        let parameters = list(parameters)?.into_iter().map(Parameter::read).collect::<Option<_>>()?;
        let invalid = list(invalid)?.into_iter().map(text).collect::<Option<_>>()?;
        Some(Self { parameters, invalid })
    }

    pub(super) fn is_about(&self, request: &Request) -> bool {
        self.parameters.iter().any(|parameter| parameter.is_wanted(request))
            || self.invalid.iter().any(|name| is_missing(name, request))
    }

    /// What it has for one request: what is not there is missing.
    pub(super) fn take(&mut self, request: &Request, region: &Region) -> Result<Document, FetchError> {
        match self.parameters.iter().position(|parameter| parameter.is_wanted(request)) {
            Some(at) => self.parameters.swap_remove(at).into_document(request, region),
            None => {
                let missing = if selector(request).is_some() { Missing::Version } else { Missing::Secret };
                Err(FetchError::NotFound { missing, nearest: None })
            }
        }
    }
}

impl Parameter {
    fn read(value: Value) -> Option<Self> {
        let Value::Object(mut parameter) = value else { return None };
        let version = match parameter.remove("Version") {
            Some(Value::Number(version)) => version.as_i64()?.to_string(),
            Some(Value::Null) | None => "0".to_owned(),
            Some(_) => return None,
        };
        let mut text = |key| match parameter.remove(key) {
            Some(Value::Null) | None => Some(None),
            Some(value) => text(value).map(Some),
        };
        Some(Self { name: text("Name")?, arn: text("ARN")?, value: text("Value")?, version })
    }

    /// Whether it is the one that is asked for, in the version that is.
    fn is_wanted(&self, request: &Request) -> bool {
        let wanted = base(request.id.resource_name());
        // A secret that is asked for as a parameter may go by its own name.
        let alias = wanted.strip_prefix("aws/reference/secretsmanager/");
        let is_named = |name: &String| {
            base(name) == wanted || alias.is_some_and(|alias| SecretId::is_answer(alias, Some(name), Some(name)))
        };
        let is_version =
            |version: &str| version.parse::<u64>().is_ok_and(|version| self.version == version.to_string());
        [&self.name, &self.arn].into_iter().flatten().any(is_named) && request.version.id().is_none_or(is_version)
    }

    fn into_document(self, request: &Request, region: &Region) -> Result<Document, FetchError> {
        let asked = Origin::asked(&request.id, request.role.as_ref(), region);
        asked.accepts(&Origin::of(self.arn.as_deref()))?;
        let Some(value) = self.value else { return Err(FetchError::Refused(Refusal::NoValue)) };
        let stages = request.version.label().map(str::to_owned).into_iter().collect();
        Ok(Document {
            body: SecretValue::new(value),
            version_id: Some(self.version),
            stages,
            region: Some(region.clone()),
            passed_over: Vec::new(),
        })
    }
}

fn list(value: Option<Value>) -> Option<Vec<Value>> {
    match value {
        Some(Value::Array(list)) => Some(list),
        Some(Value::Null) | None => Some(Vec::new()),
        Some(_) => None,
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Whether a name that AWS does not know is the one that is asked for.
fn is_missing(name: &str, request: &Request) -> bool {
    let wanted = base(request.id.resource_name());
    match selector(request) {
        Some(selector) => base(name).strip_suffix(selector).and_then(|name| name.strip_suffix(':')) == Some(wanted),
        None => base(name) == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Version;

    fn read(text: &str) -> Option<Answer> {
        Answer::read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_is_no_list_of_parameters_is_no_answer() {
        for text in [
            "{}",
            r#"{"Parameters":{}}"#,
            r#"{"Parameters":["/a"]}"#,
            r#"{"InvalidParameters":[7]}"#,
            r#"{"Parameters":[{"Name":7}]}"#,
            r#"{"Parameters":[{"Name":"/a","Version":"1"}]}"#,
            r#"{"Parameters":[{"Name":"/a","Version":1.5}]}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let (id, store, _) = SecretId::parse("ssm:/a").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let request = Request { region: region.clone(), role: None, store, id, version: Version::Current };
        let text = r#"{"Parameters":[{"Name":"/a","ARN":null,"Version":null,"Value":null}],"InvalidParameters":null}"#;
        let mut answer = read(text).unwrap();
        assert!(answer.is_about(&request));
        assert!(matches!(answer.take(&request, &region), Err(FetchError::Refused(Refusal::NoValue))));
        assert!(!answer.is_about(&request));
    }
}
