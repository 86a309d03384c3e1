//! Answers of AWS: nothing but a secret or a parameter is one, and no error quotes a value that the answer had in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::support::{CANARY, hold_no_value};
use crate::backend::aws::{RecordedResponse, replay};
use crate::model::answer::{Document, FetchFailure};
use crate::model::entry::{Origin, Subject};
use crate::model::reference::Store;
use crate::resolve::{ResolveError, ResolveProblem};

/// `data` is a status, headers, an empty line and a body, as in HTTP but for the words around the status.
pub fn response(data: &[u8]) {
    let Some((status, headers, body)) = parts(data) else { return };
    if String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for body in std::iter::once(body.to_vec()).chain(planted(body)) {
        let recorded = RecordedResponse { status, headers: headers.clone(), body: &body };
        for store in [Store::SecretsManager, Store::ParameterStore] {
            match (replay(&recorded, store), store) {
                (None, _) => {}
                (Some(Ok(document)), Store::SecretsManager) => is_a_secret(status, &body, &document),
                (Some(Ok(document)), Store::ParameterStore) => is_a_parameter(status, &body, &document),
                (Some(Err(error)), _) => {
                    let subject = Subject { label: "A".to_owned(), origin: Origin::Inherited, written: None };
                    let problem = ResolveProblem::Fetch(FetchFailure::new(None, error));
                    hold_no_value(vec![ResolveError { subject, reference: None, problem }]);
                }
            }
        }
    }
}

type Parts<'a> = (u16, Vec<(&'a str, &'a [u8])>, &'a [u8]);

fn parts(data: &[u8]) -> Option<Parts<'_>> {
    let (status, mut rest) = line(data)?;
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    let mut headers = Vec::new();
    loop {
        let (header, after) = line(rest)?;
        rest = after;
        if header.is_empty() {
            return Some((status, headers, rest));
        }
        let colon = header.iter().position(|byte| *byte == b':')?;
        headers.push((std::str::from_utf8(&header[..colon]).ok()?, header[colon + 1..].trim_ascii()));
    }
}

fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

/// A value came out: then the answer says so, as another parser reads it.
fn is_a_secret(status: u16, body: &[u8], document: &Document) {
    let found = document.body.expose();
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "a value out of status {status}: {text}");
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(body) else {
        // The SDK lets more pass for a number, say; the answer is whole, and what came out is in it.
        assert!(body.trim_ascii_end().ends_with(b"}"), "cut off: {text}");
        assert!(text.contains("\\u") || values(body).any(|value| value == found), "out of {text}");
        return;
    };
    let string = |name| object.get(name).and_then(Value::as_str);
    let written = match (string("SecretString"), string("SecretBinary")) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(code)) => STANDARD.decode(code).ok(),
        (None, None) => None,
    };
    assert_eq!(written.as_deref(), Some(found), "out of {text}");
    assert!(["ARN", "Name", "VersionId"].into_iter().any(|name| string(name).is_some()), "whose is {text}?");
}

/// The same of a parameter, which one of a list is.
fn is_a_parameter(status: u16, body: &[u8], document: &Document) {
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "a value out of status {status}: {text}");
    let object: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut parameters = object.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let is_it = |parameter: &Value| {
        let string = |key| parameter.get(key).and_then(Value::as_str);
        let name = string("Name").is_some_and(|name| ["/prod/db", "prod/db"].contains(&name));
        let arn = string("ARN").is_some_and(|arn| arn.ends_with(":parameter/prod/db"));
        (name || arn) && string("Value").map(str::as_bytes) == Some(document.body.expose())
    };
    assert!(parameters.any(is_it), "out of {text}");
}

/// Each value that a secret could have in a text that is not quite JSON, and what it is when it is base64.
fn values(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = (0..text.len()).filter_map(|at| value_of_a_secret(&text[at..]).map(|found| at + found - 1));
    let written = places.filter_map(|at| serde_json::Deserializer::from_slice(&text[at..]).into_iter().next()?.ok());
    written.flat_map(|value: String| [STANDARD.decode(&value).unwrap_or_default(), value.into_bytes()])
}

/// The canary at the beginning of each value of a secret; in what is no object, where nothing may be kept, around all.
fn planted(body: &[u8]) -> Vec<Vec<u8>> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return vec![[CANARY.as_bytes(), body].concat(), [body, CANARY.as_bytes()].concat()];
    }
    let mut planted = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = value_of_a_secret(rest) {
        planted.extend_from_slice(&rest[..at]);
        planted.extend_from_slice(CANARY.as_bytes());
        rest = &rest[at..];
    }
    planted.extend_from_slice(rest);
    vec![planted]
}

/// Where the next string begins that is the value of a secret or a parameter, past its quote.
fn value_of_a_secret(json: &[u8]) -> Option<usize> {
    let found = ["\"SecretString\"", "\"SecretBinary\"", "\"Value\""].into_iter().filter_map(|key| {
        (0..json.len()).filter(|at| json[*at..].starts_with(key.as_bytes())).find_map(|at| {
            let after = json[at + key.len()..].trim_ascii_start().strip_prefix(b":")?;
            let value = after.trim_ascii_start().strip_prefix(b"\"")?;
            Some(json.len() - value.len())
        })
    });
    found.min()
}
