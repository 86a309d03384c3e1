//! A record: an error, a warning or a note as it is printed.
//!
//! The step that finds something to warn of makes a record of it, with everything that there is to
//! say, and returns the record. `problem` makes records of problems. `report` lays all records out
//! as text or JSON, and prints them. A record keeps its message, entries, notes and help apart, so
//! that no code has to parse the text of a message.

use std::mem::take;

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

/// An error, a warning or a note. No part of it contains the value of a secret. Only the methods of
/// this file change it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Record(Parts);

/// The parts of a record, to read them. No record can be made of parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
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
        Self(Parts {
            label,
            message: message.into(),
            event: label.name(),
            ..Parts::default()
        })
    }

    pub fn parts(&self) -> &Parts {
        &self.0
    }

    pub fn into_parts(self) -> Parts {
        self.0
    }

    pub fn event(mut self, event: &'static str) -> Self {
        self.0.event = event;
        self
    }

    /// Adds a member to the JSON object.
    pub fn with(self, name: &'static str, value: impl Into<Value>) -> Self {
        self.with_some(name, Some(value))
    }

    /// Adds a member to the JSON object if there is a value.
    pub fn with_some(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.0
            .json_members
            .extend(value.map(|value| (name, value.into())));
        self
    }

    pub fn for_entries(mut self, entries: Vec<String>) -> Self {
        self.0.entries = entries;
        self
    }

    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.0.notes.extend(notes);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds a help, if there is one.
    pub fn help_if_some(mut self, help: Option<String>) -> Self {
        self.0.help = help.or(self.0.help);
        self
    }

    /// Adds the message that AWS has sent, if there is one.
    pub fn with_aws_says(mut self, message: Option<String>) -> Self {
        self.0.aws_says = message;
        self
    }

    pub fn with_label(mut self, label: Label) -> Self {
        self.0.label = label;
        self
    }

    pub fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    /// Names the entry at the end of the message, if there is only one. Text output then doesn't
    /// list it.
    pub fn naming_only_entry(mut self) -> Self {
        let [entry] = self.0.entries.as_slice() else {
            return self;
        };
        self.0.message += &format!(" for {entry}");
        let entries = take(&mut self.0.entries);
        self.with("entries", entries)
    }

    /// Replaces all members of the JSON object with this one.
    pub fn with_only(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.json_members.clear();
        self.with(name, value)
    }

    /// Lets text output list only the first entries.
    pub fn abridged(mut self) -> Self {
        self.0.is_abridged = true;
        self
    }

    /// Prints the warning even with `-qq`.
    pub fn ignoring_quiet(mut self) -> Self {
        self.0.ignores_quiet = true;
        self
    }

    pub fn is_in_json(&self) -> bool {
        self.0.label != Label::Row || !self.0.json_members.is_empty()
    }

    pub fn detail(mut self) -> Self {
        self.0.is_detail = true;
        self
    }
}
