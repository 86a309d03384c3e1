//! The values that no output may show: every string in the secrets, parameters and local files that
//! a test serves.
//!
//! A value is watched for from the moment when it is made, in all runs of its test, both unchanged
//! and in the encodings of [`encoded`]. Numbers, booleans and the keys of objects aren't watched
//! for.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use granit_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

/// The length of the shortest value that is watched for. A shorter one could occur by chance.
const SHORTEST: usize = 8;

/// The number of bytes at the beginning of a long value that are watched for.
const LONGEST: usize = 1000;

/// Words that have a meaning in JSON or YAML, and would not have it if they were longer.
const WORDS: [&str; 7] = ["", "null", "true", "false", "True", "yes", "~"];

/// The encodings of the values by the test that serves them.
static WATCHED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// The name of the test that this thread runs. libtest names the thread of a test after the test.
pub fn test() -> String {
    thread::current()
        .name()
        .expect("the thread of a test has its name")
        .to_owned()
}

/// Watches for the strings of a secret: those in its JSON, or the whole text if it isn't JSON.
///
/// # Panics
/// If a string is too short to be watched for.
pub fn secret_text(text: &str) {
    match serde_json::from_str(text) {
        Ok(json) => strings(&json, &value),
        Err(_) => value(text),
    }
}

/// Watches for a binary secret: its base64, and its strings if it is text.
pub fn binary(bytes: &[u8]) {
    value(&STANDARD.encode(bytes));
    secret_text(str::from_utf8(bytes).unwrap_or_default());
}

/// Watches for the strings of a local file.
pub fn local_file(text: &str) {
    // The lists and mappings that are open. For a mapping, the element says whether its next node
    // is a value.
    let mut open: Vec<Option<bool>> = Vec::new();
    for (event, _) in Parser::new_from_str(text).map_while(Result::ok) {
        let is_node = matches!(
            event,
            Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
        );
        let mapping = open.last_mut().and_then(Option::as_mut);
        let is_value =
            is_node && mapping.is_none_or(|is_value| std::mem::replace(is_value, !*is_value));
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if serde_json::from_str::<Value>(&text).is_ok() => {}
            Event::Scalar(text, ..) if is_value => value(&text),
            Event::SequenceStart(..) => open.push(None),
            Event::MappingStart(..) => open.push(Some(false)),
            Event::SequenceEnd | Event::MappingEnd => drop(open.pop()),
            _ => {}
        }
    }
}

/// Calls `watch` with each string of a JSON document, except the keys.
fn strings(json: &Value, watch: &impl Fn(&str)) {
    match json {
        Value::String(text) => watch(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, watch)),
        Value::Object(members) => members.values().for_each(|member| strings(member, watch)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn value(text: &str) {
    if !WORDS.contains(&text) {
        assert!(
            text.len() >= SHORTEST,
            "{text:?} is too short to be watched: make it longer, such as v-4c7a1e"
        );
        add(text);
    }
}

/// Watches for a text, and for the texts in its JSON and in its base64, unless it is short.
fn add(text: &str) {
    if text.len() < SHORTEST {
        return;
    }
    let encoded = encoded(&text[..text.floor_char_boundary(LONGEST)]);
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.entry(test()).or_default().extend(encoded);
    drop(watched);
    if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
        strings(&json, &add);
    }
    let decoded = STANDARD.decode(text).unwrap_or_default();
    add(str::from_utf8(&decoded).unwrap_or_default());
}

/// The texts that a value can appear as: unchanged, as base64, percent-encoding, quotes of a shell,
/// JSON and Rust's `Debug` write it, and each of its longer lines.
fn encoded(value: &str) -> impl Iterator<Item = String> {
    let percent = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    let json = Value::from(value).to_string();
    let forms = [
        value.to_owned(),
        value.bytes().map(percent).collect(),
        value.replace('\'', r"'\''"),
        json[1..json.len() - 1].to_owned(),
        value.escape_debug().to_string(),
        format!("{:?}", value.as_bytes()).replace(['[', ']'], ""),
    ];
    let lines = value.lines().filter(|line| line.len() >= SHORTEST);
    let lines = Vec::from_iter(lines.map(str::to_owned));
    let base64 = [0, 1, 2].map(|before| base64_after(before, value));
    forms.into_iter().chain(lines).chain(base64)
}

/// The characters of a value in BASE64 if `before` other bytes come before it.
fn base64_after(before: usize, value: &str) -> String {
    let text = STANDARD.encode([&vec![0; before], value.as_bytes()].concat());
    text[(before * 8).div_ceil(6)..(before + value.len()) * 8 / 6].to_owned()
}

/// The first watched value of a test that this output contains.
pub fn found(test: &str, output: &str) -> Option<String> {
    let watched = WATCHED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(test)?
        .clone();
    // If there are many values, the search is faster when it first drops those whose beginning
    // isn't in the output.
    let parts = output.as_bytes().windows(SHORTEST);
    let parts: Option<HashSet<&[u8]>> = (watched.len() > 1000).then(|| parts.collect());
    let may_be = |value: &String| {
        let start = &value.as_bytes()[..SHORTEST];
        parts.as_ref().is_none_or(|parts| parts.contains(start))
    };
    let mut watched = watched.into_iter();
    watched.find(|value| may_be(value) && output.contains(value))
}

/// The first file below a directory that contains a watched value, and that value. Programs, and
/// files for which `is_own` is true, aren't searched.
pub fn leaked(
    test: &str,
    directory: &Path,
    is_own: &impl Fn(&str) -> bool,
) -> Option<(String, String)> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .find_map(|entry| {
            let (path, kind) = (entry.path(), entry.file_type().ok()?);
            if kind.is_dir() {
                return leaked(test, &path, is_own);
            }
            if !kind.is_file() || is_own(&entry.file_name().to_string_lossy()) {
                return None;
            }
            let content = fs::read(&path)
                .ok()
                .filter(|content| !content.starts_with(b"\x7fELF"))?;
            let value = found(test, &String::from_utf8_lossy(&content))?;
            Some((path.display().to_string(), value))
        })
}
