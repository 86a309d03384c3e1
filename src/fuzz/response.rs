//! Responses of AWS: only a secret or a parameter gives a value, and no error quotes one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::support::{CANARY, assert_hold_no_value};
use crate::backend::aws::{RecordedResponse, replay};
use crate::model::answer::{Asked, Document};

/// `data` is a status code on a line, header lines, an empty line and a body.
pub fn response(data: &[u8]) {
    let Some((status, headers, body)) = parts(data) else { return };
    if String::from_utf8_lossy(data).contains(CANARY) {
        return;
    }
    for body in [body.to_vec(), planted(body)] {
        let recorded = RecordedResponse { status, headers: headers.clone(), body: &body };
        for id in ["prod/db", "ssm:/prod/db", "ssm:/prod/"] {
            match replay(&recorded, id) {
                None => {}
                Some(Ok(document)) => assert_is_in_response(status, &body, &document),
                Some(Err(error)) => assert_hold_no_value(vec![error.problem(&Asked::default())]),
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

/// Asserts that the response is a success, and has each value of the document.
fn assert_is_in_response(status: u16, body: &[u8], document: &Document) {
    let text = String::from_utf8_lossy(body);
    assert!((200..300).contains(&status), "a value from status {status}: {text}");
    let values = values(body);
    let is_of_response = |document: &Document| values.iter().any(|value| value == document.body.expose());
    if document.parameters.is_empty() {
        assert!(is_of_response(document), "from {text}");
    } else {
        assert!(document.parameters.iter().all(|(_, parameter)| is_of_response(parameter)), "from {text}");
    }
}

/// Returns the values of the secret and of the parameters in a response.
fn values(body: &[u8]) -> Vec<Vec<u8>> {
    // Bytes that are not UTF-8 are refused in a value, and not read elsewhere.
    let response: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    let mut values = Vec::new();
    if let Some(base64) = response["SecretBinary"].as_str() {
        values.extend(STANDARD.decode(base64));
    }
    let parameters = response["Parameters"].as_array().into_iter().flatten().map(|parameter| &parameter["Value"]);
    let texts = parameters.chain([&response["SecretString"]]).filter_map(Value::as_str);
    values.extend(texts.map(|text| text.as_bytes().to_vec()));
    values
}

/// Returns the body with the canary at the beginning of each value; without a value, with the canary before it.
fn planted(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut planted = text.clone().into_owned();
    for key in ["SecretString", "SecretBinary", "Value"] {
        planted = planted.replace(&format!("\"{key}\":\""), &format!("\"{key}\":\"{CANARY}"));
    }
    if planted == text { [CANARY.as_bytes(), body].concat() } else { planted.into_bytes() }
}
