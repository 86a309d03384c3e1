//! Turns problems into records, and prints them as lines for people or as JSON objects:
//!
//! ```text
//! problems ── records: grouped by reason ─▶┐          ┌─▶ lines ───┐
//!                                          ├─▶ Record ┤            ├─▶ standard error
//! facts ───── warnings, notes, … ─────────▶┘          └─▶ objects ─┘
//! ```
//!
//! A problem is worded where it was found (`model/message/problem`). A warning about entries is
//! made from problems, too, so that it is grouped like an error. Other warnings and notes become
//! records in the step that finds something to say (`model/message/record`). `layout` lays records
//! out, and only `terminal` prints.
//!
//! No record may contain the value of a secret.

pub mod account;
pub mod check_findings;
pub mod layout;
pub mod terminal;
mod warnings;

pub use crate::model::message::{Label, Record};
pub use warnings::*;

use crate::model::entry::EntryId;
use crate::model::message::{Problem, Status, Told, records};
use crate::model::outcome::{EntryOutcome, Outcomes};
use crate::system::lifecycle::interruptibly;

/// The problems that end a launch or a subcommand. A report without problems is a success, except
/// after a panic.
#[derive(Debug, Default)]
pub struct Report {
    /// Printed before the errors: warnings and notes or, after a panic, the error about the bug.
    pub notices: Vec<Record>,
    pub problems: Vec<Problem>,
    /// The last line of a report with several errors, such as
    /// `the command "node" was not started`.
    pub consequence: Option<String>,
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self::from([problem])
    }
}

impl<T: IntoIterator<Item = Problem>> From<T> for Report {
    fn from(problems: T) -> Self {
        Self {
            problems: problems.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Report {
    /// The report about values that couldn't be read or delivered.
    pub fn from_values(problems: Vec<(EntryId, Problem)>, consequence: &str) -> Self {
        // Only `check` needs the ids, for its table.
        let mut report = Self::from(problems.into_iter().map(|(_, problem)| problem));
        report.consequence = Some(consequence.to_owned());
        report
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The notices or, if there are problems, the report as an error.
    pub fn into_result(self) -> Result<Vec<Record>, Self> {
        if self.is_empty() {
            Ok(self.notices)
        } else {
            Err(self)
        }
    }

    /// Prints the report, and returns the exit status. A termination signal ends this process at
    /// any time, even while a long report is still being laid out.
    pub fn print(&self) -> u8 {
        let exit_status = self.exit_status();
        interruptibly(|| {
            terminal::print(terminal::Patience::Usual, self.notices.clone());
            terminal::print(
                terminal::Patience::Usual,
                self.records()
                    .into_iter()
                    .map(|record| record.with("status", exit_status)),
            );
        });
        exit_status
    }

    /// The errors and, if there are several, the consequence.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.errors();
        if records.len() > 1
            && let Some(consequence) = &self.consequence
        {
            records.push(Record::new(Label::Summary, consequence.clone()).event("summary"));
        }
        records
    }

    pub fn errors(&self) -> Vec<Record> {
        records(&self.problems)
    }

    /// The highest exit status among the problems. Without any, the status for a bug, because only
    /// the panic hook prints such a report.
    pub fn exit_status(&self) -> u8 {
        self.problems
            .iter()
            .filter_map(Problem::status)
            .max()
            .unwrap_or(Status::Bug) as u8
    }
}

/// The value, or `None` after the errors were added to `errors`.
pub fn value_or_add<T>(result: Result<T, Vec<Problem>>, errors: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| errors.extend(found)).ok()
}

/// Warns about entries that were resolved but are probably mistakes.
pub fn mistake_warnings(outcomes: &Outcomes) -> Vec<Record> {
    records(problems(&outcomes.list, Told::OnceRead))
}

/// Warns about values that are probably wrong, such as an empty password.
pub fn value_warnings<'a>(outcomes: impl IntoIterator<Item = &'a EntryOutcome>) -> Vec<Record> {
    records(problems(outcomes, Told::OnceUsed))
        .into_iter()
        .map(Record::naming_only_entry)
        .collect()
}

fn problems<'a>(
    outcomes: impl IntoIterator<Item = &'a EntryOutcome>,
    told: Told,
) -> impl Iterator<Item = &'a Problem> {
    outcomes
        .into_iter()
        .flat_map(|outcome| &outcome.findings)
        .filter(move |finding| finding.told == told)
        .map(|finding| &finding.problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entry::{Argument, Origin, Subject, SubjectKind, Written};
    use crate::model::message::{Cause, Circumstances, CredentialsFault, Denial, FetchError};
    use crate::model::reference::{Reference, Region};

    #[test]
    fn an_expired_token_is_reported_once_for_all_secrets_whatever_the_request_ids() {
        let failed = |(label, id): (&str, &str)| {
            let detail = format!("request id {id}");
            let cause = Cause::Denied(Denial::Credentials(CredentialsFault::Expired));
            let message = "ExpiredTokenException: expired (after 1 h)";
            let error = FetchError::from(cause).aws_says(message).detail(detail);
            let written = Some(Written::Reference(Reference::parse("db").unwrap().into()))
                .filter(|_| label == "A");
            let subject = Subject {
                label: label.into(),
                origin: Origin::Argument(Argument::Env),
                kind: SubjectKind::Entry,
                written,
            };
            let reference = if label == "C" { "other" } else { "db" };
            let reference = Reference::parse(reference)
                .unwrap()
                .locate(None, &Default::default());
            let error = error.in_region(Region::parse("us-east-1"));
            error.problem(&reference.unwrap(), &subject, &Circumstances::default())
        };
        let rendered = |failures: &[(&str, &str)]| {
            let failures = failures.iter().copied();
            Report::from(failures.map(failed))
                .errors()
                .into_iter()
                .map(Record::into_parts)
                .map(|error| (error.message, error.entries))
                .collect::<Vec<_>>()
        };
        let entries = |entries: [&str; 2]| entries.map(str::to_owned).to_vec();
        let denied = |secret: &str| format!("access to {secret} was denied");
        assert_eq!(
            rendered(&[("A", "1"), ("B", "2")]),
            [(
                denied("the secret \"db\""),
                entries(["A (--env, db)", "B (--env)"])
            )]
        );
        assert_eq!(
            rendered(&[("A", "1"), ("C", "2")]),
            [(
                denied("2 secrets"),
                entries(["A (--env, db)", "C (--env): the secret \"other\""])
            )]
        );
    }
}
