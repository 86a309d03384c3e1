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
use crate::model::suggest::{self, did_you_mean_to_write};

/// Parsed JSON, whose strings are zeroized when it is dropped.
pub struct Json(Value);

/// A text that is not JSON. The parser's message is dropped, since it may quote the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotJson {
    Binary,
    PlainText,
    /// A text that begins as an object does, with the position of the error, counted from 1.
    Invalid {
        line: usize,
        column: usize,
    },
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
            Err(error) if bytes.trim_ascii_start().starts_with(b"{") => Err(NotJson::Invalid {
                line: error.line(),
                column: error.column(),
            }),
            Err(_) if str::from_utf8(bytes).is_err() => Err(NotJson::Binary),
            Err(_) => Err(NotJson::PlainText),
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

/// Returns what to write with this KEY instead of the one that the user wrote; `None` if no reference is shown.
pub type Rewrite<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the JSON that `selector` finds in a document. `rewrite` makes the advice of an error.
///
/// # Errors
/// A document that is not JSON, a key of anything but an object, a path that matches several nodes, or an absence. The text of each is a
/// predicate about the secret.
pub fn find<'j>(
    document: &'j ParsedDocument,
    selector: &Selector,
    rewrite: Rewrite<'_>,
) -> Result<&'j Value, Problem> {
    let json = match document {
        Ok(json) => json.value(),
        Err(error) => return Err(not_json(*error, selector, rewrite)),
    };
    match selector {
        Selector::Whole => Ok(json),
        Selector::Key(key) => find_key(json, key, rewrite),
        Selector::Path(path) => find_node(json, path),
    }
}

fn not_json(error: NotJson, selector: &Selector, rewrite: Rewrite<'_>) -> Problem {
    let lack = match selector {
        Selector::Whole => "it has no keys".to_owned(),
        Selector::Key(_) => format!("it has no key {:?}", selector.to_string()),
        Selector::Path(path) => format!("it has nothing at {}", path.text),
    };
    let (what, help) = match error {
        NotJson::Binary => ("is binary, not JSON".to_owned(), whole_value(rewrite)),
        NotJson::PlainText => ("is plain text, not JSON".to_owned(), whole_value(rewrite)),
        NotJson::Invalid { line, column } => (
            format!("is not valid JSON (line {line}, column {column})"),
            Some("correct the JSON in the secret".to_owned()),
        ),
    };
    Problem::configuration(format!("{what}, so {lack}"))
        .code("not-json")
        .replace_help(help)
}

/// Returns the advice to leave out the KEY.
fn whole_value(rewrite: Rewrite<'_>) -> Option<String> {
    rewrite("").map(|write| format!("for the whole value write {write}"))
}

fn find_key<'j>(json: &'j Value, key: &str, rewrite: Rewrite<'_>) -> Result<&'j Value, Problem> {
    let Value::Object(map) = json else {
        let text = format!("is {}, not an object, so it has no key {key:?}", kind(json));
        return Err(Problem::configuration(text)
            .code("not-an-object")
            .replace_help(whole_value(rewrite)));
    };
    map.get(key).ok_or_else(|| {
        // jq writes a key with a dot before it.
        let plain = key.trim_start_matches('.');
        let path = format!("$.{plain}");
        let is_path = plain.contains(['.', '['])
            && JsonPath::parse(&path).is_some_and(|path| find_node(json, &path).is_ok());
        let help = match rewrite(&path).filter(|_| is_path) {
            Some(write) => format!("for the nested value write {write}"),
            None => keys_hint(map, plain, rewrite),
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
fn keys_hint(map: &Map<String, Value>, key: &str, rewrite: Rewrite<'_>) -> String {
    match suggest::nearest(key, quotable_keys(map)) {
        Some(nearest) => did_you_mean_to_write(nearest, rewrite(nearest)),
        None => listed_keys(map),
    }
}

/// Returns the first keys of an object as a sentence, as far as they may be quoted.
pub fn listed_keys(map: &Map<String, Value>) -> String {
    let keys: Vec<String> = quotable_keys(map).map(|key| format!("{key:?}")).collect();
    match keys.as_slice() {
        [] if map.is_empty() => "the object is empty".to_owned(),
        [] => "its keys are not shown, because they could be values".to_owned(),
        [only] => format!("its only key is {only}"),
        keys if keys.len() > LISTED => format!("its keys are {}, …", keys[..LISTED].join(", ")),
        keys => format!("its keys are {}", keys.join(", ")),
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
        let text = format!("is too large to be searched with {}", path.text);
        return Err(Problem::configuration(text)
            .code("path")
            .help("write the path without \"..\""));
    }
    // The error of jsonpath_rust is dropped, since it quotes the value.
    let found = js_path_process(&path.query, json).map_err(|_| {
        let text = format!("cannot be searched with {}", path.text);
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
            let text = format!("has {count} values at {} instead of one", path.text);
            Err(Problem::configuration(text)
                .code("several-matches")
                .help(format!(
                    "write the path of one of them: {}",
                    paths.join(", ")
                )))
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
                None => return Some(keys_hint(map, name, &|_| None)),
            },
            Value::String(text)
                if text.trim_start().starts_with('{') && has_template(&names, name) =>
            {
                let parent = names.join(".");
                let template = format!("{{{{ (app.{parent} | fromjson).{name} }}}}");
                return Some(format!(
                    "the value of {parent} is a text with JSON, which a template can parse: {template}, where app is an alias of the secret"
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

/// Returns the name of a value's type, with an article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a JSON boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) => "a JSON string",
        Value::Array(_) => "a JSON array",
        Value::Object(_) => "a JSON object",
    }
}
