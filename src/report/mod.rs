//! Renders failures as lines with hints and an exit status, and prints them: no other module words or prints a message.
//!
//! Each `*_errors` file words the errors of one stage or type as labelled lines; `failure` combines them, and `terminal` prints.
//! `notices` has the other lines: warnings and waits; `provenance` those of `--verbose`; `rotation` those of supervision.

pub mod cache;
pub mod check;
mod credential_errors;
mod deliver_errors;
mod env_file;
mod exec_errors;
mod exit_status;
mod extract_errors;
mod failure;
mod fetch_errors;
mod input_errors;
mod line;
mod notices;
mod provenance;
mod reference_errors;
mod resolve_errors;
pub mod rotation;
pub mod terminal;
mod usage_errors;

pub use credential_errors::CredentialFailure;
pub use deliver_errors::export::{reserved_names, unwritten_files};
pub use env_file::env_file_notices;
pub use exit_status::{BUG, TEMPORARY};
pub use failure::Failure;
pub use line::Line;
use line::SUMMARY;
pub use notices::{
    bug, disk_notice, interrupted, local_notice, not_described, overdue, policy_notice, progress, resolution_time,
    scheme_warnings, trace, unreachable_file, waiting,
};
pub use provenance::provenance;

use crate::model::environment::EnvironmentError;
use crate::model::plan::Plan;
use crate::resolve::ResolveError;

/// The failures of a launch; empty if the command can run.
#[derive(Debug, Default)]
pub struct Report {
    failures: Vec<Failure>,
    conclusion: Option<Conclusion>,
}

/// The last line, if a value is among the failures.
#[derive(Debug)]
struct Conclusion {
    /// The failure of values that are not resolved.
    unresolved: &'static str,
    /// For example `node was not started`.
    consequence: String,
}

/// A report as it is printed.
#[derive(Debug)]
pub struct Rendered {
    pub lines: Vec<Line>,
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
    /// Creates the report of values that could not be read or that no environment can hold, with what follows from it and from
    /// every other value in the report.
    pub fn of_values(
        errors: Vec<ResolveError>,
        unusable: Vec<EnvironmentError>,
        plan: &Plan,
        consequence: impl Into<String>,
    ) -> Self {
        let resolve = (!errors.is_empty()).then(|| Self::unresolved(errors, plan));
        let failures = resolve.into_iter().chain(unusable.into_iter().map(Failure::Environment)).collect();
        let conclusion = Conclusion { unresolved: "could not be read", consequence: consequence.into() };
        Self { failures, conclusion: Some(conclusion) }
    }

    /// Creates the same report of a poll, from which nothing follows.
    pub fn of_poll(errors: Vec<ResolveError>, unusable: Vec<EnvironmentError>, plan: &Plan) -> Self {
        Self { conclusion: None, ..Self::of_values(errors, unusable, plan, String::new()) }
    }

    /// Creates the report of values that the backend can never read, known without any request.
    pub fn of_unsupported(errors: Vec<ResolveError>, plan: &Plan, consequence: impl Into<String>) -> Self {
        let resolve = (!errors.is_empty()).then(|| Self::unresolved(errors, plan));
        let conclusion = Conclusion { unresolved: "cannot be read", consequence: consequence.into() };
        Self { failures: resolve.into_iter().collect(), conclusion: Some(conclusion) }
    }

    fn unresolved(errors: Vec<ResolveError>, plan: &Plan) -> Failure {
        Failure::Resolve(errors, plan.aliases().names().map(str::to_owned).collect())
    }

    /// Adds the errors of one kind.
    pub fn extend<E>(&mut self, errors: impl IntoIterator<Item = E>, failure: fn(E) -> Failure) {
        self.failures.extend(errors.into_iter().map(failure));
    }

    /// Returns the value of `result`, or adds its errors.
    pub fn value_of<T, E>(&mut self, result: Result<T, Vec<E>>, failure: fn(E) -> Failure) -> Option<T> {
        result.map_err(|errors| self.extend(errors, failure)).ok()
    }

    /// Adds another report, whose conclusion becomes that of both.
    pub fn append(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.conclusion = other.conclusion.or(self.conclusion.take());
    }

    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    /// # Errors
    /// The report itself, unless it is empty.
    pub fn check(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Returns the lines, and the highest exit status of all failures.
    pub fn render(&self) -> Rendered {
        let exit_status = self.failures.iter().map(Failure::status).max().unwrap_or(BUG);
        let conclusion = self.conclusion.iter().filter_map(|conclusion| self.conclude(conclusion));
        let lines = failure::lines(&self.failures).into_iter().chain(conclusion).collect();
        Rendered { lines, exit_status }
    }

    fn conclude(&self, Conclusion { unresolved, consequence }: &Conclusion) -> Option<Line> {
        let unread: usize = self.failures.iter().map(Failure::unresolved_values).sum();
        let undelivered = self.failures.iter().filter(|failure| failure.is_undelivered_value()).count();
        let values = match unread + undelivered {
            0 => return None,
            1 => "1 value".to_owned(),
            count => format!("{count} values"),
        };
        let what = match (unread, undelivered) {
            (_, 0) => (*unresolved).to_owned(),
            (0, _) => "cannot be delivered".to_owned(),
            (_, _) => format!("{unresolved} or delivered"),
        };
        Some(Line::error(format!("{values} {what}: {consequence}")).event(SUMMARY))
    }
}
