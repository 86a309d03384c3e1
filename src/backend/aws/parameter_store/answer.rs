//! What GetParameters answers: parameters, and names that AWS does not know.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::names::{base, selector};
use crate::backend::aws::arn_scope::ArnScope;
use crate::backend::aws::request::Request;
use crate::model::answer::{Document, FetchError, Missing, Refusal};
use crate::model::reference::{Region, SecretId};
use crate::model::secret_value::SecretValue;

/// GetParameters' answer. An error of serde's is dropped: it may quote a value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    parameters: Option<Vec<Parameter>>,
    /// DnsResolver that AWS does not know, as they were asked for.
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
}

impl Answer {
    /// An object without either of its lists is not AWS's, nor is one with something else in their place.
    pub fn read(output: Map<String, Value>) -> Option<Self> {
        let answer: Self = serde_json::from_value(Value::Object(output)).ok()?;
        (answer.parameters.is_some() || answer.invalid_parameters.is_some()).then_some(answer)
    }

    pub fn is_about(&self, request: &Request) -> bool {
        self.parameters.iter().flatten().any(|parameter| parameter.is_wanted(request))
            || self.invalid_parameters.iter().flatten().any(|name| is_missing(name, request))
    }

    /// What it has for one request: what is not there is missing.
    pub fn take(&mut self, request: &Request, region: &Region) -> Result<Document, FetchError> {
        let parameters = self.parameters.get_or_insert_default();
        match parameters.iter().position(|parameter| parameter.is_wanted(request)) {
            Some(at) => parameters.swap_remove(at).into_document(request, region),
            None => {
                let missing = if selector(request).is_some() { Missing::Version } else { Missing::Secret };
                Err(FetchError::NotFound { missing, nearest: None })
            }
        }
    }
}

impl Parameter {
    /// Whether it is the one that is asked for, in the version that is.
    fn is_wanted(&self, request: &Request) -> bool {
        let wanted = base(request.id.resource_name());
        // A secret that is asked for as a parameter may go by its own name.
        let alias = wanted.strip_prefix("aws/reference/secretsmanager/");
        let is_named = |name: &String| {
            base(name) == wanted || alias.is_some_and(|alias| SecretId::is_answer(alias, Some(name), Some(name)))
        };
        let is_version = |version: &str| version.parse::<i64>().is_ok_and(|version| self.version == Some(version));
        [&self.name, &self.arn].into_iter().flatten().any(is_named) && request.version.id().is_none_or(is_version)
    }

    fn into_document(self, request: &Request, region: &Region) -> Result<Document, FetchError> {
        let asked = ArnScope::asked(&request.id, request.role.as_ref(), region);
        asked.accepts(&ArnScope::of(self.arn.as_deref()))?;
        let Some(value) = self.value else { return Err(FetchError::Refused(Refusal::NoValue)) };
        let stages = request.version.label().map(str::to_owned).into_iter().collect();
        Ok(Document {
            body: SecretValue::new(value),
            version_id: self.version.map(|version| version.to_string()),
            stages,
            region: Some(region.clone()),
            passed_over: Vec::new(),
        })
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
    use crate::model::reference::Version;

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
    fn a_name_with_the_end_of_an_arn_in_it_is_another_name() {
        let (id, store, _) = SecretId::parse("ssm:/prod/db").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let request = Request { region, role: None, store, id, version: Version::Current };
        let named = |name: &str| read(&format!(r#"{{"Parameters":[{{"Name":"{name}","Value":"x"}}]}}"#)).unwrap();
        assert!(named("prod/db").is_about(&request));
        assert!(!named("/prod/d6789012:parameter/prod/db").is_about(&request));
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
