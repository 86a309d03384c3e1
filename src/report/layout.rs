//! Lays out records as text or JSON. All their text is escaped here, so a name from AWS or from a
//! file can't move the cursor or reverse the direction of the text.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::model::message::{Label, Record};
use crate::model::shown::printed;

/// A number and its noun, such as `1 value is missing` or `2 values are missing`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    let noun = if count == 1 { one } else { several };
    format!("{count} {noun}")
}

/// A duration in one unit, rounded down: `45s`, `3m`, `36h`, `12d` or `4y`.
pub fn age(seconds: u64) -> String {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    const TWO_DAYS: u64 = 2 * DAY;
    const YEAR: u64 = 365 * DAY;
    const TWO_YEARS: u64 = 2 * YEAR;
    let (length, unit) = match seconds {
        0..60 => (1, "s"),
        60..HOUR => (60, "m"),
        HOUR..TWO_DAYS => (HOUR, "h"),
        TWO_DAYS..TWO_YEARS => (DAY, "d"),
        TWO_YEARS.. => (YEAR, "y"),
    };
    format!("{}{unit}", seconds / length)
}

/// The most entries that an abridged record lists before a line such as `and 3 more`.
const MOST_ENTRIES: usize = 5;

pub(super) const PREFIX: &str = "secrets-exec: ";

/// The place where lines are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A file, a pipe or a log collector. Every line begins with `secrets-exec: `, so that people
    /// can filter a log.
    Log,
    /// A terminal. Only the first line of a record begins with `secrets-exec: `, and errors are
    /// separated by blank lines.
    Terminal { has_colours: bool },
}

/// Each record has a headline and indented lines below it. A help text is left out if an earlier
/// record already has the same one.
pub fn record_lines(records: &[Record], screen: Screen) -> String {
    let mut lines = String::new();
    for (at, record) in records.iter().map(Record::parts).enumerate() {
        let is_error = matches!(record.label, Label::Error | Label::Summary);
        if at > 0 && is_error && screen != Screen::Log {
            lines += "\n";
        }
        let prefix = if screen == Screen::Log { PREFIX } else { "" };
        lines += &if record.label == Label::Row {
            format!("{prefix}  {}\n", printed(&record.message))
        } else {
            headline(record.label, &record.message, screen) + "\n"
        };

        let mut add = |start: &str, text: &str| {
            lines += &format!("{prefix}  {start}{}\n", printed(text));
        };
        let entries = if record.are_entries_in_message {
            &[]
        } else {
            record.entries.as_slice()
        };
        let count = entries.len();
        let listed = if record.is_abridged {
            MOST_ENTRIES
        } else {
            count
        };
        for entry in entries.iter().take(listed) {
            add("for ", entry);
        }
        if count > listed {
            add("and ", &format!("{} more", count - listed));
        }

        for note in &record.notes {
            add(&shown_label(Label::Note, screen), note);
        }
        if let Some(text) = &record.aws_says {
            add("AWS says: ", text);
        }
        let is_shown_above = records[..at]
            .iter()
            .any(|above| above.parts().help == record.help);
        if !is_shown_above && let Some(help) = &record.help {
            add(&shown_label(Label::Help, screen), help);
        }
    }
    lines
}

/// The first line of a record, without a line feed.
pub(super) fn headline(label: Label, text: &str, screen: Screen) -> String {
    let mut shown = printed(text);
    if let (Label::Error, Screen::Terminal { has_colours: true }) = (label, screen) {
        shown = with_bold_names(&shown);
    }
    format!("{PREFIX}{}{shown}", shown_label(label, screen))
}

fn with_bold_names(text: &str) -> String {
    let mut parts: Vec<String> = text.split('"').map(str::to_owned).collect();
    // Every other part, starting with the second, was between quotation marks.
    for name in parts.iter_mut().skip(1).step_by(2) {
        *name = format!("\x1b[1m{name}\x1b[0m");
    }
    parts.join("\"")
}

pub(super) fn coloured(text: &str, label: Label) -> String {
    format!("\x1b[{}m{text}\x1b[0m", label as u8)
}

fn shown_label(label: Label, screen: Screen) -> String {
    let name = label.name();
    match (label, screen) {
        (Label::Summary, _) => String::new(),
        (_, Screen::Terminal { has_colours: true }) => {
            format!("\x1b[1;{}m{name}:\x1b[0m ", label as u8)
        }
        (_, Screen::Terminal { has_colours: false } | Screen::Log) => format!("{name}: "),
    }
}

/// A JSON object for each record, with the current time.
pub fn objects(records: impl IntoIterator<Item = Record>) -> Vec<Value> {
    let now = SystemTime::now();
    records
        .into_iter()
        .map(|record| record_object(record, now))
        .collect()
}

fn record_object(record: Record, now: SystemTime) -> Value {
    let record = record.into_parts();
    // Log collectors filter by these levels. They recognize `info`, but not `note`.
    let level = match record.label {
        Label::Error | Label::Summary | Label::Warning => record.label.name(),
        Label::Note | Label::Help | Label::Row => "info",
    };

    let mut object = json!({
        "time": humantime::format_rfc3339_millis(now).to_string(),
        // The command may write JSON to the same stream, so `logger` tells our objects from the
        // command's.
        "logger": "secrets-exec",
        "level": level,
        "event": record.event,
        "message": record.message,
    });
    for (name, value) in record.json_members {
        object[name] = value;
    }

    let aws_says = record.aws_says.map(|text| format!("AWS says: {text}"));
    for (name, texts) in [
        ("entries", record.entries),
        ("notes", record.notes.into_iter().chain(aws_says).collect()),
        ("help", Vec::from_iter(record.help)),
    ] {
        if !texts.is_empty() {
            object[name] = texts.into();
        }
    }
    escaped_value(object)
}

/// Escapes strings, since a version id or a path may contain characters that change what a terminal
/// shows. Member names are our own, so they stay as they are.
pub(super) fn escaped_value(value: Value) -> Value {
    match value {
        Value::String(text) => printed(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped_value).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, escaped_value(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let (hour, day) = (3600, 86_400);
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3599, "59m"),
            (hour, "1h"),
            (2 * day - 1, "47h"),
            (2 * day, "2d"),
            (730 * day - 1, "729d"),
            (730 * day, "2y"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
