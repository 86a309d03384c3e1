//! Renders problems as records and an exit status, and prints them.
//!
//! A record keeps its message, entries, notes and remedies apart until `layout` makes lines or JSON of it, which `terminal` prints.
//! `notices` has the records of warnings and waits; `provenance` those of `--verbose`; `rotation` those of supervision.

pub mod cache;
pub mod check;
pub mod export;
pub mod github;
pub mod layout;
mod notices;
mod provenance;
mod record;
pub mod rotation;
pub mod terminal;

pub use notices::{
    bug, disk_notices, empty_values, interrupted, local_notice, overdue, plain_templates, trace,
    unexpanded, unexpanded_arguments, waiting,
};
pub use provenance::{provenance, secret_notes, total_note};
pub use record::{Label, Record};

use std::collections::{BTreeMap, BTreeSet};

use crate::model::plan::EntryId;
use crate::model::problem::{Impact, Problem, Status};
use crate::system::waiting::interruptibly;

/// The problems of a launch; empty if the command can run.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    /// The consequence of missing values, for the last line: `the command "node" was not started`.
    consequence: Option<String>,
}

impl FromIterator<Problem> for Report {
    fn from_iter<T: IntoIterator<Item = Problem>>(problems: T) -> Self {
        Self {
            problems: problems.into_iter().collect(),
            consequence: None,
        }
    }
}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self::from_iter([problem])
    }
}

impl Extend<Problem> for Report {
    fn extend<T: IntoIterator<Item = Problem>>(&mut self, problems: T) {
        self.problems.extend(problems);
    }
}

impl Report {
    /// Creates the report of values that could not be read or delivered, with what follows from them and from every other value in it.
    pub fn of_values(
        problems: impl IntoIterator<Item = (EntryId, Problem)>,
        consequence: impl Into<String>,
    ) -> Self {
        let problems = problems.into_iter().map(|(_, problem)| problem);
        Self {
            problems: problems.collect(),
            consequence: Some(consequence.into()),
        }
    }

    /// Returns the value of `result`, or adds its errors.
    pub fn value_of<T>(&mut self, result: Result<T, Vec<Problem>>) -> Option<T> {
        result.map_err(|problems| self.extend(problems)).ok()
    }

