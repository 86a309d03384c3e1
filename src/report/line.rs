//! A line of a report: a label and a text, and for JSON an event with details.

use serde_json::Value;

/// The kind of a line, by which logs can be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A reason that the command does not run.
    Error,
    Warning,
    /// A fact.
    Note,
    /// A remedy.
    Help,
}

impl Label {
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Help => "help",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub label: Label,
    pub text: String,
    /// The name of the event in JSON.
    pub event: &'static str,
    /// The members of the event's object in JSON, beside the message.
    pub details: Vec<(&'static str, Value)>,
    /// True if the text format has it only with `--verbose`.
    pub is_detail: bool,
}

/// A report as it is printed.
#[derive(Debug)]
pub struct Rendered {
    pub lines: Vec<Line>,
    pub exit_status: u8,
}

/// The event of the line that counts the errors before it.
pub const SUMMARY: &str = "summary";

/// Before each entry below a reason.
const ENTRY_INDENT: &str = "  ";

impl Line {
    pub fn error(text: impl Into<String>) -> Self {
        Self::new(Label::Error, text)
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::new(Label::Warning, text)
    }

    pub fn note(text: impl Into<String>) -> Self {
        Self::new(Label::Note, text)
    }

    pub fn help(text: impl Into<String>) -> Self {
        Self::new(Label::Help, text)
    }

    fn new(label: Label, text: impl Into<String>) -> Self {
        Self { label, text: text.into(), event: label.name(), details: Vec::new(), is_detail: false }
    }

    /// Names the event.
    #[must_use]
    pub fn event(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Adds a detail if there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Leaves the line out of the text format unless `--verbose` is given.
    #[must_use]
    pub fn detail(self) -> Self {
        Self { is_detail: true, ..self }
    }

    /// Returns the line of one of several entries below their reason.
    pub fn entry(text: impl std::fmt::Display) -> Self {
        Self::error(format!("{ENTRY_INDENT}{text}"))
    }

    /// True for the first line of an error, not for its entries.
    pub fn begins_error(&self) -> bool {
        self.label == Label::Error && !self.text.starts_with(ENTRY_INDENT)
    }
}

/// Joins names: `a, b and c`.
pub fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} and {last}", names.join(", ")),
    }
}

/// A text without a label is a note.
impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::note(text)
    }
}

/// Returns a duration in its largest unit: `45s`, `3m`, `36h`, `12d`, `4y`.
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
