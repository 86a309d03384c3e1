//! Errors of exporting a variable.

use crate::model::entry::Subject;
use crate::model::options::ExportFormat;

/// A variable that cannot be exported.
#[derive(Debug, PartialEq, Eq)]
pub struct ExportError {
    pub subject: Subject,
    pub problem: ExportProblem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportProblem {
    /// The variable has the path of a file in memory, which ends with the process that made it.
    FileInMemory,
    /// The format cannot hold the value.
    Unfit(ExportFormat, Unfit),
}

/// The reason why a format cannot hold a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    NotUtf8,
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
