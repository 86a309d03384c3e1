//! A variable to export, and the reasons why it cannot be exported.

use crate::model::entry::{Origin, Subject, SubjectKind};
use crate::model::env_name::EnvName;
use crate::model::environment::EnvironmentError;
use crate::model::options::ExportFormat;

/// A variable that a launch would set.
#[derive(Clone, Copy)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    pub entry: Entry<'a>,
}

/// The entry of a variable, for messages.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    Value(&'a Subject),
    /// A file, whose path the variable has.
    File(&'a Origin),
}

impl<'a> Variable<'a> {
    /// The value as text, if it is UTF-8.
    pub fn utf8(self) -> Option<&'a str> {
        str::from_utf8(self.value).ok()
    }

    pub fn subject(self) -> Subject {
        match self.entry {
            Entry::Value(subject) => subject.clone(),
            Entry::File(origin) => Subject {
                label: self.name.to_string(),
                origin: origin.clone(),
                kind: SubjectKind::Entry,
                written: None,
            },
        }
    }
}

/// A variable that cannot be exported.
#[derive(Debug, PartialEq)]
pub struct ExportError {
    pub subject: Subject,
    pub problem: ExportProblem,
}

#[derive(Debug, PartialEq)]
pub enum ExportProblem {
    /// The variable has the path of a file in memory, which ends with the process that made it.
    FileInMemory,
    /// No launch could set the variable.
    Environment(EnvironmentError),
    /// The format cannot hold the value.
    Unfit(ExportFormat, Unfit),
}

/// The reason why a format cannot hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    NotUtf8,
    /// A name that every shell keeps for a number, with another value.
    NotANumber,
    /// `${`, which python-dotenv expands in any quotes.
    Expanded,
    /// No quotes give the same value in both readers.
    NoCommonQuotes,
    LineFeed,
    /// A carriage return at the end, which counts as part of the line's end.
    FinalCarriageReturn,
    /// A line that is too long. Both lengths are in bytes, of `NAME=value`.
    TooLong {
        length: usize,
        limit: usize,
    },
}
