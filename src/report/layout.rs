//! The layout of records: lines of text for people, and objects of JSON for `--log-format json`. No other code decides where the parts of a
//! record go.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::record::{Label, Record};
use crate::model::quoting::escaped;

const PREFIX: &str = "secrets-exec: ";

/// The most characters of a progress line: it must not reach the last column of a terminal with 80 columns.
const PROGRESS_LENGTH: usize = 79;

/// Returns the lines of records: one for each message, entry, note and remedy. A note that the next record repeats is left to that record,
/// and so is a remedy that the next record with remedies begins with.
pub fn lines(records: &[Record], is_coloured: bool) -> String {
    // For each record the first remedy after it.
    let mut following = vec![None; records.len()];
    for at in (1..records.len()).rev() {
        following[at - 1] = records[at].help.first().or(following[at]);
    }

    let mut lines = String::new();
    let mut add = |label, text: &str| lines += &(line(label, text, is_coloured) + "\n");
    for (at, record) in records.iter().enumerate() {
        add(record.label, &record.message);
        for entry in &record.entries {
            add(record.label, &format!("  {entry}"));
        }
        let next_notes = records
            .get(at + 1)
            .map_or(&[][..], |next| next.notes.as_slice());
        for note in &record.notes {
            if !next_notes.contains(note) {
                add(Label::Note, note);
            }
        }
        for help in &record.help {
            if following[at] != Some(help) {
                add(Label::Help, help);
            }
        }
    }
    lines
}

/// Returns the line that is shown during a long wait, cut to the width of a terminal.
pub fn progress_line(text: &str, is_coloured: bool) -> String {
    let room = PROGRESS_LENGTH - PREFIX.len() - "note: ".len();
    line(Label::Note, &format!("{text:.room$}"), is_coloured)
}

/// Returns a line with its prefix and label, without a line feed.
fn line(label: Label, text: &str, is_coloured: bool) -> String {
    let (name, text) = (label.name(), escaped(text));
    if is_coloured {
        format!("{PREFIX}\x1b[1;{}m{name}:\x1b[0m {text}", label as u8)
    } else {
        format!("{PREFIX}{name}: {text}")
    }
}

/// Returns an object for each record. A program that reads the log has one object for each thing to mend, and needs only `level` to sort them.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Map<String, Value>> {
    let now = SystemTime::now();
    let records = records.into_iter();
    records.map(|record| object(record, now)).collect()
}

fn object(record: Record, now: SystemTime) -> Map<String, Value> {
    // Collectors of logs sort by these levels.
    let level = match record.label {
        Label::Error | Label::Warning => record.label.name(),
        Label::Note | Label::Help => "info",
    };
    let mut members: Vec<(&str, Value)> = vec![
        (
            "time",
            humantime::format_rfc3339_millis(now).to_string().into(),
        ),
        // The command's own lines share the stream.
        ("logger", "secrets-exec".into()),
        ("level", level.into()),
        ("event", record.event.into()),
        ("message", record.message.into()),
    ];
    members.extend(record.details);
    for (name, texts) in [
        ("entries", record.entries),
        ("notes", record.notes),
        ("help", record.help),
    ] {
        if !texts.is_empty() {
            members.push((name, texts.into()));
        }
    }
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), escaped_value(value)))
        .collect()
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
