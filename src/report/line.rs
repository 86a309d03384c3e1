//! A line of a report: a label and a text.

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
    pub layout: Layout,
}

/// The layout of a line on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Broken at blanks.
    Wrapped,
    /// Left as it is: the columns of source text and of the caret below it must agree.
    Verbatim,
}

/// Before each entry below a reason.
const ENTRY_INDENT: &str = "  ";

impl Line {
    pub fn error(text: impl Into<String>) -> Self {
        Self::wrapped(Label::Error, text)
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self::wrapped(Label::Warning, text)
    }

    pub fn note(text: impl Into<String>) -> Self {
        Self::wrapped(Label::Note, text)
    }

    pub fn help(text: impl Into<String>) -> Self {
        Self::wrapped(Label::Help, text)
    }

    /// Returns a note with source text, or with a caret below it.
    pub fn source(text: impl Into<String>) -> Self {
        Self { layout: Layout::Verbatim, ..Self::note(text) }
    }

    fn wrapped(label: Label, text: impl Into<String>) -> Self {
        Self { label, text: text.into(), layout: Layout::Wrapped }
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
    join(names, "and")
}

/// Joins alternatives: `a, b or c`.
pub fn alternatives(names: &[&str]) -> String {
    join(names, "or")
}

fn join(names: &[&str], conjunction: &str) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} {conjunction} {last}", names.join(", ")),
    }
}

/// A text without a label is a note.
impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::note(text)
    }
}
