//! Failures to lines on standard error, with hints, and to an exit status. Only here is text punctuated and printed.

mod declaring;
mod delivering;
mod exit_status;
mod extracting;
mod failure;
mod fetch_errors;
mod fetching;
mod notices;
mod references;
mod starting;
pub mod terminal;
mod usage;

pub use exit_status::{BUG, TEMPORARY};
pub use failure::Failure;
pub use notices::{bug, disk_notice, local_notice, overdue, provenance, waiting};

use crate::model::command_line::CommandLine;
use crate::model::environment::EnvironmentError;
use crate::model::plan::Plan;
use crate::resolve::ResolveError;

/// Every reason why the command does not run; empty while there is none.
#[derive(Debug, Default)]
pub struct Report {
    failures: Vec<Failure>,
    /// The last line: the consequence.
    conclusion: Option<String>,
}

/// A report as it is printed.
#[derive(Debug)]
pub struct Rendered {
    pub lines: Vec<String>,
    pub exit_status: u8,
}

impl FromIterator<Failure> for Report {
    fn from_iter<T: IntoIterator<Item = Failure>>(failures: T) -> Self {
        Self { failures: failures.into_iter().collect(), conclusion: None }
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self::from_iter([failure])
    }
}

impl Report {
    /// The report of values that are missing or that no environment can hold.
    pub fn of_values(
        errors: Vec<ResolveError>,
        unusable: Vec<EnvironmentError>,
        plan: &Plan,
        command: &CommandLine,
    ) -> Self {
        let missing = match errors.len() + unusable.len() {
            0 => return Self::default(),
            1 => "1 value is missing".to_owned(),
            count => format!("{count} values are missing"),
        };
        let conclusion = format!("{missing}: {} was not started", command.program().to_string_lossy());
        let aliases = plan.aliases().names().map(str::to_owned).collect();
        let resolve = (!errors.is_empty()).then_some(Failure::Resolve(errors, aliases));
        let failures = resolve.into_iter().chain(unusable.into_iter().map(Failure::Environment)).collect();
        Self { failures, conclusion: Some(conclusion) }
    }

    /// Adds the errors of one kind.
    pub fn extend<E>(&mut self, errors: impl IntoIterator<Item = E>, failure: fn(E) -> Failure) {
        self.failures.extend(errors.into_iter().map(failure));
    }

    /// Returns the value of `result`, or adds its errors.
    pub fn value_of<T, E>(&mut self, result: Result<T, Vec<E>>, failure: fn(E) -> Failure) -> Option<T> {
        result.map_err(|errors| self.extend(errors, failure)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// # Errors
    /// The report itself, unless it is empty.
    pub fn check(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The lines, and the highest exit status of all failures.
    pub fn render(self) -> Rendered {
        let exit_status = self.failures.iter().map(Failure::status).max().unwrap_or(BUG);
        let lines = self.failures.iter().flat_map(Failure::lines).chain(self.conclusion).collect();
        Rendered { lines, exit_status }
    }
}
