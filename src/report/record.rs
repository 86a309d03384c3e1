//! A record of a report: a labelled message with its entries, notes and remedies, and for JSON an event with details.

use serde_json::Value;

/// The kind of a record or of a line of its text, by which logs can be filtered.
///
/// The number is that of its colour in SGR (ECMA-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// A reason that the command does not run.
    Error = 31,
    Warning = 33,
    /// A fact.
    Note = 34,
    /// A remedy.
    Help = 36,
    /// The last line of a report about several errors. It doesn't have a label.
    Summary = 0,
}

impl Label {
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

/// An error, a warning or a note with all that belongs to it: one object of JSON, one or more lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub label: Label,
    pub message: String,
    /// The name of the event in JSON.
    pub event: &'static str,
    /// The members of the object in JSON that text does not have.
    pub details: Vec<(&'static str, Value)>,
    /// The variables, files or credentials that share an error.
    pub entries: Vec<String>,
    pub notes: Vec<String>,
    /// The message of AWS.
    pub aws_says: Option<String>,
    pub help: Option<String>,
    /// True if the text format has it only with `--verbose`.
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

    /// Adds a remedy.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// Leaves the record out of the text format unless `--verbose` is given.
    #[must_use]
    pub fn detail(self) -> Self {
        Self {
            is_detail: true,
            ..self
        }
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
