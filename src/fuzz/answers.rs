//! The fuzz targets that read AWS's responses and the entries of the cache.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::support::{CANARY, assert_hold_no_value};
use crate::backend::aws::{RecordedResponse, replay};
use crate::backend::cached::{decode, encode, hex_hash};
use crate::model::answer::Document;
use crate::model::entry::{Origin, Subject};
use crate::model::environment::Inherited;
use crate::model::message::{Circumstances, FetchError, Problem};
use crate::model::reference::Reference;
use crate::system::redaction::conceal;

const CREDENTIAL: &str = "cr3d3nt14l+OfTheRequest/";

/// Parses `data` as a response of AWS: a line with the status, lines with headers, an empty line
/// and the body. Asserts that only a successful response gives a value. Also asserts that no error
/// shows a value or a credential of the request, even if AWS repeats it.
pub fn response(data: &[u8]) {
    let Some((status, headers, body)) = parts(data) else {
        return;
    };
    // The canary must only be where this function puts it.
    if String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    conceal([CREDENTIAL]);
    for body in [body.to_vec(), with_canary(body), with_credential(body)] {
        let recorded = RecordedResponse {
            status,
            headers: headers.clone(),
            body: &body,
        };
        for id in ["prod/db", "ssm:/prod/db", "ssm:/prod/"] {
            match replay(&recorded, id) {
                // `replay` returns `None` if the status isn't valid.
                None => {}
                Some(Ok(document)) => {
                    assert_are_in_response(status, &body, &texts_of(id, &document));
                }
                Some(Err(error)) => {
                    let problem = problem(error, id);
                    assert!(problem.is_some(), "{id} isn't a reference");
                    let shown = format!("{problem:?}");
                    assert!(
                        !shown.contains(CREDENTIAL),
                        "a credential is shown: {shown}"
                    );
                    assert_hold_no_value(Vec::from_iter(problem));
                }
            }
        }
    }
}

/// Makes the problem for a variable whose request failed.
fn problem(error: FetchError, id: &str) -> Option<Problem> {
    let reference = Reference::parse(id)
        .and_then(|reference| reference.locate(None, &Inherited::default()))
        .ok()?;
    let subject = Subject::plain("NAME".to_owned(), Origin::Inherited);
    Some(error.problem(&reference, &subject, &Circumstances::default()))
}

type RawAnswer<'a> = (u16, Vec<(&'a str, &'a [u8])>, &'a [u8]);

/// Splits `data` into the status, the headers and the body.
fn parts(data: &[u8]) -> Option<RawAnswer<'_>> {
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
        headers.push((
            std::str::from_utf8(&header[..colon]).ok()?,
            header[colon + 1..].trim_ascii(),
        ));
    }
}

/// Splits text at its first line feed.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

/// The values in a document. A path such as `ssm:/prod/` has a value for each parameter, and any
/// other id has a single value.
fn texts_of(id: &str, document: &Document) -> Vec<Vec<u8>> {
    let value = document.body.expose();
    if !id.ends_with('/') {
        return vec![value.to_vec()];
    }
    let texts: HashMap<String, String> = serde_json::from_slice(value).unwrap_or_default();
    texts.into_values().map(String::into_bytes).collect()
}

/// Asserts that a response succeeded and contains each of `texts`, and that there is at least one
/// text.
fn assert_are_in_response(status: u16, body: &[u8], texts: &[Vec<u8>]) {
    let response = String::from_utf8_lossy(body);
    assert!(
        (200..300).contains(&status),
        "a value from status {status}: {response}"
    );
    let values = values_in(body);
    assert!(
        !texts.is_empty() && texts.iter().all(|text| values.contains(text)),
        "from {response}"
    );
}

/// A JSON object whose members are parsed only when they are needed, so they can have any type.
type RawObject<'a> = HashMap<String, &'a RawValue>;

fn field<'a, T: Deserialize<'a>>(object: &RawObject<'a>, name: &str) -> Option<T> {
    serde_json::from_str(object.get(name)?.get()).ok()
}

/// Collects the values in a response: the value of each parameter, and the text or bytes of a
/// secret.
fn values_in(body: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let response: RawObject<'_> = serde_json::from_str(&text).unwrap_or_default();
    let parameters: Vec<RawObject<'_>> = field(&response, "Parameters").unwrap_or_default();
    let mut values = Vec::new();
    for parameter in &parameters {
        values.extend(field(parameter, "Value").map(String::into_bytes));
    }
    values.extend(field(&response, "SecretString").map(String::into_bytes));
    values.extend(
        field(&response, "SecretBinary").and_then(|base64: String| STANDARD.decode(base64).ok()),
    );
    values
}

/// Puts a credential at the start of each error message in the body.
fn with_credential(body: &[u8]) -> Vec<u8> {
    let mut planted = String::from_utf8_lossy(body).into_owned();
    for key in ["message", "Message", "errorMessage"] {
        let start = format!("\"{key}\":\"");
        planted = planted.replace(&start, &format!("{start}{CREDENTIAL}"));
    }
    planted.into_bytes()
}

/// Puts the canary at the start of each value in the body. If the body has no values, puts it at
/// the start of the body.
fn with_canary(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut planted = text.clone().into_owned();
    for key in ["SecretString", "SecretBinary", "Value"] {
        planted = planted.replace(&format!("\"{key}\":\""), &format!("\"{key}\":\"{CANARY}"));
    }
    if planted == text {
        [CANARY.as_bytes(), body].concat()
    } else {
        planted.into_bytes()
    }
}

/// Decodes `data` as the JSON of a cache entry with a valid checksum, after putting the canary at
/// the start of each text value. If the entry is valid, asserts that its debug output shows no
/// value, and that it stays the same when it is written and read again. Extra bytes or a different
/// name must make it invalid.
pub fn cache_entry(data: &[u8]) {
    let Ok(given) = std::str::from_utf8(data) else {
        return;
    };
    let text = given.replace("\"Ok\":\"", &format!("\"Ok\":\"{CANARY}"));
    let entry = [
        "secrets-exec cache 2\n",
        &hex_hash(text.as_bytes()),
        "\n",
        &text,
    ]
    .concat()
    .into_bytes();
    let Ok(read) = decode("name", &entry) else {
        return;
    };

    // If `data` itself has a canary, it may be in a name, and names are shown.
    let debugged = format!("{read:?}");
    assert!(
        given.contains(CANARY) || !debugged.contains(CANARY),
        "{debugged}"
    );

    let written = encode("name", &read.document, read.fetched, read.kept_for);
    let again = decode("name", &written).ok();
    assert!(
        again.is_some(),
        "{debugged} can't be written, or read again"
    );
    let Some(again) = again else { return };
    assert_eq!(
        (again.fetched, again.kept_for, again.document.body.expose()),
        (read.fetched, read.kept_for, read.document.body.expose())
    );

    let damaged = [&entry, CANARY.as_bytes()].concat();
    assert!(decode("name", &damaged).is_err() && decode("other", &entry).is_err());
}
