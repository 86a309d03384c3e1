//! Reads the file of `--local`, which maps secret ids to values and replaces AWS in development and
//! tests. Errors never show a value or a line of the file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::text_file::{self, FileKind, read_yaml};
use super::yaml::{FaultAt, Kind, Node, Position, parse_yaml};
use crate::model::answer::SecretValue;
use crate::model::fault::Fault;
use crate::model::message::{Placed, Problem};
use crate::model::reference::slash_fault;

/// Reads a file for `--local`. The result maps the id of each secret to its value.
pub fn read_local_secrets(
    file: &Placed<PathBuf>,
) -> Result<BTreeMap<String, SecretValue>, Vec<Problem>> {
    let Placed { value: path, place } = file;
    let text = text_file::open(path, &place.to_string(), &format!(" (from {place})"))
        .and_then(|file| read_yaml(path, file, FileKind::LocalSecrets))
        .map_err(|problem| vec![problem])?;

    parse_local_secrets(&text).map_err(|errors| {
        let mut problems = Vec::new();
        for FaultAt { position, fault } in errors {
            let Position { line, column } = position;
            let shown_position = format!("{}:{line}:{column}:", path.display());
            problems.push(Problem::configuration(fault.about(&shown_position)));
        }
        problems
    })
}

fn parse_local_secrets(text: &str) -> Result<BTreeMap<String, SecretValue>, Vec<FaultAt>> {
    let node = match parse_yaml(text) {
        (Some(node), errors) if errors.is_empty() => node,
        (_, errors) => return Err(errors),
    };
    let Kind::Mapping(entries) = &node.kind else {
        let text = "this file must be a mapping of secrets to their values";
        let help = "write SECRET: { KEY: … }";
        return Err(vec![node.position.fault(Fault::new(text).help(help))]);
    };

    // No secret overwrites another one here, because `parse_yaml` has refused repeated keys.
    let mut secrets = BTreeMap::new();
    let mut errors = Vec::new();
    for (key, value) in entries {
        if let Some(fault) = slash_fault(&key.text) {
            errors.push(key.position.fault(fault.about("this key")));
        }
        match secret_value(value) {
            Ok(value) => secrets.extend([(key.text.clone(), value)]),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(secrets)
}

/// Makes a secret's value: text stays text, and a mapping becomes a JSON object. `{ $binary: … }`,
/// without other keys, is decoded from base64.
fn secret_value(node: &Node) -> Result<SecretValue, FaultAt> {
    if let Some([(key, value)]) = node.entries()
        && key.text == "$binary"
    {
        return value
            .scalar_text()
            .and_then(|text| SecretValue::new(text).base64_decoded())
            .ok_or_else(|| {
                let text = "the value of $binary isn't valid base64";
                value.position.fault(text)
            });
    }
    if let Kind::Mapping(_) = &node.kind {
        return Ok(SecretValue::new(json(node).to_string()));
    }
    node.scalar_text().map(SecretValue::new).ok_or_else(|| {
        let text = "the value of a secret must be text, or a mapping of keys to values";
        let help = "write SECRET: { KEY: … } (a declaration is for -f, not for --local)";
        node.position.fault(Fault::new(text).help(help))
    })
}

/// Unquoted nulls, booleans and numbers keep their type, except numbers with an exponent. All other
/// scalars become strings.
fn json(node: &Node) -> Value {
    match &node.kind {
        _ if node.is_null() => Value::Null,
        Kind::Plain(text) => match serde_json::from_str(text) {
            // A number with an exponent becomes a string, because serde_json would change how the
            // exponent is written, and `81111e1` may be a commit id.
            Ok(Value::Number(_)) if text.contains(['e', 'E']) => Value::String(text.clone()),
            Ok(value) => value,
            Err(_) => Value::String(text.clone()),
        },
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| (key.text.clone(), json(value)))
            .collect(),
    }
}
