//! All that `check` has found, for its table and for its JSON.

use std::path::PathBuf;
use std::time::SystemTime;

use super::overrides::Override;
use super::row::Row;
use crate::exec::{Program, ProgramError};
use crate::model::answer::DescribedSecret;
use crate::model::command_line::CommandLine;

/// The result of `check`.
#[derive(Debug)]
pub struct Findings {
    pub source: CheckedSource,
    pub rows: Vec<Row>,
    pub overrides: Vec<Override>,
    /// With `-- COMMAND`.
    pub command: Option<CheckedCommand>,
    /// With `--describe`.
    pub secrets: Vec<DescribedSecret>,
    /// With `--cache`.
    pub has_cache: bool,
    /// The time from which ages are counted.
    pub now: SystemTime,
}

/// The backend that values were read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckedSource {
    Aws,
    Agent,
    Local,
    /// None, with `--offline` or wrong inputs.
    Nothing,
}

/// The command, and the file that would be executed.
#[derive(Debug)]
pub struct CheckedCommand {
    /// As written.
    pub name: String,
    pub found: Result<PathBuf, ProgramError>,
}

impl Findings {
    /// Returns the findings of wrong inputs: none.
    pub fn new(now: SystemTime) -> Self {
        let source = CheckedSource::Nothing;
        let (rows, overrides, secrets) = (Vec::new(), Vec::new(), Vec::new());
        Self { source, rows, overrides, command: None, secrets, has_cache: false, now }
    }
}

impl CheckedCommand {
    pub fn new(command: &CommandLine, found: &Result<Program, ProgramError>) -> Self {
        let found = found.as_ref().map(|program| program.as_path().to_owned()).map_err(Clone::clone);
        Self { name: command.program().to_string_lossy().into_owned(), found }
    }
}
