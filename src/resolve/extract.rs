//! Parses a document as JSON, and extracts one value from it: the whole, a key, or the node that a JSONPath matches.

use std::sync::Arc;

use jsonpath_rust::parser::model::{Segment, Selector as Selected};
use jsonpath_rust::query::js_path_process;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::model::env_name::is_name;
use crate::model::problem::{MissingKey, Problem};
use crate::model::quoting::is_quotable;
use crate::model::reference::{JsonPath, Selector};
use crate::model::secret_value::SecretValue;
use crate::model::suggest::{self, did_you_mean};

/// Parsed JSON, whose strings are zeroized when it is dropped.
pub struct Json(Value);

/// The position of a syntax error, counted from 1. The parser's message is dropped, since it may quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    pub line: usize,
    pub column: usize,
}

impl Json {
    /// Parses a whole document.
    ///
    /// # Errors
    /// The first syntax error. serde_json's recursion limit makes nesting of 128 levels one. An object whose first key is
    /// `$serde_json::private::Number` or `…::RawValue` is not an object to serde_json.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotJson> {
        match serde_json::from_slice(bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(NotJson {
                line: error.line(),
                column: error.column(),
            }),
        }
    }

    /// Returns an object of these names and texts.
    pub fn of_texts<'a>(texts: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Value::Object(
            texts
                .map(|(name, text)| (name.to_owned(), Value::from(text)))
                .collect(),
        ))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Returns the keys of an object that a message may quote. A key with a null is left out: in a malformed secret it may
/// be a value.
pub fn quotable_keys(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    map.iter()
        .filter(|(key, value)| !value.is_null() && is_quotable(key))
        .map(|(key, _)| key.as_str())
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The number of paths or keys that an error lists at most.
const LISTED: usize = 8;

/// A document that was parsed.
pub type ParsedDocument = Result<Arc<Json>, NotJson>;

/// Returns the JSON that `selector` finds in a document.
///
/// # Errors
/// A document that is not JSON, a key of anything but an object, a path that matches several nodes, or an absence.
pub fn find<'j>(document: &'j ParsedDocument, selector: &Selector) -> Result<&'j Value, Problem> {
    let json = match document {
        Ok(json) => json.value(),
        Err(error) => return Err(not_json(*error, selector)),
    };
    match selector {
        Selector::Whole => Ok(json),
        Selector::Key(key) => find_key(json, key),
        Selector::Path(path) => find_node(json, path),
    }
}

/// Advice for an `env-from` entry whose secret is not an object.
pub const ONE_VARIABLE: &str = "map it to one variable with --env, or under `env`";

fn not_json(NotJson { line, column }: NotJson, selector: &Selector) -> Problem {
    let (what, help) = match selector {
        Selector::Whole => ("keys".to_owned(), ONE_VARIABLE),
        Selector::Key(_) | Selector::Path(_) => (
            format!("key {:?}", selector.to_string()),
            "leave KEY out to take the whole value",
        ),
    };
    let text = format!(
        "is not JSON, or too deeply nested (line {line}, column {column}), so it has no {what}"
    );
    Problem::configuration(text).code("not-json").help(help)
}

fn find_key<'j>(json: &'j Value, key: &str) -> Result<&'j Value, Problem> {
    let Value::Object(map) = json else {
        let text = format!(
            "is JSON, but {}, not an object, so it has no key {key:?}",
            kind(json)
        );
        let help = "leave KEY out to take the whole value, or use a JSONPath, which begins with $";
        return Err(Problem::configuration(text)
            .code("not-an-object")
            .help(help));
    };
    map.get(key).ok_or_else(|| {
        let path = format!("$.{}", key.trim_start_matches('.'));
        let is_path = key.contains(['.', '['])
            && JsonPath::parse(&path).is_some_and(|path| find_node(json, &path).is_ok());
        let help = match is_path {
            true => format!("a KEY is one top-level key; for a nested value write {path}"),
            false => keys_hint(map, key),
        };
        Problem {
            missing_key: Some(Box::new(MissingKey {
                key: key.to_owned(),
                existing_keys: listed_keys(map),
            })),
            ..Problem::absence("key-not-found", format!("has no key {key:?}")).help(help)
        }
    })
}

/// Returns the existing key most similar to `key`, or else the first keys, as far as they may be quoted.
fn keys_hint(map: &Map<String, Value>, key: &str) -> String {
    match suggest::nearest(key, quotable_keys(map)) {
        Some(nearest) => did_you_mean(nearest),
        None => listed_keys(map),
    }
}

