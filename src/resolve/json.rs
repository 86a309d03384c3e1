//! Parses a secret's JSON with the literals of its numbers and the order of its keys; wiped when dropped.

use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::model::quoting::is_quotable;

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
    /// `$serde_json::private::Number` or `…::RawValue` is no object to serde_json.
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