    /// Adds another report, whose consequence becomes that of both.
    pub fn append(&mut self, other: Self) {
        self.extend(other.problems);
        self.consequence = other.consequence.or(self.consequence.take());
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// # Errors
    /// The report itself, unless it is empty.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Prints the errors and the summary, and returns the exit status, which the records have in JSON. A termination signal ends this
    /// process even while the text of a long report is still being made.
    pub fn print(&self) -> u8 {
        let exit_status = self.exit_status();
        interruptibly(|| {
            let records = self.records().into_iter();
            terminal::print(records.map(|record| record.with("status", exit_status)));
        });
        exit_status
    }

    /// Returns the errors and, after several errors, the summary.
    pub fn records(&self) -> Vec<Record> {
        let mut records = self.errors();
        if records.len() > 1 {
            records.extend(self.summary());
        }
        records
    }

    /// Returns a record for each reason. Entries that share a reason share its record.
    pub fn errors(&self) -> Vec<Record> {
        let groups = self.groups();
        groups
            .iter()
            .filter_map(|group| error_record(group))
            .collect()
    }

    /// Returns the problems of each record, in the order of the first of them. A problem without a group has a record of its own.
    fn groups(&self) -> Vec<Vec<&Problem>> {
        let mut groups: Vec<Vec<&Problem>> = Vec::new();
        let mut positions = BTreeMap::new();
        for problem in &self.problems {
            let next = groups.len();
            let position = match problem.group() {
                Some(group) => *positions.entry(group).or_insert(next),
                None => next,
            };
            if position == next {
                groups.push(Vec::new());
            }
            groups[position].push(problem);
        }
        groups
    }

    /// Returns the highest exit status of all problems.
    pub fn exit_status(&self) -> u8 {
        let status = self.problems.iter().map(|problem| problem.status).max();
        status.unwrap_or(Status::Bug) as u8
    }

    /// Returns the consequence with the number of missing values; `None` if no value is missing.
    fn summary(&self) -> Option<Record> {
        let consequence = self.consequence.as_ref()?;
        let unread = self.count_entries(Impact::Unread);
        let mismatched = self.count_entries(Impact::Mismatched);
        let undelivered = self.count_entries(Impact::Undelivered);
        let values = |count, one, several| match count {
            0 => None,
            1 => Some(format!("1 value {one}")),
            _ => Some(format!("{count} values {several}")),
        };
        let reasons = [
            values(unread, "is missing", "are missing"),
            values(
                mismatched,
                "doesn't match its pattern",
                "don't match their patterns",
            ),
            values(undelivered, "can't be delivered", "can't be delivered"),
        ];
        let reasons = Vec::from_iter(reasons.into_iter().flatten()).join(" and ");
        (!reasons.is_empty()).then(|| Record::summary(format!("{consequence}, because {reasons}")))
    }

    /// Returns the number of different entries: a template may lack several secrets.
    fn count_entries(&self, impact: Impact) -> usize {
        let problems = self
            .problems
            .iter()
            .filter(|problem| problem.impact == impact);
        problems
            .flat_map(|problem| &problem.entries)
            .collect::<BTreeSet<_>>()
            .len()
    }
}

/// Returns the record of problems that share their reason; `None` without a problem.
fn error_record(problems: &[&Problem]) -> Option<Record> {
    let first = *problems.first()?;
    let secrets: BTreeSet<&str> = problems
        .iter()
        .filter_map(|problem| Some(problem.about.as_ref()?.name.as_str()))
        .collect();

    let mut variables = Vec::new();
    let mut entries = Vec::new();
    for problem in problems {
        for entry in &problem.entries {
            variables.push(entry.label.as_str());
            let entry = entry.to_string();
            // The headline or the reference may name the secret already.
            entries.push(match &problem.about {
                Some(about)
                    if (secrets.len() > 1 || about.before.is_none())
                        && !entry.contains(&about.id) =>
                {
                    format!("{entry}: {}", about.name)
                }
                Some(_) | None => entry,
            });
        }
    }

    let first = &with_all_missing_keys(first, problems);
    let about = first.about.as_ref();
    let headline = match about {
        Some(about) if secrets.len() > 1 => {
            first.headline(&format!("{} {}", secrets.len(), about.plural))
        }
        Some(_) | None => first.full_headline(),
    };
    let secret = about
        .filter(|_| secrets.len() == 1)
        .map(|about| about.id.as_str());
    let record = Record::error(headline)
        .with_some("variables", (!variables.is_empty()).then_some(variables))
        .with_some("secret", secret);
    let aws_says = first.aws_says.as_ref();
    Some(Record {
        entries,
        notes: first.notes.clone(),
        aws_says: aws_says.map(|text| format!("{text}{}", first.detail)),
        help: first.help.clone(),
        ..record
    })
}

/// Returns the first problem with the missing keys of all of them in its headline: the remedy is then the list of the existing keys.
fn with_all_missing_keys(first: &Problem, problems: &[&Problem]) -> Problem {
    let missing = problems
        .iter()
        .filter_map(|problem| problem.missing_key.as_ref());
    let keys: BTreeSet<String> = missing
        .map(|missing| format!("{:?}", missing.key))
        .collect();
    let mut problem = first.clone();
    if let (Some(missing), true) = (&first.missing_key, keys.len() > 1) {
        let keys = Vec::from_iter(keys).join(", ");
        problem.text = format!("does not have the keys {keys}");
        problem.help = Some(missing.existing_keys.clone());
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::{CredentialsFault, Denial, FetchError, FetchFailure, Reason};
    use crate::model::entry::{Origin, Subject, SubjectKind, Written};
    use crate::model::reference::{Aliases, Reference, Region};

    #[test]
    fn an_expired_token_is_reported_once_for_all_secrets_whatever_the_request_ids() {
        let failed = |(label, id): (&str, &str)| {
            let detail = format!(" (request id {id})");
            let message = Reason {
                text: "ExpiredTokenException: expired (after 1 h)".to_owned(),
                detail,
            };
            let error = FetchError::Denied {
                message,
                cause: Denial::Credentials(CredentialsFault::Expired),
                identity: None,
            };
            let written = Some(Written::Reference("db".to_owned())).filter(|_| label == "A");
            let subject = Subject {
                label: label.to_owned(),
                origin: Origin::Argument("--env"),
                kind: SubjectKind::Entry,
                written,
            };
            let reference = if label == "C" { "other" } else { "db" };
            let reference = Reference::parse(reference)
                .unwrap()
                .locate(&Aliases::default(), &Default::default());
            let failure = FetchFailure::new(Region::parse("us-east-1"), error);
            failure.problem(&reference.unwrap(), &subject, &Aliases::default())
        };
        let rendered = |failures: &[(&str, &str)]| {
            let report: Report = failures.iter().copied().map(failed).collect();
            report
                .errors()
                .into_iter()
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
