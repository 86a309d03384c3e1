//! Reads the file of `--local`, which maps secret ids to values and replaces AWS in development and tests.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::env_file::is_env_file;
use super::yaml::{self, Kind, Node, Position};
use crate::model::entry::Origin;
use crate::model::problem::Problem;
use crate::model::quoting::is_quotable;
use crate::model::reference::AWSCURRENT;
use crate::model::secret_value::SecretValue;
use crate::model::suggest::did_you_mean;
use crate::system::os_error::{read_text, unreadable};

/// Secrets by id, each with its values by staging label.
pub type LocalSecrets = BTreeMap<String, BTreeMap<String, SecretValue>>;

/// Returns the advice to read the file that the documentation recommends, if it is beside the declaration of an entry.
pub fn remedy(origin: &Origin) -> Option<String> {
    let Origin::File { path, .. } = origin else {
        return None;
    };
    let file = path.with_file_name("secrets.local.yaml");
    file.is_file().then(|| {
        format!(
            "read from a file instead of AWS (--local {})",
            file.display()
        )
    })
}

/// Reads the file. No error contains a value.
///
/// # Errors
/// The error for reading or parsing the file, else one for each secret with an illegal value.
pub fn read_secrets(path: &Path) -> Result<LocalSecrets, Vec<Problem>> {
    let error = |Position { line, column }, what: &str| {
        Problem::configuration(format!("{}:{line}:{column}: {what}", path.display()))
    };
    let file = File::open(path).map_err(|error| {
        let mut others = ["yaml", "yml", "json"]
            .map(|extension| path.with_extension(extension))
            .into_iter();
        let other = others
            .find(|other| other.is_file())
            .map(|other| did_you_mean(&other.to_string_lossy()));
        vec![unreadable(path.display(), &error).replace_help(other)]
    })?;
    let text = read_text(path.display(), file, 64).map_err(|problem| vec![problem])?;
    if is_env_file(&text) {
        let file = path.display();
        let text = format!("{file} has the format of a .env file, but --local reads YAML or JSON");
        let help =
            format!("turn it into YAML: secrets-exec migrate {file} --secret prod/app --for-local");
        return Err(vec![Problem::configuration(text).help(help)]);
    }
    let (node, errors) = yaml::parse(&text);
    let Some(node) = node.filter(|_| errors.is_empty()) else {
        return Err(errors
            .into_iter()
            .map(|found| error(found.position, &found.message).replace_help(found.help))
            .collect());
    };
    let Kind::Table(entries) = &node.kind else {
        let text = "this file must be a mapping of secrets and their values";
        let help = "write it as in prod/db: { password: … }";
        return Err(vec![error(node.position, text).help(help)]);
    };
    let (mut secrets, mut errors) = (BTreeMap::new(), Vec::new());
    for (key, value) in entries {
        match stages(value) {
            Ok(stages) => drop(secrets.insert(key.text.clone(), stages)),
            Err((position, expected)) => {
                let may_quote = !value.is_null() && is_quotable(&key.text);
                let secret = if may_quote {
                    format!("the secret {:?}", key.text)
                } else {
                    "this secret".to_owned()
                };
                errors.push(error(position, &format!("{secret} must have {expected}")));
            }
        }
    }
    if errors.is_empty() {
        Ok(secrets)
    } else {
        Err(errors)
    }
}

/// The place of a node that cannot be the value of a secret, and what the secret must have there.
type Mismatch = (Position, &'static str);

/// Returns the values by staging label: those under `$stages`, else the one value as AWSCURRENT.
fn stages(node: &Node) -> Result<BTreeMap<String, SecretValue>, Mismatch> {
    let Some(("$stages", stages)) = only_key(node) else {
        return Ok(BTreeMap::from([(AWSCURRENT.to_owned(), value(node)?)]));
    };
    let Kind::Table(entries) = &stages.kind else {
        return Err((
            stages.position,
            "a mapping of staging labels and values under $stages",
        ));
    };
    entries
        .iter()
        .map(|(key, node)| Ok((key.text.clone(), value(node)?)))
        .collect()
}

/// Returns the key and value of a table with one entry.
fn only_key(node: &Node) -> Option<(&str, &Node)> {
    let Kind::Table(entries) = &node.kind else {
        return None;
    };
    let [(key, value)] = entries.as_slice() else {
        return None;
    };
    Some((&key.text, value))
}

/// Returns text, the bytes under `$binary`, or a table as a JSON object.
fn value(node: &Node) -> Result<SecretValue, Mismatch> {
    if let Some(("$binary", bytes)) = only_key(node) {
        let text = bytes
            .text()
            .map(|text| text.split_ascii_whitespace().collect::<String>());
        let decoded = text.and_then(|text| STANDARD.decode(text).ok());
        return decoded
            .map(SecretValue::new)
            .ok_or((bytes.position, "base64 text under $binary"));
    }
    if let Kind::Table(_) = &node.kind {
        return Ok(SecretValue::new(json(node).to_string()));
    }
    node.text().map(SecretValue::new).ok_or((
        node.position,
        "text as its value, or a mapping of keys and values",
    ))
}

/// Returns the JSON of a node. A plain scalar that JSON has too is that, a number with its spelling; any other is text.
fn json(node: &Node) -> Value {
    match &node.kind {
        _ if node.is_null() => Value::Null,
        Kind::Plain(text) => match serde_json::from_str(text) {
            Ok(Value::Number(_)) => Value::Number(Number::from_string_unchecked(text.clone())),
            Ok(value) => value,
            Err(_) => Value::String(text.clone()),
        },
        Kind::Text(text) => Value::String(text.clone()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Table(entries) => entries
            .iter()
            .map(|(key, value)| (key.text.clone(), json(value)))
            .collect(),
    }
}
