//! Parses a document as JSON and finds one value in it: the whole document, the value of a key, or
//! the node that a JSONPath matches.
//!
//! The messages of serde_json and jsonpath_rust are dropped, because they quote values. A key is
//! quoted only if it looks like a name, or like the KEY that the user has written.

use std::sync::Arc;

use jsonpath_rust::parser::model::{Segment, Selector as Selected};
use jsonpath_rust::query::js_path_process;
use regex_lite::Regex;
use serde_json::{Error, Map, Value};
use zeroize::Zeroize;

use crate::model::answer::{Document, SecretValue};
use crate::model::entry::Subject;
use crate::model::environment::env_file_name;
use crate::model::fault::{Fault, did_you_mean_to_write, nearest};
use crate::model::problem::{About, Impact, MissingKey, Problem};
use crate::model::reference::{AWS_STAGES, JsonPath, SecretRef, Selector, Store, Version};
use crate::model::shown::{is_quotable, is_visible, shown, text_or, visible};

/// Parsed JSON. When it is dropped, its strings are overwritten, except keys.
pub struct Json(Value);

impl Json {
    /// Parses the bytes of a document as JSON. Ignores a byte order mark at the beginning. One
    /// limitation of serde_json remains: if the first key of an object is one of the keys that
    /// serde_json reserves for itself, the object isn't read as an object.
    ///
    /// # Errors
    /// If there is a syntax error, or if there are more than 127 nested levels, which is
    /// serde_json's limit.
    pub fn parse(bytes: &[u8]) -> serde_json::Result<Self> {
        let json = without_byte_order_mark(bytes);
        Ok(Self(serde_json::from_slice(json)?))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites all strings in a value. Keys and numbers stay, because serde_json doesn't let us
/// change their text in place.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Removes the byte order mark at the beginning of JSON, if there is one. A parser may ignore it
/// (RFC 8259, section 8.1), but serde_json reports an error.
fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// The position of serde_json's error, as in `line 1, column 20`: the line and the column of the
/// first wrong byte, counted from 1. `bytes` must not be empty.
///
/// serde_json's own position isn't used as it is: for a wrong line feed, it is column 0 of the next
/// line.
fn syntax_error(bytes: &[u8], error: &Error) -> String {
    let is_line_feed = |byte: &u8| *byte == b'\n';
    let length_of_earlier_lines = bytes
        .split_inclusive(is_line_feed)
        .take(error.line() - 1)
        .flatten()
        .count();
    let position = length_of_earlier_lines + error.column();
    let before = &bytes[..position.clamp(1, bytes.len()) - 1];
    let line = before.split(is_line_feed).count();
    let column = before.rsplit(is_line_feed).next().map_or(0, <[u8]>::len) + 1;
    format!("line {line}, column {column}")
}

/// The keys of an object that a message may quote. Leaves out a key whose value is null, because in
/// a malformed secret, such a key can be a value.
pub(super) fn quotable_keys(map: &Object) -> impl Iterator<Item = &str> {
    map.iter()
        .filter(|(key, value)| !value.is_null() && is_quotable(key))
        .map(|(key, _)| key.as_str())
}

/// A reason why an entry has no value.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// The secret hasn't been requested.
    Unread,
    /// A secret, version, key or variable doesn't exist, a value is null, or an object of
    /// `env-from` doesn't set any variable. The `default` or `optional` of the entry applies.
    Absent(Problem),
    Failed(Problem),
}

pub(super) type Resolved<T> = Result<T, Unresolved>;

/// The value of an entry, or every reason why there is none.
pub(super) type ResolvedAll<T> = Result<T, Vec<Unresolved>>;

type Object = Map<String, Value>;

impl From<Problem> for Unresolved {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl Unresolved {
    /// Adds the entry and the secret of `reference` to the problem of an absence or a failure. If
    /// the KEY is probably a version, also replaces the help.
    #[must_use]
    pub(super) fn with_entry(self, reference: &SecretRef, subject: &Subject) -> Self {
        let named = |mut problem: Problem| {
            let hint = version_hint(reference, subject);
            if let Some(missing) = &mut problem.missing_key {
                missing.version_hint.clone_from(&hint);
            }
            with_entry(problem, Some(reference), subject).help_if_some(hint)
        };
        match self {
            Self::Unread => Self::Unread,
            Self::Absent(problem) => Self::Absent(named(problem)),
            Self::Failed(problem) => Self::Failed(named(problem)),
        }
    }
}

/// The maximum number of paths or keys that an error lists.
const LISTED: usize = 8;

pub(super) const NULL_HELP: &str =
    "store a value, or give the entry a \"default\" in a declaration";

pub(super) type ParsedDocument = serde_json::Result<Arc<Json>>;

/// A function that returns what the user should write to get a different KEY of the same secret. If
/// KEY is empty, the result is the hint for a value without keys. The function returns `None` if it
/// can't suggest anything, for example because the reference must not be shown.
pub(super) type Rewrite<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Finds the part of a document that `selector` selects. `parsed` is the same document as JSON.
pub(super) fn find_value<'j>(
    document: &Document,
    parsed: &'j ParsedDocument,
    selector: &Selector,
    rewrite: Rewrite<'_>,
) -> Resolved<&'j Value> {
    let json = parsed
        .as_ref()
        .map_err(|error| not_json(document, error, selector, rewrite))?
        .value();
    match selector {
        Selector::Whole => Ok(json),
        Selector::Key(key) => find_key(json, key, selector, rewrite),
        Selector::Path(path) => find_node(json, path).map_err(|reason| match reason {
            Unresolved::Absent(absence) => {
                Unresolved::Absent(absence.help_if_some(dotted_key_hint(json, path, rewrite)))
            }
            reason => reason,
        }),
    }
}

