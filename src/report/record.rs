//! A record: an error, a warning or a note with everything that belongs to it.
//!
//! A record is one JSON object, or one or more lines of text. The parts that only JSON has are
//! called details.

use std::collections::BTreeMap;

use serde_json::Value;

/// The label of a record, or of a line below its headline.
///
/// The number of a variant is its colour in SGR (ECMA-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A failure. In most cases, the command isn't started because of it.
    Error = 31,
    Warning = 33,
    /// A fact that may be of interest.
    Note = 34,
    /// The remedy for an error or a warning.
    Help = 36,
    /// The last line of a report about several errors. Text shows it without a label.
    Summary = 0,
}

impl Label {
    /// Returns the word for this label. The text format begins a line with it, except for a
    /// summary. In JSON, it is the `level` of errors and warnings, and the `event` of a record that
    /// has no other one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Help => "help",
            Self::Summary => "error",
        }
    }
}

/// An error, a warning or a note. No part of it contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Record {
    pub label: Label,
    /// The headline.
    pub message: String,
    /// The `event` of the JSON object.
    pub event: &'static str,
    /// The members that only the JSON object has.
    pub details: Vec<(&'static str, Value)>,
    /// The variables, files or credentials that the record is about.
    pub entries: Vec<String>,
    pub notes: Vec<String>,
    /// AWS's own message.
    pub aws_says: Option<String>,
    pub help: Option<String>,
    /// True if text shows the record only with `--verbose`.
    pub is_detail: bool,
}

impl Record {
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Label::Error, message)
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Label::Warning, message)
    }

    pub fn note(message: impl Into<String>) -> Self {
        Self::new(Label::Note, message)
    }

    pub fn summary(message: impl Into<String>) -> Self {
        Self::new(Label::Summary, message).event("summary")
    }

    /// Creates a record with only a headline. Its event is the name of the label.
    fn new(label: Label, message: impl Into<String>) -> Self {
        Self {
            label,
            message: message.into(),
            event: label.name(),
            details: Vec::new(),
            entries: Vec::new(),
            notes: Vec::new(),
            aws_says: None,
            help: None,
            is_detail: false,
        }
    }

    /// Sets the name of the event in JSON.
    pub fn event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    /// Adds a member to the JSON object.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a member to the JSON object, if there is a value.
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets the help.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Hides the record in text unless `--verbose` is given.
    pub fn detail(mut self) -> Self {
        self.is_detail = true;
        self
    }
}

/// Returns a number and its noun, in the singular or plural: `1 value is missing` or `2 values are
/// missing`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    let noun = if count == 1 { one } else { several };
    format!("{count} {noun}")
}

/// Groups items by key. Groups are in the order of their first items, and the items of a group keep
/// their order.
pub fn grouped<K: Ord + Clone, T>(items: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut positions = BTreeMap::new();
    for (key, item) in items {
        let position = *positions.entry(key.clone()).or_insert(groups.len());
        if position == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[position].1.push(item);
    }
    groups
}

/// Returns a duration in its largest unit: `45s`, `3m`, `36h`, `12d` or `4y`.
pub fn age(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    match seconds {
        seconds if seconds < MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        seconds => format!("{}y", seconds / YEAR),
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