/// Returns the first keys of an object as a sentence, as far as they may be quoted.
pub fn listed_keys(map: &Map<String, Value>) -> String {
    let listed: Vec<&str> = quotable_keys(map).take(LISTED).collect();
    if map.is_empty() {
        "it has no keys".to_owned()
    } else if listed.is_empty() {
        "it has keys that are not printed, because they could be values".to_owned()
    } else {
        format!("it has the keys {}", listed.join(", "))
    }
}

/// The most bytes of the paths of all nodes that a JSONPath with `..` may visit.
const MOST_PATH_BYTES: usize = 32 * 1024 * 1024;

/// Returns the bytes of the paths that a JSONPath makes of a node and of all below it. It visits a node once for each way in which its
/// segments with `..`, as many as `descents`, share the levels above.
fn path_bytes(json: &Value, path: usize, level: usize, descents: u32) -> usize {
    let at = |value, name| path_bytes(value, path + name, level + 1, descents);
    let below: usize = match json {
        Value::Array(items) => items.iter().map(|item| at(item, "[999]".len())).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| at(value, key.len() + "['']".len()))
            .sum(),
        _ => 0,
    };
    below.saturating_add(path.saturating_mul(level.saturating_pow(descents - 1)))
}

fn find_node<'j>(json: &'j Value, path: &JsonPath) -> Result<&'j Value, Problem> {
    let descents = path
        .query
        .segments
        .iter()
        .filter(|segment| matches!(segment, Segment::Descendant(_)))
        .count() as u32;
    if descents > 0 && path_bytes(json, 1, 1, descents) > MOST_PATH_BYTES {
        let text = format!("is too large for {}", path.text);
        return Err(Problem::configuration(text)
            .code("path")
            .help("write the path without `..`"));
    }
    // The error of jsonpath_rust is dropped, since it quotes the value.
    let found = js_path_process(&path.query, json).map_err(|_| {
        let text = format!("{} cannot be evaluated", path.text);
        Problem::configuration(text).code("path")
    })?;
    match found.as_slice() {
        [] => {
            let absent = Problem::absence("key-not-found", format!("has nothing at {}", path.text));
            Err(absent.replace_help(miss_hint(json, path)))
        }
        [one] => Ok(one.val),
        several => {
            // Normalized paths (RFC 9535): $['hosts'][0].
            let mut paths: Vec<&str> = several
                .iter()
                .filter(|node| !node.val.is_null())
                .map(|node| &*node.path)
                .collect();
            paths.retain(|path| path.split(['$', '[', ']', '\'']).all(is_quotable));
            paths.truncate(LISTED);
            let count = several.len();
            if count > paths.len() {
                paths.push("…");
            }
            let text = format!(
                "{} matches {count} values and must match one: {}",
                path.text,
                paths.join(", ")
            );
            Err(Problem::configuration(text)
                .code("several-matches")
                .help("write the path of one of them"))
        }
    }
}

/// Follows the leading names of a path to the first that does not exist, and returns the hint about the object that lacks it, or about the
/// text of JSON in its place.
fn miss_hint(mut json: &Value, path: &JsonPath) -> Option<String> {
    let mut names = Vec::new();
    for segment in &path.query.segments {
        let Segment::Selector(Selected::Name(name)) = segment else {
            return None;
        };
        json = match json {
            Value::Object(map) => match map.get(name) {
                Some(found) => found,
                None => return Some(keys_hint(map, name)),
            },
            Value::String(text)
                if text.trim_start().starts_with('{') && has_template(&names, name) =>
            {
                let parent = names.join(".");
                let template = format!("{{{{ (app.{parent} | fromjson).{name} }}}}");
                return Some(format!(
                    "the value of {parent} is text, which a template can parse: {template}"
                ));
            }
            _ => return None,
        };
        names.push(name.as_str());
    }
    None
}

/// True if a template can spell all names of a path to a text, and the name in it.
fn has_template(names: &[&str], name: &str) -> bool {
    !names.is_empty() && names.iter().chain([&name]).all(|name| is_name(name))
}

/// Returns a JSON value as text: a string's characters, a number's literal, `true` or `false`, else compact JSON; `None` for null.
pub fn text_of(value: &Value) -> Option<SecretValue> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(SecretValue::new(text.as_str())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(SecretValue::new(value.to_string()))
        }
    }
}

pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
