//! Parses a document as JSON and finds one value in it: the whole document, the value of a key, or
//! the node that a JSONPath matches.
//!
//! The messages of serde_json and jsonpath_rust are dropped, because they quote values. Our
//! messages quote a key only if it looks like a name, or like the KEY that the user wrote.

use jsonpath_rust::query::js_path_process;
use regex_lite::Regex;
use serde_json::{Error, Map, Value};
use zeroize::Zeroize;

use crate::model::answer::{Document, SecretValue};
use crate::model::entry::{Subject, SubjectKind};
use crate::model::environment::env_file_name;
use crate::model::fault::{nearest, overlooked};
use crate::model::message::{Circumstances, MissingKey, Problem};
use crate::model::reference::{JsonPath, SecretRef, Selector, Store, Version};
use crate::model::shown::{MOST_NAMES, first_of, is_quotable, shell_word};

/// Parsed JSON. Dropping it overwrites its strings in memory, but not its keys.
pub struct Json(Value);

impl Json {
    /// Ignores a leading byte order mark.
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

/// Overwrites all strings, but not keys and numbers, whose text serde_json doesn't let us change in
/// place.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Removes a leading byte order mark. JSON parsers may ignore it (RFC 8259, section 8.1), but
/// serde_json reports an error.
fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// The position of the first wrong byte, such as `line 1, column 20`. `bytes` must not be empty.
/// serde_json reports a wrong line feed at column 0 of the next line, which is corrected here.
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

/// The keys that a message may quote, because they look like names. A key whose value is null is
/// left out, because in a malformed secret, it may itself be the secret value.
pub(super) fn quotable_keys(map: &Object) -> impl Iterator<Item = &str> {
    map.iter()
        .filter(|(key, value)| !value.is_null() && is_quotable(key))
        .map(|(key, _)| key.as_str())
}

/// The reason why an entry has no value. The problem starts out as a predicate, such as
/// `has no key "user"`, and [`Self::of`] adds the secret as the subject.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// The launch didn't request a secret that the entry needs.
    Unread,
    /// The secret, version, key or variable doesn't exist, its value is null, or an `env-from`
    /// object sets no variables. The entry's `default` or `optional` applies.
    Absent(Problem),
    Failed(Problem),
}

pub(super) type Resolved<T> = Result<T, Unresolved>;

/// The value of an entry, or every reason why it has none.
pub(super) type ResolvedAll<T> = Result<T, Vec<Unresolved>>;

type Object = Map<String, Value>;

impl From<Problem> for Unresolved {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl Unresolved {
    /// The problem to report. There isn't one for an unread entry.
    pub(super) fn problem(self) -> Option<Problem> {
        match self {
            Self::Unread => None,
            Self::Absent(problem) | Self::Failed(problem) => Some(problem),
        }
    }

    /// Adds the secret and the entry to the problem.
    ///
    /// A replica may be out of date, so an absence in it proves nothing. The problem is then the
    /// failure of the secret's own region, with the absence as a note.
    pub(super) fn of(self, wanted: &Wanted<'_>) -> Self {
        let Wanted {
            reference,
            document,
            subject,
            circumstances,
            ..
        } = *wanted;
        let named = |problem: Problem| {
            problem
                .of_secret(&reference.locator)
                .for_entry(subject.clone())
        };
        match self {
            Self::Unread => Self::Unread,
            Self::Failed(problem) => Self::Failed(named(problem)),
            Self::Absent(problem) => {
                let absence = named(problem);
                if let Some(failure) = document.own_failure()
                    && let Some(replica) = &document.region
                {
                    let note = format!("in the replica in {replica}, {}", absence.text());
                    let outage = failure.problem(reference, subject, circumstances);
                    return Self::Absent(outage.notes([note]));
                }
                Self::Absent(absence)
            }
        }
    }
}

/// A value to look up, and what an error message about it mentions.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'r> {
    pub reference: &'r SecretRef,
    pub document: &'r Document,
    pub subject: &'r Subject,
    pub circumstances: &'r Circumstances,
    /// True if the error about a missing key should suggest a similar one.
    pub gets_suggestion: bool,
}

pub(super) type ParsedDocument = serde_json::Result<Json>;

