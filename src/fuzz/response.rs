//! Responses of AWS: only a secret or a parameter gives a value, and no error quotes one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::support::{CANARY, assert_hold_no_value};
use crate::backend::aws::{RecordedResponse, replay};
use crate::model::answer::{Asked, Document};

/// `data` is a status code on a line, header lines, an empty line and a body.
pub fn response(data: &[u8]) {
    let Some((status, headers, body)) = parts(data) else { return };
    if String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for body in std::iter::once(body.to_vec()).chain(planted(body)) {
        let recorded = RecordedResponse { status, headers: headers.clone(), body: &body };
        let checks: [(&str, Check); 3] =
            [("prod/db", assert_is_secret), ("ssm:/prod/db", assert_is_parameter), ("ssm:/prod/", assert_are_below)];
        for (id, check) in checks {
            match replay(&recorded, id) {
                None => {}
                Some(Ok(document)) => check(status, &body, &document),
                Some(Err(error)) => {
                    assert_hold_no_value(vec![error.problem(&Asked::default())]);
                }
            }
        }
    }
}

/// The invariant of a document, given status and body.
type Check = fn(u16, &[u8], &Document);

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

/// Asserts that the value is that of SecretString or SecretBinary by serde_json.
fn assert_is_secret(status: u16, body: &[u8], document: &Document) {
    let found = document.body.expose();
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "a value from status {status}: {text}");
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(body) else {
        // The SDK's parser accepts more than JSON, in numbers for example.
        assert!(body.trim_ascii_end().ends_with(b"}"), "cut off: {text}");
        assert!(text.contains("\\u") || values(body).any(|value| value == found), "from {text}");
        return;
    };
    let string = |name| object.get(name).and_then(Value::as_str);
    let written = match (string("SecretString"), string("SecretBinary")) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(code)) => STANDARD.decode(code).ok(),
        (None, None) => None,
    };
    assert_eq!(written.as_deref(), Some(found), "from {text}");
    assert!(
        ["ARN", "Name", "VersionId"].into_iter().any(|name| string(name).is_some()),
        "without ARN, Name and VersionId: {text}"
    );
}

/// Asserts that the value is that of the requested parameter in the list.
fn assert_is_parameter(status: u16, body: &[u8], document: &Document) {
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "a value from status {status}: {text}");
    let object: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let mut parameters = object.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let is_requested = |parameter: &Value| {
        let string = |key| parameter.get(key).and_then(Value::as_str);
        let name = string("Name").is_some_and(|name| ["/prod/db", "prod/db"].contains(&name));
        let arn = string("ARN").is_some_and(|arn| arn.ends_with(":parameter/prod/db"));
        (name || arn) && string("Value").map(str::as_bytes) == Some(document.body.expose())
    };
    assert!(parameters.any(is_requested), "from {text}");
}

/// Asserts that every parameter below the path is one of the list, by its name, and that the page is the last.
fn assert_are_below(status: u16, body: &[u8], document: &Document) {
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "values from status {status}: {text}");
    let object: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    assert!(object.get("NextToken").and_then(Value::as_str).is_none_or(str::is_empty), "not the last page: {text}");
    let parameters = object.get("Parameters").and_then(Value::as_array);
    for (rest, parameter) in &document.parameters {
        let is_it = |listed: &Value| {
            let string = |key| listed.get(key).and_then(Value::as_str);
            let is_named = |name: &str| name.trim_start_matches('/') == format!("prod/{rest}");
            let name = string("Name").or_else(|| string("ARN")?.split_once(":parameter/").map(|(_, name)| name));
            name.is_some_and(is_named) && string("Value").map(str::as_bytes) == Some(parameter.body.expose())
        };
        assert!(parameters.is_some_and(|parameters| parameters.iter().any(is_it)), "{rest} from {text}");
    }
    assert!(!document.parameters.is_empty(), "nothing from {text}");
}

/// Returns each value that a secret could have in malformed JSON, as text and decoded from base64.
fn values(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = (0..text.len()).filter_map(|at| value_of_a_secret(&text[at..]).map(|found| at + found - 1));
    let written = places.filter_map(|at| serde_json::Deserializer::from_slice(&text[at..]).into_iter().next()?.ok());
    written.flat_map(|value: String| [STANDARD.decode(&value).unwrap_or_default(), value.into_bytes()])
}

/// Returns the body with the canary at the beginning of each value; without an object, with the canary before and after
/// it.
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

/// Returns the offset of the next string that is the value of a secret or parameter, after its opening quote.
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