/// The error for a document that isn't JSON: `is plain text, not JSON, so it has no keys`. The help
/// corrects JSON or a .env file, and otherwise suggests the whole value.
fn not_json(
    document: &Document,
    error: &Error,
    selector: &Selector,
    rewrite: Rewrite<'_>,
) -> Problem {
    let bytes = without_byte_order_mark(document.body.expose());
    let what = match str::from_utf8(bytes) {
        _ if bytes.trim_ascii_start().starts_with(b"{") => {
            Fault::new(format!("isn't valid JSON ({})", syntax_error(bytes, error)))
                .help(CORRECT_JSON)
        }
        // A password or Base64 may contain an equals sign, too, but rarely after a name in
        // capitals.
        Ok(text) if env_file_name(text).is_some_and(|name| name == name.to_uppercase()) => {
            Fault::new("is a .env file, not JSON").help(
                "store JSON: save it as .env, and run secrets-exec migrate .env --secret ID --values",
            )
        }
        Ok(text) => {
            quoted_json_fault(text).unwrap_or_else(|| Fault::new("is plain text, not JSON"))
        }
        // The help is about a NUL byte, which a file can contain, but a variable can't.
        Err(_) if bytes.contains(&0) => Fault::new("is binary, not JSON")
            .help("without a key, use --as-file or, for a variable, encode: base64"),
        Err(_) => Fault::new("is binary, not JSON"),
    };

    let consequence = match selector {
        Selector::Whole => "it has no keys".to_owned(),
        Selector::Key(_) => format!("it has no key {:?}", selector.shown()),
        Selector::Path(path) => format!("it has nothing at {}", path.shown()),
    };
    let help = what.help.or_else(|| rewrite(""));
    Problem::configuration(format!("{}, so {consequence}", what.text))
        .code("not-json")
        .help_if_some(help)
}

const CORRECT_JSON: &str = "correct the JSON in the secret";

/// The fault of a JSON object that is stored with quotes around it, which were meant for a shell.
/// For example, cmd.exe passes on single quotes, and removes the double quotes in the object.
fn quoted_json_fault(text: &str) -> Option<Fault> {
    let object = ['\'', '"']
        .into_iter()
        .find_map(|quote| text.trim().strip_prefix(quote)?.strip_suffix(quote))
        .filter(|object| object.starts_with('{') && object.ends_with('}'))?;
    let help = match Json::parse(object.as_bytes()) {
        Ok(_) => "remove the quotes",
        Err(_) => CORRECT_JSON,
    };
    let text = "is JSON between quotes, which a Windows shell keeps";
    Some(Fault::new(text).help(help))
}

/// Creates the problem for JSON that isn't an object. `hint` is the hint for a value without keys.
pub(super) fn not_an_object(json: &Value, text: String, hint: Option<String>) -> Problem {
    let help = encoded_twice_hint(json).or(hint);
    Problem::configuration(text)
        .code("not-an-object")
        .help_if_some(help)
}

/// The hint for a JSON object that is stored as a string, `"{\"user\": \"app\"}"`.
fn encoded_twice_hint(json: &Value) -> Option<String> {
    let parsed = Json::parse(json.as_str()?.as_bytes()).ok()?;
    if !parsed.value().is_object() {
        return None;
    }
    let help = "the string contains JSON, so it was encoded twice: store the object itself";
    Some(help.to_owned())
}

