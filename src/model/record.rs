//! A record: an error, a warning or a note as it is printed.
//!
//! The step that finds something to warn of makes a record of it, with everything that there is to
//! say, and returns the record. `problem` makes records of problems. `report` lays all records out
//! as text or JSON, and prints them. A record keeps its message, entries, notes and help apart, so
//! that no code has to parse the text of a message.

use serde_json::Value;

/// The label of a record, or of a line below its headline.
///
/// The number of a variant is its colour in SGR (ECMA-48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    Error = 31,
    Warning = 33,
    #[default]
    Note = 34,
    Help = 36,
    /// The last line of a report about several errors. Text output shows it without a label.
    Summary = 0,
    /// A line of the table below the record before it. JSON has only the lines with members.
    Row = 39,
}

impl Label {
    /// The word for this label. JSON has the word as the default `event` and, for errors and
    /// warnings, as the `level`. A summary is the last line about errors, so it is an error, too, and
    /// a row says how one value was resolved.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error | Self::Summary => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Row => "resolved",
            Self::Help => "help",
        }
    }
}

/// An error, a warning or a note. No part of it contains the value of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Record {
    pub label: Label,
    pub message: String,
    pub event: &'static str,
    /// The members that only the JSON object has.
    pub json_members: Vec<(&'static str, Value)>,
    /// What the record is about: variables, files or, for the cache, secrets.
    pub entries: Vec<String>,
    /// True if text output lists only the first entries.
    pub is_abridged: bool,
    pub notes: Vec<String>,
    pub aws_says: Option<String>,
    pub help: Option<String>,
    /// True if text output shows the record only with `--verbose`.
    pub is_detail: bool,
    /// True for a warning that `-qq` doesn't hide.
    pub ignores_quiet: bool,
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

    pub fn new(label: Label, message: impl Into<String>) -> Self {
        Self {
            label,
            message: message.into(),
            event: label.name(),
            ..Self::default()
        }
    }

    pub fn event(mut self, event: &'static str) -> Self {
        self.event = event;
        self
    }

    /// Adds a member to the JSON object.
    pub fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with_some(name, Some(value))
    }

    /// Adds a member to the JSON object if there is a value.
    pub fn with_some(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.json_members
            .extend(value.map(|value| (name, value.into())));
        self
    }

    pub fn for_entries(mut self, entries: Vec<String>) -> Self {
        self.entries = entries;
        self
    }

    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn is_in_json(&self) -> bool {
        self.label != Label::Row || !self.json_members.is_empty()
    }

    pub fn detail(mut self) -> Self {
        self.is_detail = true;
        self
    }
}
