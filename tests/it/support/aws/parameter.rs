//! Parameter Store in the fake: GetParameters with versions and labels, absent names, and denials
//! of whole batches; and GetParametersByPath with pages.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::{Value, json};

use super::http::Response;
use super::journal::Call;
use super::service::recorded;
use crate::support::watch;

/// One version of a parameter, and its labels.
#[derive(Clone)]
pub struct Version {
    pub value: String,
    labels: Vec<&'static str>,
}

impl Version {
    pub fn text(value: &str) -> Self {
        watch::secret_text(value);
        Self {
            value: value.to_owned(),
            labels: Vec::new(),
        }
    }

    pub fn labelled(mut self, label: &'static str) -> Self {
        self.labels.push(label);
        self
    }
}

#[derive(Default)]
pub struct Parameters {
    versions: BTreeMap<String, Vec<Version>>,
    pub denied: BTreeSet<String>,
}

impl Parameters {
    pub fn insert(&mut self, name: &str, versions: &[Version]) {
        self.versions.insert(name.to_owned(), versions.to_vec());
    }

    /// The version that `NAME`, `NAME:LABEL` or `NAME:VERSION` selects, and its number. The first
    /// version has the number one.
    pub fn find(&self, name: &str, selector: Option<&str>) -> Option<(usize, &Version)> {
        let versions = self.versions.get(name)?;
        let at = match selector {
            None => versions.len(),
            Some(selector) => selector.parse().ok().or_else(|| {
                let has_label = |version: &Version| version.labels.contains(&selector);
                Some(versions.iter().position(has_label)? + 1)
            })?,
        };
        Some((at, versions.get(at.checked_sub(1)?)?))
    }
}

/// Answers a GetParameters request. If a parameter was requested by its ARN, the response has its
/// plain name, as in AWS.
pub fn answer(parameters: &Parameters, call: &Call) -> Response {
    let names = call.names();
    assert!(names.len() <= 10, "AWS takes ten names: {names:?}");
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for asked in &names {
        let (name, selector) = split(asked);
        if parameters.denied.contains(&name) {
            let typed = || denial("GetParameters", &name);
            return recorded("GetParameters.denied").unwrap_or_else(typed);
        }
        match parameters.find(&name, selector.as_deref()) {
            Some((number, version)) => found.push(described(call, &name, number, version)),
            None => invalid.push(asked.clone()),
        }
    }
    // AWS doesn't keep the order of the request, either.
    found.reverse();
    let body = json!({ "Parameters": found, "InvalidParameters": invalid });
    Response::json(200, &body)
}

/// Answers a GetParametersByPath request. The token of a page is the last name of the page before
/// it.
pub fn below(parameters: &Parameters, call: &Call) -> Response {
    let body = call.body();
    let path = body["Path"].as_str().expect("a Path");
    assert!(path.starts_with('/'), "AWS takes absolute paths: {path}");
    assert!(body["WithDecryption"] == true);
    let is_recursive = body["Recursive"].as_bool().expect("AWS takes a boolean");
    let size = body["MaxResults"]
        .as_u64()
        .filter(|size| (1..=10).contains(size))
        .expect("AWS takes 1 to 10 as MaxResults");
    if parameters.denied.contains(path) {
        return denial("GetParametersByPath", path);
    }
    let prefix = format!("{}/", path.trim_end_matches('/'));
    // No parameter has the prefix itself as its name, so the first page can begin after it.
    let last = body["NextToken"].as_str().unwrap_or(&prefix).to_owned();
    let rest = (Bound::Excluded(last), Bound::Unbounded);
    let rest = parameters.versions.range(rest).map(|(name, _)| name);
    let mut names = rest
        .take_while(|name| name.starts_with(&prefix))
        .filter(|name| is_recursive || !name[prefix.len()..].contains('/'))
        .peekable();
    let size = usize::try_from(size).unwrap();
    let page: Vec<&String> = names.by_ref().take(size).collect();
    let described = |name: &&String| {
        let (number, version) = parameters.find(name, None).unwrap();
        described(call, name, number, version)
    };
    let found: Vec<Value> = page.iter().map(described).collect();
    let mut body = json!({ "Parameters": found });
    if names.peek().is_some() {
        body["NextToken"] = json!(page.last());
    }
    Response::json(200, &body)
}

fn described(call: &Call, name: &str, number: usize, version: &Version) -> Value {
    let account = if name.starts_with("/aws/service/") {
        String::new()
    } else {
        call.account().to_string()
    };
    json!({
        "Name": name,
        "ARN": format!("arn:aws:ssm:{}:{account}:parameter/{}", call.region(), name.trim_start_matches('/')),
        "Type": "SecureString",
        "Value": version.value,
        "Version": number,
        "LastModifiedDate": 1_523_477_145.713,
    })
}

fn split(asked: &str) -> (String, Option<String>) {
    let rest = asked.split_once(":parameter");
    let rest = rest.map_or(asked, |(_, rest)| rest);
    match rest.split_once(':') {
        Some((name, selector)) => (name.to_owned(), Some(selector.to_owned())),
        None => (rest.to_owned(), None),
    }
}

fn denial(operation: &str, name: &str) -> Response {
    let message = format!(
        "User: arn:aws:sts::123456789012:assumed-role/app/i-1 is not authorized to perform: ssm:{operation} on resource: \
         arn:aws:ssm:us-east-1:123456789012:parameter{name} because no identity-based policy allows the ssm:{operation} action"
    );
    let body = json!({ "__type": "AccessDeniedException", "message": message });
    Response::json(400, &body)
}