/// Finds the value of the top-level key `key`. Messages need the whole `selector`.
fn find_key<'j>(
    json: &'j Value,
    key: &str,
    selector: &Selector,
    rewrite: Rewrite<'_>,
) -> Resolved<&'j Value> {
    let Value::Object(map) = json else {
        let kind = json_type(json);
        let shown_key = selector.shown();
        let text = format!("is {kind}, not an object, so it has no key {shown_key:?}");
        // If the secret is an array of objects, the help suggests the key of the first object:
        // `$[0].password`.
        let in_first_item = nested_value_hint(json, &format!("0.{selector}"), rewrite);
        let problem = not_an_object(json, text, rewrite(""));
        return Err(problem.help_if_some(in_first_item).into());
    };

    if let Some(value) = map.get(key) {
        return Ok(value);
    }

    let shown_key = selector.shown();
    // As printed: the secret "prod/db" has no key "pasword"
    let mut problem =
        Problem::configuration(format!("has no key {shown_key:?}")).code("key-not-found");
    // Perhaps the key was meant as a path, or someone has stored the whole output of `aws
    // secretsmanager get-secret-value`. A missing key with such a hint gets an error of its own.
    let mut hint = nested_value_hint(json, key, rewrite);
    if hint.is_none() && map.contains_key("SecretString") {
        hint = Some("store only the value of SecretString".to_owned());
    }
    if let Some(hint) = hint {
        return Err(Unresolved::Absent(problem.help(hint)));
    }
    // The punctuation around a key may come from another tool: jq's syntax is `.password`, and
    // kubectl's is `{.password}`.
    let plain = key.trim_matches(|c: char| c.is_ascii_punctuation() && c != '_');
    let mut missing = missing_key(key, map);
    missing.twin = twin(map.keys().map(String::as_str), key).map(key_field);
    problem.missing_key = Some(missing);
    let hint = keys_hint(map, None, plain, &|other| rewrite(&key_field(other)));
    Err(Unresolved::Absent(problem.help(hint)))
}

/// A missing key, with a similar key and the keys that exist in `map`.
pub fn missing_key(key: &str, map: &Object) -> Box<MissingKey> {
    let similar =
        twin(map.keys().map(String::as_str), key).or_else(|| nearest(key, quotable_keys(map)));
    Box::new(MissingKey {
        key: key.to_owned(),
        similar: similar.map(str::to_owned),
        twin: None,
        version_hint: None,
        existing_keys: listed_keys(map, None),
    })
}

/// Adds the entry and, if there is a `reference`, its secret to a problem. The secret must exist,
/// because its name is shown. The text must be the predicate of a sentence about the secret.
pub(super) fn with_entry(
    problem: Problem,
    reference: Option<&SecretRef>,
    subject: &Subject,
) -> Problem {
    let about = reference.map(|reference| About::new(&reference.locator));
    Problem { about, ..problem }.for_entry(subject.clone(), Impact::Unread)
}

/// The hint for a KEY that is probably a version in the wrong field. AWS itself writes `NAME:3` for
/// version 3 of a parameter, and people often write a stage after one colon. `None` for any other
/// KEY, and if the reference must not be shown.
fn version_hint(reference: &SecretRef, subject: &Subject) -> Option<String> {
    let key = reference.selector.to_string();
    let is_stage = AWS_STAGES.contains(&key.as_str());
    let is_number = key.parse::<u64>().is_ok_and(|version| version > 0);
    let (purpose, version) = match reference.locator.store {
        Store::SecretsManager if is_stage => ("the stage", Version::new(Some(key.clone()), None)),
        Store::ParameterStore if is_number => ("version", Version::new(None, Some(key.clone()))),
        Store::SecretsManager | Store::ParameterStore => return None,
    };
    let write = subject.rewritten(|written| {
        written.selector = Selector::Whole;
        written.version = Some(version);
    })?;
    Some(format!("for {purpose} {key}, write {write}"))
}

/// The hint for a reference to a value without keys. In a reference to a parameter, KEY is probably
/// a label in the wrong field. Otherwise, the hint is to leave KEY out.
pub(super) fn keyless_hint(reference: &SecretRef, subject: &Subject) -> Option<String> {
    if let (Store::ParameterStore, Selector::Key(label)) =
        (reference.locator.store, &reference.selector)
    {
        let write = subject.rewritten(|written| {
            written.selector = Selector::Whole;
            written.version = Some(Version::new(Some(label.clone()), None));
        })?;
        return Some(format!("for the label {label}, write {write}"));
    }
    let write = subject.rewritten(|written| written.selector = Selector::Whole)?;
    Some(format!(
        "store a JSON object or, if the program reads the value whole, write {write}"
    ))
}

