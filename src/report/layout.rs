//! The layout of records: lines of text for people, and objects of JSON for `--log-format json`. No other code decides where the parts of a
//! record go.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::record::{Label, Record};
use crate::model::quoting::escaped;

const PREFIX: &str = "secrets-exec: ";

/// The medium that shows the lines of records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A file, a pipe or a collector of logs: every line has the prefix, so that lines can be filtered.
    Log,
    /// A terminal: only the first line of a record has the prefix, and an empty line comes before every error but the first.
    Terminal { has_colours: bool },
}

/// Returns the lines of records. The headline of a record comes first. Below it, indented, are the entries, the notes, the message of AWS
/// and the remedy.
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

/// Returns the line that a terminal with this number of columns shows during a long wait. The line is cut off before the last column.
pub fn progress_line(text: &str, columns: usize, has_colours: bool) -> String {
    let room = columns.saturating_sub(PREFIX.len() + "note: ".len() + 1);
    headline(
        Label::Note,
        &format!("{text:.room$}"),
        Screen::Terminal { has_colours },
    )
}

/// Returns the first line of a record, with its prefix and label, without a line feed. Colours also make the quoted names of an error bold.
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

/// Returns a text whose quoted parts are bold.
fn with_bold_names(text: &str) -> String {
    let mut parts = text.split('"');
    let mut bold = parts.next().unwrap_or_default().to_owned();
    while let Some(name) = parts.next() {
        match parts.next() {
            Some(rest) => bold += &format!("\"\x1b[1m{name}\x1b[0m\"{rest}"),
            None => bold += &format!("\"{name}"),
        }
    }
    bold
}

/// Returns a label with a blank at its end; nothing for a summary.
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

/// Returns an object for each record. A program that reads the log has one object for each thing to mend, and needs only `level` to sort them.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Map<String, Value>> {
    let now = SystemTime::now();
    let records = records.into_iter();
    records.map(|record| object(record, now)).collect()
}

fn object(record: Record, now: SystemTime) -> Map<String, Value> {
    // Collectors of logs sort by these levels.
    let level = match record.label {
        Label::Error | Label::Summary | Label::Warning => record.label.name(),
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

/// Escapes the texts of a record: a version id or a path may hold characters that change what a terminal shows.
fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => escaped(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        // No value is an object.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value,
    }
}
