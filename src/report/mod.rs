//! Turns problems into records, and prints them.
//!
//! What goes in are problems and records from all steps, and facts about a launch. What comes out
//! are lines for people or JSON objects, and an exit status:
//!
//! ```text
//! problems ── Report: grouped by reason ──▶┐          ┌─▶ lines ───┐
//!                                          ├─▶ Record ┤            ├─▶ standard error
//! facts ───── warnings, notes, … ─────────▶┘          └─▶ objects ─┘
//! ```
//!
//! These words have a fixed meaning:
//!
//! - A *problem* is an error, worded where it was found (`model/problem`). A warning about entries
//!   is made from problems, too, so that it is grouped like an error.
//! - A *report* has the problems that end a launch or a subcommand.
//! - A *record* is everything that is printed about one thing: an error, a warning or a note.
//! - A *notice* is a record that isn't an error. `--quiet` hides notes, and `-qq` all notices.
//! - *Findings* are the results of `check`, which are printed on standard output.
//!
//! Most warnings and notes come as records from the step that has found something to say
//! (`model/record`). `layout` lays records out, and only `terminal` prints.
//!
//! No record may contain the value of a secret.

pub mod account;
pub mod check_findings;
pub mod layout;
pub mod terminal;
mod value_warnings;
mod warnings;

pub use crate::model::record::{Label, Record};
pub use warnings::*;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

use crate::model::answer::as_sentences;
use crate::model::entry::{EntryId, SubjectKind};
use crate::model::outcome::{EntryOutcome, Made, Outcomes};
use crate::model::problem::{About, MissingKey, Problem, ReasonScope, grouped};
use crate::model::shown::{shown, some_of};
use crate::system::lifecycle::interruptibly;
use value_warnings::value_problems;

/// The problems that end a launch or a subcommand. A report without problems means that nothing
/// went wrong, except after a panic.
#[derive(Debug, Default)]
pub struct Report {
    /// The records to print before the errors: warnings and notes or, after a panic, the error
    /// about the bug.
    pub notices: Vec<Record>,
    pub problems: Vec<Problem>,
    /// The last line about several errors, which is the consequence of missing values: `the command
    /// "node" was not started`.
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
    /// Creates the report about values that could not be read or delivered.
    pub fn from_values(problems: Vec<(EntryId, Problem)>, consequence: &str) -> Self {
        // Only `check` needs the ids, for its table.
        let mut report = Self::from(problems.into_iter().map(|(_, problem)| problem));
        report.consequence = Some(consequence.to_owned());
        report
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Turns the report into a result, so that a caller can leave with `?`. Returns the notices.
    ///
    /// # Errors
    /// If the report has problems.
    pub fn into_result(self) -> Result<Vec<Record>, Self> {
        if self.is_empty() {
            Ok(self.notices)
        } else {
            Err(self)
        }
    }

    /// Prints the notices, the errors and the last line, and returns the exit status. Waits while
    /// the reader of standard error isn't reading. A termination signal ends this process even
    /// while the text of a long report is still being made.
    pub fn print(&self) -> u8 {
        let exit_status = self.exit_status();
        interruptibly(|| {
            terminal::print(self.notices.clone());
            terminal::print(
                self.records()
                    .into_iter()
                    .map(|record| record.with("status", exit_status)),
            );
        });
        exit_status
    }

    /// The errors and, if there are several, the last line of the report: the consequence.
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
        self.by_reason(Label::Error)
    }

    /// A record for each problem. Problems with the same reason share one record, which lists all
    /// their entries.
    pub fn by_reason(&self, label: Label) -> Vec<Record> {
        // A problem without a group key gets a record of its own, because its position in the list,
        // which is unique, is its key.
        let groups = grouped(
            self.problems
                .iter()
                .enumerate()
                .map(|(at, problem)| (problem.group_key().ok_or(at), problem)),
        );

        let mut records = Vec::new();
        let mut is_note_added = false;
        for (_, problems) in groups {
            let mut record = common_record(label, &problems);
            if !is_note_added && problems.iter().any(|problem| problem.has_sent_hidden_name) {
                record.notes.push(SENT_NOTE.to_owned());
                is_note_added = true;
            }
            records.push(record);
        }
        records
    }

    /// The highest exit status of the problems. Without a problem, this is the status for a bug,
    /// because only the panic hook prints such a report.
    pub fn exit_status(&self) -> u8 {
        self.problems
            .iter()
            .map(|problem| problem.status)
            .max()
            .unwrap_or_default() as u8
    }
}

/// The warnings about entries that were resolved, but that are probably mistakes.
pub fn mistake_warnings(outcomes: &Outcomes) -> Vec<Record> {
    let warnings = &outcomes.warnings;
    Report::from(warnings.iter().map(|warning| warning.problem.clone())).by_reason(Label::Warning)
}