/// The hint for a key that was meant as a path that exists: for `db.host`, `/db/host` or
/// `db[host]`, the hint is to write `$.db.host`.
fn nested_value_hint(json: &Value, key: &str, rewrite: Rewrite<'_>) -> Option<String> {
    let path = key_as_path(key)?;
    find_node(json, &path).ok()?;
    // If `rewrite` can't suggest a whole reference, the hint names only the path.
    let write = rewrite(&path.text)
        .unwrap_or_else(|| format!("the key {}", text_or("$.KEY.KEY", &path.text)));
    Some(format!("write {write}"))
}

/// The hint for a path that was meant as a key that exists: for `$.tls.crt`, the hint is to write the
/// key `tls.crt`.
fn dotted_key_hint(json: &Value, path: &JsonPath, rewrite: Rewrite<'_>) -> Option<String> {
    let key = path.text.strip_prefix("$.")?;
    json.get(key)?;
    Some(format!("write {}", rewrite(key)?))
}

/// The JSONPath for a key that may be meant as a path: `$.db.host` for `db.host`, `/db/host` or
/// `db[host]`. `None` if the key has fewer than two names, or if the path isn't valid.
fn key_as_path(key: &str) -> Option<JsonPath> {
    let names: Vec<&str> = key
        .split(|c: char| c.is_ascii_punctuation() && !"_-".contains(c))
        .filter(|name| !name.is_empty())
        .collect();
    names.get(1)?;
    let mut path = "$".to_owned();
    for name in names {
        match name.parse::<usize>() {
            Ok(index) => path += &format!("[{index}]"),
            Err(_) => path += &format!("['{name}']"),
        }
    }
    JsonPath::parse(&short_path(&path))
}

/// The hint for a key that doesn't exist. It names a key that looks the same, the most similar key
/// or, if no key is similar, the first keys of the object. `path` is the path of the object, or
/// `None` for the whole secret.
fn keys_hint(map: &Object, path: Option<&str>, key: &str, rewrite: Rewrite<'_>) -> String {
    let similar = nearest(key, quotable_keys(map));
    twin_hint(map.keys().map(String::as_str), key, rewrite)
        .or_else(|| similar.map(|similar| did_you_mean_to_write(similar, rewrite(similar))))
        .unwrap_or_else(|| listed_keys(map, path))
}

/// Finds a key that looks the same as `key`, but has a character that people don't see.
fn twin<'k>(mut keys: impl Iterator<Item = &'k str>, key: &str) -> Option<&'k str> {
    let seen = visible(key);
    // A quotable key has only visible characters, so it isn't a twin. Messages don't show a key
    // that isn't quotable, except this twin: it looks like `key`, which the user has written.
    keys.find(|other| !is_quotable(other) && visible(other) == seen)
}

/// The hint about a [`twin`].
pub(super) fn twin_hint<'k>(
    keys: impl Iterator<Item = &'k str>,
    key: &str,
    rewrite: Rewrite<'_>,
) -> Option<String> {
    let twin = twin(keys, key)?;
    let mut hint = format!("its key {twin:?} differs by a space or an invisible character");
    if let Some(write) = rewrite(twin) {
        hint += &format!(": write {write}");
    }
    Some(hint)
}

/// Writes the KEY of a reference. A key that isn't quotable, such as one with a space at its end,
/// needs a JSONPath: `$["password "]`.
fn key_field(key: &str) -> String {
    if is_quotable(key) {
        return key.to_owned();
    }
    format!("$[\"{}\"]", escaped_key(key))
}

/// Writes a key between quotes of JSONPath. What people don't see becomes an escape.
fn escaped_key(key: &str) -> String {
    let mut text = String::new();
    for c in key.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if is_visible(c) => text.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    text += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    text
}

/// A clause with the first [`quotable_keys`] of an object or, if it has none, a clause that says
/// why. `path` is the path of the object, or `None` for the whole secret.
fn listed_keys(map: &Object, path: Option<&str>) -> String {
    let (the, of) = match path {
        None => ("its", String::new()),
        Some(path) => ("the", format!(" of the object at {}", shown(path))),
    };
    let keys: Vec<String> = quotable_keys(map).map(|key| format!("{key:?}")).collect();
    let first = keys[..keys.len().min(LISTED)].join(", ");
    match keys.len() {
        0 if map.is_empty() => "the object is empty".to_owned(),
        0 => format!("{the} keys{of} aren't shown, because they may be values"),
        1 if map.len() == 1 => format!("{the} only key{of} is {first}"),
        count if count > LISTED => format!("{the} keys{of} are {first}, …"),
        count if count < map.len() => format!("{the} keys{of} include {first}"),
        _ => format!("{the} keys{of} are {first}"),
    }
}

