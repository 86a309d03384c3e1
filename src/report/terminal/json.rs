//! Records as JSON objects, one a line, for `--log-format json`.
//!
//! A program that reads the log has one object for each thing to mend, and sorts objects by `level` alone.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::super::record::{Label, Record};
use crate::model::quoting::escaped;

/// Returns the object of a record.
pub fn object(record: Record, now: SystemTime) -> Map<String, Value> {
    // Collectors of logs sort by these levels.
    let level = match record.label {
        Label::Error | Label::Warning => record.label.name(),
        Label::Note | Label::Help => "info",
    };
    let mut object = Map::new();
    object.insert(
        "time".to_owned(),
        humantime::format_rfc3339_millis(now).to_string().into(),
    );
    // The command's own lines share the stream.
    object.insert("logger".to_owned(), "secrets-exec".into());
    object.insert("level".to_owned(), level.into());
    object.insert("event".to_owned(), record.event.into());
    object.insert("message".to_owned(), record.message.into());
    object.extend(
        record
            .details
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    for (name, texts) in [
        ("entries", record.entries),
        ("notes", record.notes),
        ("help", record.help),
    ] {
        if !texts.is_empty() {
            object.insert(name.to_owned(), texts.into());
        }
    }
    let escaped = object
        .into_iter()
        .map(|(name, value)| (name, escaped_value(value)));
    escaped.collect()
}

/// Escapes the texts of a record: a version id or a path may hold characters that change what a terminal shows.
fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => escaped(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        // No value is an object.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value,
    }
}