/// Makes a warning for each kind of [`Remark`](crate::model::remark::Remark), with the entries
/// whose values have this remark.
pub fn value_warnings<'a>(
    values: impl IntoIterator<Item = (&'a EntryOutcome, &'a Made)>,
) -> Vec<Record> {
    let mut records = Report::from(value_problems(values)).by_reason(Label::Warning);
    for record in &mut records {
        if let [entry] = record.entries.as_slice() {
            record.message += &format!(" for {entry}");
            let entries = take(&mut record.entries);
            record.json_members.push(("entries", entries.into()));
        }
    }
    records
}

const SENT_NOTE: &str = "a name that isn't shown in full may be a password. If it is, change the password: secrets-exec has already sent it to AWS";

/// The record about problems with the same reason. `problems` isn't empty.
fn common_record(label: Label, problems: &[&Problem]) -> Record {
    // The notes are those of the first problem. So are the headline and the help, unless several
    // keys are missing: then both are about all of these keys.
    let common = with_all_missing_keys(problems[0], problems);
    let secrets: BTreeSet<_> = problems
        .iter()
        .filter_map(|problem| Some(problem.about.as_ref()?.key()))
        .collect();

    let mut lines = Vec::new();
    for problem in problems {
        for entry in &problem.entries {
            let mut line = entry.to_string();
            if let Some(part) = &problem.part {
                line = format!("{part} in {line}");
            }
            // The line names the secret, unless the headline or the entry's reference already does.
            if let Some(about) = &problem.about
                && (secrets.len() > 1
                    || (about.scope == ReasonScope::AnySecret && common.several.is_none()))
                && entry
                    .written_reference()
                    .is_none_or(|written| written.secret != about.locator.written_id())
            {
                line += &format!(": {}", about.name);
            }
            lines.push((entry, line));
        }
    }
    // Problems of an entry that are about the same secret share a line.
    lines.dedup();
    // An entry with a template can have several lines, but its variable is listed only once.
    let mut variables = Vec::new();
    for (entry, _) in &lines {
        if entry.kind != SubjectKind::Section {
            variables.push(&*entry.label);
        }
    }
    variables.dedup();

    let mut secret = None;
    let mut headline = common.text;
    if let Some(about) = &common.about {
        if secrets.len() == 1 {
            secret = Some(about.locator.shown_id());
        } else if let Some((before, after)) = &common.several {
            let count = secrets.len();
            headline = format!("{before}{count} {}s{after}", about.locator.store);
        }
    }

    let mut record = Record::new(label, headline);
    if !variables.is_empty() {
        record = record.with("variables", variables);
    }
    record = record.with_some("secret", secret);
    let entries: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    if common.names_entry && entries.len() == 1 {
        record = record.with("entries", entries);
    } else {
        record.entries = entries;
    }
    record.aws_says = common.aws_says;
    record.notes = common.notes;
    record.help = common.help;
    record.is_abridged = common.is_general;
    record
}

/// The first problem. If several keys are missing from a secret, its headline names the first of
/// them, and its help names the similar keys and the first keys that exist.
fn with_all_missing_keys(first: &Problem, problems: &[&Problem]) -> Problem {
    let missing_keys: BTreeMap<_, _> = problems
        .iter()
        .flat_map(|problem| &problem.missing_key)
        .map(|missing| (&missing.key, missing))
        .collect();
    let mut problem = first.clone();
    if missing_keys.len() > 1
        && let Some(MissingKey { existing_keys, .. }) = first.missing_key.as_deref()
        && let Some(About { name, .. }) = first.about.as_deref()
    {
        let mut keys = Vec::new();
        let mut similar = Vec::new();
        for missing in missing_keys.values() {
            keys.push(format!("{:?}", shown(&missing.key)));
            let name = missing.similar.as_ref().map(|key| format!("{key:?}"));
            similar.extend(name.filter(|name| !similar.contains(name)));
        }
        problem.text = format!("{name} doesn't have these keys: {}", some_of(&keys));
        problem.help = Some(if similar.is_empty() {
            existing_keys.clone()
        } else {
            let question = format!("did you mean {}?", some_of(&similar));
            as_sentences(&question, existing_keys)
        });
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::{Cause, CredentialsFault, Denial, FetchError, FetchFailure};
    use crate::model::entry::{Argument, Origin, Subject, Written};
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
            let failure = FetchFailure::new(Region::parse("us-east-1"), error);
            failure.problem(&reference.unwrap(), &subject)
        };
        let rendered = |failures: &[(&str, &str)]| {
            let failures = failures.iter().copied();
            Report::from(failures.map(failed))
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
