//! Errors of exporting a variable.

use crate::model::entry::Subject;
use crate::model::environment::EnvironmentError;
use crate::model::options::ExportFormat;

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
