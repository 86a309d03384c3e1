//! Records are the errors, warnings and notes that secrets-exec prints.
//!
//! Code that finds something to warn about returns a record, and `report` prints all records as
//! text or JSON. No code has to take a message apart, because a record keeps its entries, notes and
//! help separately.

use serde_json::Value;

/// The label before a record, or before a line below it. Its number is the code of its colour in a
/// terminal (SGR in ECMA-48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Label {
    Error = 31,
    Warning = 33,
    #[default]
    Note = 34,
    Help = 36,
    /// The last line of a report about several errors, without a label in text output.
    Summary = 0,
    /// A line of `check`'s table. JSON output leaves it out if it has no additional members.
    Row = 39,
}

impl Label {
    /// The label as a word. In JSON, it is the default `event`, and the `level` of an error or a
    /// warning.
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Record(Parts);

/// The parts of a record, only for reading: other code can't make a record from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub label: Label,
    pub message: String,
    pub event: &'static str,
    /// Additional members of the JSON object.
    pub json_members: Vec<(&'static str, Value)>,
    /// The affected variables, files or, for the cache, secrets.
    pub entries: Vec<String>,
    /// True if text output doesn't list the entries, because the message names them.
    pub are_entries_in_message: bool,
    /// True if text output lists only the first few entries.
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

    /// Like [`Self::with`], but ignores `None`.
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

    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.0.notes.extend(notes);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Replaces the help, unless `help` is `None`.
    pub fn help_if_some(mut self, help: Option<String>) -> Self {
        self.0.help = help.or(self.0.help);
        self
    }

    /// Adds AWS's own message.
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

    /// Names a single entry at the end of the message, as in `… for DB_HOST`, instead of on a line
    /// of its own.
    pub fn naming_only_entry(mut self) -> Self {
        let [entry] = self.0.entries.as_slice() else {
            return self;
        };
        self.0.message += &format!(" for {entry}");
        self.without_entry_lines()
    }

    /// Leaves out the lines for the entries in text output, because the message names them.
    pub fn without_entry_lines(mut self) -> Self {
        self.0.are_entries_in_message = true;
        self
    }

    /// Replaces all members of the JSON object with this one.
    pub fn with_only(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.json_members.clear();
        self.with(name, value)
    }

    /// Lists only the first few entries in text output.
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