/// Finds the part of a document that a reference selects.
pub(super) fn find_value<'j>(
    parsed: &'j ParsedDocument,
    wanted: &Wanted<'_>,
) -> Resolved<&'j Value> {
    let json = parsed
        .as_ref()
        .map_err(|error| not_json(error, wanted))?
        .value();
    match &wanted.reference.selector {
        Selector::Whole => Ok(json),
        Selector::Key(key) => find_key(json, key, wanted),
        Selector::Path(path) => find_node(json, path, wanted),
    }
}

fn not_json(error: &Error, wanted: &Wanted<'_>) -> Problem {
    let bytes = without_byte_order_mark(wanted.document.body.expose());
    let problem = if bytes.trim_ascii_start().starts_with(b"{") {
        let position = syntax_error(bytes, error);
        let text = format!("isn't valid JSON ({position}), so it has no keys");
        Problem::configuration(text).help("correct the JSON in the secret")
    } else if str::from_utf8(bytes).is_ok_and(is_env_file) {
        let id = shell_word("ID", &wanted.reference.locator.id.to_string());
        Problem::configuration("has NAME=VALUE lines instead of JSON, so it has no keys").help(
            format!("convert it: secrets-exec migrate FILE --secret {id} --values"),
        )
    } else {
        Problem::configuration("isn't JSON, so it has no keys").help(keyless_help(wanted))
    };
    problem.code("not-json")
}

/// True for NAME=VALUE lines, as in a .env file. A single line must contain exactly one `=`, but
/// not at its end: otherwise, the text is probably base64 or a connection string.
fn is_env_file(text: &str) -> bool {
    let has_lines = text.trim_end().contains('\n');
    env_file_name(text).is_some()
        && (has_lines || text.matches('=').count() == 1 && !text.ends_with('='))
}

/// The error for JSON that isn't an object, with the message `text`.
pub(super) fn not_an_object(text: String, json: &Value, wanted: &Wanted<'_>) -> Problem {
    let problem = Problem::configuration(text).code("not-an-object");
    if contains_json(json) {
        return problem.help("store the object itself");
    }
    problem.help(keyless_help(wanted))
}

fn find_key<'j>(json: &'j Value, key: &str, wanted: &Wanted<'_>) -> Resolved<&'j Value> {
    let Value::Object(map) = json else {
        let kind = json_type(json);
        let shown_key = wanted.reference.selector.shown();
        let text = format!("is {kind}, not an object, so it has no key {shown_key:?}");
        return Err(not_an_object(text, json, wanted).into());
    };

    if let Some(value) = map.get(key) {
        return Ok(value);
    }

    let shown_key = wanted.reference.selector.shown();
    let problem = Problem::configuration(format!("has no key {shown_key:?}")).code("key-not-found");
    let hint = version_hint(wanted)
        .or_else(|| path_hint(json, &format!("$.{}", key.trim_start_matches('.')), wanted))
        .or_else(|| spaced_key_hint(json, key, wanted));
    if let Some(hint) = hint {
        return Err(Unresolved::Absent(problem.help(hint)));
    }
    let mut similar = None;
    if wanted.gets_suggestion {
        similar = nearest(key, quotable_keys(map)).map(str::to_owned);
    }
    Err(Unresolved::Absent(Problem::missing_key(MissingKey {
        key: key.to_owned(),
        similar,
        existing_keys: listed_keys(map, "its keys"),
    })))
}

/// For a number instead of a parameter's key, as in `ssm:NAME:3`, suggests version 3, because AWS
/// itself writes `NAME:3` for this version.
fn version_hint(wanted: &Wanted<'_>) -> Option<String> {
    let Selector::Key(key) = &wanted.reference.selector else {
        return None;
    };
    if wanted.reference.locator.store != Store::ParameterStore || key.parse::<u64>().is_err() {
        return None;
    }
    let write = wanted.subject.rewritten(|written| {
        written.selector = Selector::Whole;
        written.version = Some(Version::new(None, Some(key.clone())));
    })?;
    Some(format!("write {write}"))
}

/// The help if a value has no keys, although the reference expects some.
fn keyless_help(wanted: &Wanted<'_>) -> String {
    let general = match wanted.subject.kind {
        SubjectKind::EnvFrom | SubjectKind::EnvFromKey => {
            "to read one value, use --env NAME=SECRET:KEY"
        }
        SubjectKind::Entry | SubjectKind::Section | SubjectKind::Part => {
            "to read the whole value, leave out the key"
        }
    };
    version_hint(wanted).unwrap_or_else(|| general.to_owned())
}