/// Finds the only node that a path matches.
fn find_node<'j>(json: &'j Value, path: &JsonPath) -> Resolved<&'j Value> {
    // jsonpath_rust's error isn't shown, because it quotes the value.
    let found = js_path_process(&path.query, json).map_err(|_| {
        let text = format!("doesn't work with the JSONPath {}", path.shown());
        Problem::configuration(text).code("path")
    })?;
    match found.as_slice() {
        [] if !json.is_object() && path.begins_with_name() => {
            let kind = json_type(json);
            let text = format!(
                "is {kind}, not an object, so it has nothing at {}",
                path.shown()
            );
            let problem = not_an_object(json, text, None);
            Err(problem.help_if_some(parent_hint(json, path)).into())
        }
        [] => {
            // As printed: the secret "prod/db" has nothing at $.tls.key
            let text = format!("has nothing at {}", path.shown());
            let problem = Problem::configuration(text).code("key-not-found");
            let hint = parent_hint(json, path);
            Err(Unresolved::Absent(problem.help_if_some(hint)))
        }
        [one] => Ok(one.val),
        several => {
            let mut shown_paths = Vec::new();
            for node in several {
                // The paths of nodes are normalized (RFC 9535), such as $['hosts'][0]. What is
                // between the brackets and quotes is a name, a number, or empty.
                if shown_paths.len() < LISTED
                    && !node.val.is_null()
                    && node.path.split(['$', '[', ']', '\'']).all(is_quotable)
                {
                    shown_paths.push(short_path(&node.path));
                }
            }
            let total = several.len();
            if shown_paths.len() < total {
                shown_paths.push("…".to_owned());
            }

            let text = format!("has {total} values at {} instead of one", path.shown());
            let help = format!("use the path of one value: {}", shown_paths.join(", "));
            Err(Problem::configuration(text)
                .code("several-matches")
                .help(help)
                .into())
        }
    }
}

/// Shortens a normalized path (RFC 9535), such as `$['hosts'][0]`, to `$.hosts[0]`, because a shell
/// would remove the quotes. A name that needs quotes keeps them.
fn short_path(normalized: &str) -> String {
    // The expression is valid, so the default is never used.
    Regex::new(r"\['([A-Za-z_]\w*)'\]")
        .map(|plain_name| plain_name.replace_all(normalized, ".$1").into_owned())
        .unwrap_or_default()
}

/// Follows a path to the first name or index that doesn't exist, and returns the hint about it. If
/// the path goes on after a string, the hint is that of [`encoded_twice_hint`]. Returns `None` if
/// the path exists, if an existing name in it may be a value, or if a segment can't be followed.
fn parent_hint(mut json: &Value, path: &JsonPath) -> Option<String> {
    let mut parent = None;
    for segment in &path.query.segments {
        let Segment::Selector(selector) = segment else {
            return None;
        };
        let (found, step) = match (selector, json) {
            (Selected::Name(name), Value::Object(map)) => {
                let Some(value) = map.get(name) else {
                    // Only a KEY can be rewritten, not a name within a path.
                    return Some(keys_hint(map, parent.as_deref(), name, &|_| None));
                };
                // A hint must not show a name that isn't quotable, because it may be a value.
                if !is_quotable(name) {
                    return None;
                }
                (value, format!(".{name}"))
            }
            (Selected::Index(index), Value::Array(items)) => {
                let item = usize::try_from(*index).ok().and_then(|at| items.get(at));
                let Some(item) = item else {
                    return Some(array_hint(items));
                };
                (item, format!("[{index}]"))
            }
            (_, Value::Array(items)) => return Some(array_hint(items)),
            _ => return encoded_twice_hint(json),
        };
        json = found;
        parent = Some(parent.unwrap_or("$".to_owned()) + &step);
    }
    None
}

/// The hint for a key or an index that an array doesn't have.
fn array_hint(items: &[Value]) -> String {
    match items.len().checked_sub(1) {
        Some(last) => format!("the last index of the array is {last}"),
        None => "the array is empty".to_owned(),
    }
}

/// A JSON value as the command gets it: the characters of a string, a number as it was written,
/// `true` or `false`, and compact JSON for an object or array.
pub(super) fn text_of(value: &Value) -> Option<SecretValue> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(SecretValue::new(text.as_str())),
        _ => Some(SecretValue::new(value.to_string())),
    }
}

pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a JSON boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) => "a JSON string",
        Value::Array(_) => "a JSON array",
        Value::Object(_) => "a JSON object",
    }
}
