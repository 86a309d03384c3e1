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
}

impl Line {
    pub fn error(text: impl Into<String>) -> Self {
        Self { label: Label::Error, text: text.into() }
    }

    pub fn warning(text: impl Into<String>) -> Self {
        Self { label: Label::Warning, text: text.into() }
    }

    pub fn note(text: impl Into<String>) -> Self {
        Self { label: Label::Note, text: text.into() }
    }

    pub fn help(text: impl Into<String>) -> Self {
        Self { label: Label::Help, text: text.into() }
    }

    /// Returns the line of one of several entries below their reason.
    pub fn entry(text: impl std::fmt::Display) -> Self {
        Self::error(format!("  {text}"))
    }
}

/// A text without a label is a note.
impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::note(text)
    }
}