/// Suggests `path` if it leads to a value, such as `$.db.host` for the missing key `db.host`.
fn path_hint(json: &Value, path: &str, wanted: &Wanted<'_>) -> Option<String> {
    let path = JsonPath::parse(path)?;
    find_node(json, &path, wanted).ok()?;
    let write = wanted
        .subject
        .rewritten(|written| written.selector = Selector::Path(path))?;
    Some(format!("write {write}"))
}

/// The help if the object has the key, but with an extra character at one end: a space, or another
/// one that is easy to overlook.
fn spaced_key_hint(json: &Value, key: &str, wanted: &Wanted<'_>) -> Option<String> {
    let spaced = json
        .as_object()?
        .keys()
        .find(|spaced| spaced.trim() == key)?;
    let fault = overlooked(spaced)?.about(&format!("its key {spaced:?}"));
    let write = path_hint(json, &format!("$[{spaced:?}]"), wanted)?;
    Some(format!("{fault}: store it without, or {write}"))
}

/// A clause about the keys that begins with `noun`, such as `its keys are "host" and "port"`.
fn listed_keys(map: &Object, noun: &str) -> String {
    let keys: Vec<String> = quotable_keys(map)
        .take(MOST_NAMES)
        .map(|key| format!("{key:?}"))
        .collect();
    if map.is_empty() {
        "the object is empty".to_owned()
    } else if keys.is_empty() {
        format!("{noun} aren't shown, because they may be values")
    } else {
        format!("{noun} are {}", first_of(&keys, map.len()))
    }
}

/// A path that leads to nothing is an absence. A path that leads to several values is an error.
fn find_node<'j>(json: &'j Value, path: &JsonPath, wanted: &Wanted<'_>) -> Resolved<&'j Value> {
    // Don't show jsonpath_rust's error, because it quotes the value.
    let found = js_path_process(path.query(), json).map_err(|_| {
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
            Err(not_an_object(text, json, wanted).into())
        }
        [] => {
            // The whole message reads: the secret "prod/db" has nothing at $.tls.key
            let text = format!("has nothing at {}", path.shown());
            let problem = Problem::configuration(text).code("key-not-found");
            let keys = json
                .as_object()
                .map(|map| listed_keys(map, "its top-level keys"));
            Err(Unresolved::Absent(problem.help_if_some(keys)))
        }
        [one] => Ok(one.val),
        several => {
            let paths: Vec<String> = several
                .iter()
                // Leave out a path if one of the names in it may be a secret value. A normalized
                // path (RFC 9535), such as $['hosts'][0], is split at its brackets and quotes. Each
                // piece is then a name, a number, or empty.
                .filter(|node| node.path.split(['$', '[', ']', '\'']).all(is_quotable))
                .filter(|node| !node.val.is_null())
                .map(|node| short_path(&node.path))
                .collect();
            let total = several.len();
            let text = format!("has {total} values at {} instead of one", path.shown());
            let help = format!("use the path of one value: {}", first_of(&paths, total));
            Err(Problem::configuration(text)
                .code("several-matches")
                .help(help)
                .into())
        }
    }
}

/// Shortens a normalized path (RFC 9535), such as `$['hosts'][0]` to `$.hosts[0]`, because a shell
/// would remove the quotes. A name that needs quotes keeps them.
fn short_path(normalized: &str) -> String {
    // The expression is valid, so the default is never used.
    Regex::new(r"\['([A-Za-z_]\w*)'\]")
        .map(|plain_name| plain_name.replace_all(normalized, ".$1").into_owned())
        .unwrap_or_default()
}

/// The text that the command gets: a string's characters, or compact JSON, with numbers as written.
pub(super) fn text_of(value: &Value) -> Option<SecretValue> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(SecretValue::new(text.as_str())),
        _ => Some(SecretValue::new(value.to_string())),
    }
}

/// The type in messages, such as `a JSON string`.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a JSON boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) if contains_json(value) => "a JSON string that contains JSON",
        Value::String(_) => "a JSON string",
        Value::Array(_) => "a JSON array",
        Value::Object(_) => "a JSON object",
    }
}

/// True for an object that was encoded as JSON twice.
fn contains_json(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    Json::parse(text.as_bytes()).is_ok_and(|json| json.value().is_object())
}
