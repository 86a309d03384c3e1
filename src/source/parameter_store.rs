//! SSM Parameter Store: GetParameters, decrypted, ten names in one request.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::aws::Request;
use super::aws_json;
use super::classify::{Verdict, classify};
use super::client::Client;
use super::retry::{Patience, ask};
use crate::fetched::{Document, FetchError, Missing, Outage, Refusal};
use crate::reference::{Region, SecretId};
use crate::secret::SecretValue;

/// AWS's own limit.
pub(super) const BATCH: usize = 10;

/// Requests of one region and role, put together. One request names a parameter once, so that an answer, which need not spell
/// the name as it was asked for, is told apart.
pub(super) fn batches(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut nth: BTreeMap<String, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<Request>> = Vec::new();
    for request in requests {
        let round = nth.entry(base(request.id.resource_name()).to_owned()).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        rounds.get_mut(*round).into_iter().for_each(|batch| batch.push(request.clone()));
        *round += 1;
    }
    rounds.iter().flat_map(|round| round.chunks(BATCH)).map(<[Request]>::to_vec).collect()
}

/// A parameter's name as its ARN, its plain name and its name with a leading slash have it in common.
fn base(name: &str) -> &str {
    let name = name.strip_prefix("ssm:").unwrap_or(name);
    let name = name.split_once(":parameter/").map_or(name, |(_, name)| name);
    name.strip_prefix("parameter/").unwrap_or(name).trim_start_matches('/')
}

/// Reads a batch: for each request, in order, what it came to.
///
/// AWS denies a batch as a whole when it denies one of its parameters, and refuses it as a whole for one bad name; which one
/// that is, is found out by asking for each alone.
pub(super) async fn get(
    client: &Client,
    requests: &[&Request],
    patience: &Patience,
) -> Vec<Result<Document, FetchError>> {
    match get_together(client, requests, patience).await {
        Ok(documents) => documents,
        Err(FetchError::Denied { .. } | FetchError::Refused(Refusal::Request(_))) if requests.len() > 1 => {
            let alone = requests.iter().map(|request| async move {
                match get_together(client, &[request], patience).await {
                    Ok(documents) => documents
                        .into_iter()
                        .next()
                        .unwrap_or_else(|| Err(FetchError::Unavailable(Outage::unanswered()))),
                    Err(error) => Err(error),
                }
            });
            join_all(alone).await
        }
        Err(error) => requests.iter().map(|_| Err(error.clone())).collect(),
    }
}

async fn get_together(
    client: &Client,
    requests: &[&Request],
    patience: &Patience,
) -> Result<Vec<Result<Document, FetchError>>, FetchError> {
    let names = requests.iter().map(|request| Value::String(name(request, &client.region))).collect();
    let input = [("Names", Value::Array(names)), ("WithDecryption", Value::Bool(true))];
    let input = input.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
    let answer = ask(patience, async || {
        let output =
            aws_json::call(client, "AmazonSSM.GetParameters", &input).await.map_err(|error| classify(&error))?;
        let garbled = |why: &str| Verdict::Again(Outage::Garbled(why.to_owned()), None);
        let answer = Answer::read(output).ok_or_else(|| garbled("a response that is no list of parameters"))?;
        match requests.iter().all(|request| answer.is_about(request)) {
            true => Ok(answer),
            false => Err(garbled("a response that says nothing of a parameter")),
        }
    });
    let mut answer = answer.await?;
    Ok(requests.iter().map(|request| answer.take(request, &client.region)).collect())
}

/// `NAME`, `NAME:LABEL` or `NAME:VERSION`, or the same of an ARN.
fn name(request: &Request, region: &Region) -> String {
    let id = request.id_in(region);
    let name = id.strip_prefix("ssm:").unwrap_or(&id);
    match selector(request) {
        Some(selector) => format!("{name}:{selector}"),
        None => name.to_owned(),
    }
}

/// A label or a version number. A parameter has no staging labels; the newest version is asked for by naming none.
fn selector(request: &Request) -> Option<&str> {
    request.version.label().or(request.version.id())
}

/// What AWS has of the parameters that were asked for.
struct Answer {
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
    fn read(mut output: Map<String, Value>) -> Option<Self> {
        let (parameters, invalid) = (output.remove("Parameters"), output.remove("InvalidParameters"));
        if parameters.is_none() && invalid.is_none() {
            return None;
        }
        let parameters = list(parameters)?.into_iter().map(Parameter::read).collect::<Option<_>>()?;
        let invalid = list(invalid)?.into_iter().map(text).collect::<Option<_>>()?;
        Some(Self { parameters, invalid })
    }

    fn is_about(&self, request: &Request) -> bool {
        self.parameters.iter().any(|parameter| parameter.is_wanted(request))
            || self.invalid.iter().any(|name| is_missing(name, request))
    }

    /// What it has for one request: what is not there is missing.
    fn take(&mut self, request: &Request, region: &Region) -> Result<Document, FetchError> {
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
