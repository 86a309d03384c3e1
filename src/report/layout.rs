//! The layout of records: lines of text for people, and JSON objects for `--log-format json`. No
//! other module decides where the parts of a record go.
//!
//! Everything is escaped here, so that a name from AWS or a file can't move the cursor or change
//! the direction of writing.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::record::{Label, Record};
use crate::model::quoting::escaped;

const PREFIX: &str = "secrets-exec: ";

/// The place where the lines of records are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A file, a pipe or a log collector. Every line has the prefix, so that logs can be filtered.
    Log,
    /// A terminal. Only the first line of a record has the prefix, and a blank line separates
    /// errors.
    Terminal { has_colours: bool },
}

/// Returns the lines of records. A record begins with its headline. The lines below it are
/// indented: the entries, the notes, AWS's message and the help.
pub fn lines(records: &[Record], screen: Screen) -> String {
    let mut lines = String::new();
    for (at, record) in records.iter().enumerate() {
        let is_error = matches!(record.label, Label::Error | Label::Summary);
        if at > 0 && is_error && screen != Screen::Log {
            lines += "\n";
        }
        lines += &(headline(record.label, &record.message, screen) + "\n");

        let prefix = if screen == Screen::Log { PREFIX } else { "" };
        let mut add = |start: &str, text: &str| {
            lines += &format!("{prefix}  {start}{}\n", escaped(text));
        };
        for entry in &record.entries {
            add("for ", entry);
        }
        for note in &record.notes {
            add(&label(Label::Note, screen), note);
        }
        if let Some(text) = &record.aws_says {
            add("AWS says: ", text);
        }
        if let Some(help) = &record.help {
            add(&label(Label::Help, screen), help);
        }
    }
    lines
}

/// Returns the progress line for a terminal of this width. The text is cut off before the last
/// column, so that the line never wraps.
pub fn progress_line(text: &str, columns: usize, has_colours: bool) -> String {
    let room = columns.saturating_sub(PREFIX.len() + "note: ".len() + 1);
    let screen = Screen::Terminal { has_colours };
    headline(Label::Note, &format!("{text:.room$}"), screen)
}

/// Returns the first line of a record with its prefix and label, but without a line feed. With
/// colours, the quoted names in an error are bold.
fn headline(kind: Label, text: &str, screen: Screen) -> String {
    let text = escaped(text);
    let is_bold = screen == Screen::Terminal { has_colours: true } && kind == Label::Error;
    let text = if is_bold {
        with_bold_names(&text)
    } else {
        text
    };
    format!("{PREFIX}{}{text}", label(kind, screen))
}

/// Makes the text between quotes bold, with the escape sequences of a terminal.
fn with_bold_names(text: &str) -> String {
    let mut bold = String::new();
    // Every second part is between quotes. The quotes themselves stay as they are.
    for (index, part) in text.split('"').enumerate() {
        if index > 0 {
            bold.push('"');
        }
        if index % 2 == 1 {
            bold += &format!("\x1b[1m{part}\x1b[0m");
        } else {
            bold += part;
        }
    }
    bold
}

/// Returns a label, followed by a space. The last line of a report doesn't have one.
fn label(label: Label, screen: Screen) -> String {
    let name = label.name();
    match (label, screen) {
        (Label::Summary, _) => String::new(),
        (_, Screen::Terminal { has_colours: true }) => {
            format!("\x1b[1;{}m{name}:\x1b[0m ", label as u8)
        }
        (_, Screen::Terminal { has_colours: false } | Screen::Log) => format!("{name}: "),
    }
}

/// Returns a JSON object for each record. All parts of an error are in the same object, so a log
/// collector shows one entry for each thing to fix.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Map<String, Value>> {
    let now = SystemTime::now();
    let records = records.into_iter();
    records.map(|record| record_object(record, now)).collect()
}

/// Returns the JSON object of a record. Fields that don't apply are left out.
fn record_object(record: Record, now: SystemTime) -> Map<String, Value> {
    // Log collectors filter by these levels. They know `info`, but not `note`. The level of a
    // summary is `error`.
    let level = match record.label {
        Label::Error | Label::Summary | Label::Warning => record.label.name(),
        Label::Note | Label::Help => "info",
    };

    let mut members: Vec<(&str, Value)> = vec![
        (
            "time",
            humantime::format_rfc3339_millis(now).to_string().into(),
        ),
        // The command writes to the same stream.
        ("logger", "secrets-exec".into()),
        ("level", level.into()),
        ("event", record.event.into()),
        ("message", record.message.into()),
    ];
    members.extend(record.details);

    // AWS's message doesn't have a member of its own. It is the last note.
    let aws_says = record.aws_says.map(|text| format!("AWS says: {text}"));
    for (name, texts) in [
        ("entries", record.entries),
        ("notes", record.notes.into_iter().chain(aws_says).collect()),
        ("help", Vec::from_iter(record.help)),
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

/// Escapes the texts in a JSON value. A version id or a path may contain characters that change
/// what a terminal shows.
pub fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => escaped(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, escaped_value(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
