//! The outcomes of a plan: for each entry a value, an absence, a failure, or the entry that
//! overrides it. The environment, the files, and everything that secrets-exec prints about values
//! are made from this list.
//!
//! A value that the kernel would refuse is found here, before execve, so that the error can name
//! the variable.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::{Answers, Caller, DescribedSecret, SecretValue};
use super::entry::{Entry, EntryId, FileTarget, Holder, Subject, Target};
use super::environment::{EnvName, Limits};
use super::fault::UTF8_HELP;
use super::plan::{Overridden, Plan, Planned};
use super::problem::Problem;
use super::record::Record;
use super::reference::{Locator, SecretRef};
use super::remark::{Remarks, is_utf16_text};

/// An entry, or a key of an `env-from` entry, and its outcome.
#[derive(Debug)]
pub struct EntryOutcome {
    /// The id, which is unique, unlike `subject`.
    pub id: EntryId,
    /// The target of the entry or, for a key of `env-from`, the variable of the key.
    pub target: Target,
    pub subject: Subject,
    /// The secrets that the value is made of. They are listed even if the value is missing.
    pub reads: Vec<SecretRef>,
    /// True if the command inherits the variable of the entry, which stays if the entry is absent.
    pub is_inherited: bool,
    pub result: Outcome,
}

/// A value, and what is known about its making.
#[derive(Debug, Default)]
pub struct Made {
    pub value: SecretValue,
    /// The texts of secrets that are parts of the value, or that the value encodes. `export` masks
    /// most of them in logs, in addition to the value itself.
    pub parts: Vec<SecretValue>,
    /// The remarks on the value. A literal, a default and a value that matches a `pattern` have
    /// none, because they have the form that the user wants.
    pub remarks: Remarks,
    /// What each lookup in the value lacks, in the order of the lookups.
    pub lookups: Vec<Lack>,
    /// For the text of `default`, the empty variable that should name a secret. `None` if the
    /// secret or key doesn't exist.
    pub empty_variable: Option<String>,
    /// `JSON object` or `JSON array` for a key of `env-from` with such a value, from which a program
    /// may expect several variables.
    pub json_kind: Option<&'static str>,
}

/// What the text of a lookup lacks. The order of the fields is that of their weight: a blank text is
/// a greater lack than a default, and no lack is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lack {
    /// True if the text is empty or blank, and no `pattern` has accepted it.
    pub is_blank: bool,
    /// True if the text is that of the filter `default`.
    pub is_default: bool,
}

#[derive(Debug)]
pub enum Outcome {
    Value(Made),
    /// The value is the text of `default`.
    Default(Made),
    /// The entry sets nothing: it is optional and its value is absent. The entry of an earlier layer
    /// that sets the target instead, if there is one.
    Absent(Option<Subject>),
    /// The object of `env-from` was read, and its keys have outcomes of their own.
    Keys,
    Overridden(Holder),
    /// A value that the entry needs hasn't been requested, and no error is known.
    Unread,
    Failed(Vec<Problem>),
}

#[derive(Clone, Copy, Debug)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    pub subject: &'a Subject,
}

#[derive(Clone, Copy, Debug)]
pub struct FileValue<'a> {
    /// The id of the outcome that has the content.
    pub id: EntryId,
    pub target: &'a FileTarget,
    pub value: &'a SecretValue,
    pub subject: &'a Subject,
}

/// The outcomes of all entries of a plan. An `env-from` object has an outcome of its own, after
/// those of its keys.
///
/// The entries that are overridden before anything is read come first, and the others follow in the
/// order of precedence. Each variable and each path has at most one value.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub list: Vec<EntryOutcome>,
    /// The probable mistakes in entries that could be resolved.
    pub warnings: Vec<Warning>,
}

/// A warning about an entry, or a key of an `env-from` entry, that could be resolved, but that is
/// probably a mistake.
#[derive(Debug)]
pub struct Warning {
    /// The id of the outcome.
    pub id: EntryId,
    pub problem: Problem,
    /// The words after the status in the table of `check`.
    pub note: &'static str,
}

impl From<SecretValue> for Made {
    fn from(value: SecretValue) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

impl EntryOutcome {
    /// A warning about this outcome. `text` is a sentence without the subject, whose name follows
    /// it.
    pub fn warning(&self, text: impl Into<String>, note: &'static str) -> Warning {
        let problem = Problem::configuration(text);
        Warning {
            id: self.id,
            problem: problem.for_entry(self.subject.clone()),
            note,
        }
    }

    /// Creates the outcome of an entry that isn't overridden in the plan.
    pub fn new(entry: &Planned, result: Outcome) -> Self {
        let reads = entry.source.references().into_iter().cloned().collect();
        Self::with_reads(entry, reads, result)
    }

    /// Creates the outcome of an entry that is overridden in the plan, and so reads nothing.
    pub fn overridden((entry, holder): &Overridden) -> Self {
        Self::with_reads(entry, Vec::new(), Outcome::Overridden(holder.clone()))
    }

    fn with_reads<R>(entry: &Entry<R>, reads: Vec<SecretRef>, result: Outcome) -> Self {
        Self {
            id: entry.id,
            target: entry.target.clone(),
            subject: entry.subject.clone(),
            reads,
            is_inherited: false,
            result,
        }
    }

    /// The value of the entry, or the text of its `default`.
    pub fn made(&self) -> Option<&Made> {
        let (Outcome::Value(made) | Outcome::Default(made)) = &self.result else {
            return None;
        };
        Some(made)
    }

    /// The variable, if the entry sets one to a value. `None` for a file, even if a variable gets
    /// its path.
    pub fn variable(&self) -> Option<Variable<'_>> {
        let Target::Env(name) = &self.target else {
            return None;
        };
        Some(Variable {
            name,
            value: self.made()?.value.expose(),
            subject: &self.subject,
        })
    }

    /// The file, if the entry writes one with a value.
    pub fn file(&self) -> Option<FileValue<'_>> {
        let Target::File(target) = &self.target else {
            return None;
        };
        Some(FileValue {
            id: self.id,
            target,
            value: &self.made()?.value,
            subject: &self.subject,
        })
    }

    /// True if the entry sets its target, or would set it if its value could be made.
    pub fn holds_target(&self) -> bool {
        !matches!(self.result, Outcome::Absent(_) | Outcome::Overridden(_))
    }

    pub fn is_default(&self) -> bool {
        matches!(self.result, Outcome::Default(_))
    }

    /// True if the document of each reference was read.
    pub fn has_documents(&self, fetched: &Answers) -> bool {
        self.reads
            .iter()
            .all(|read| matches!(fetched.get(&read.locator), Some(Ok(_))))
    }

    /// The references that the value was, or should have been, read from. A literal and the text
    /// of `default` have none.
    pub fn read_from(&self) -> &[SecretRef] {
        if self.is_default() { &[] } else { &self.reads }
    }
}

impl Outcomes {
    /// The names of the variables that this launch sets.
    pub fn set_names(&self) -> BTreeSet<&str> {
        self.list
            .iter()
            .filter(|outcome| outcome.holds_target())
            .filter_map(|outcome| outcome.target.variable())
            .map(EnvName::as_str)
            .collect()
    }

    /// The outcomes of a plan before anything is read: one for each entry.
    pub fn unread(plan: &Plan) -> Self {
        let list = plan
            .entries
            .iter()
            .map(|entry| EntryOutcome::new(entry, Outcome::Unread))
            .chain(plan.overridden.iter().map(EntryOutcome::overridden))
            .collect();
        Self {
            list,
            ..Self::default()
        }
    }

    /// The outcomes that have a value, each with this value.
    pub fn values(&self) -> impl Iterator<Item = (&EntryOutcome, &Made)> {
        self.list
            .iter()
            .filter_map(|outcome| Some((outcome, outcome.made()?)))
    }

    /// The variables that get a value. A variable with the path of a file isn't among them.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        self.list.iter().filter_map(EntryOutcome::variable)
    }

    pub fn files(&self) -> impl Iterator<Item = FileValue<'_>> {
        self.list.iter().filter_map(EntryOutcome::file)
    }

    /// Every problem that makes a value missing, with the id of its outcome.
    pub fn problems(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for outcome in &self.list {
            if let Outcome::Failed(reasons) = &outcome.result {
                problems.extend(reasons.iter().map(|reason| (outcome.id, reason.clone())));
            }
        }
        problems
    }

    /// The locators that missing values need, and for which `fetched` has no document, because the
    /// request failed or wasn't sent.
    pub fn missing_documents(&self, fetched: &Answers) -> BTreeSet<Locator> {
        self.list
            .iter()
            .filter(|outcome| matches!(outcome.result, Outcome::Failed(_) | Outcome::Unread))
            .flat_map(|outcome| &outcome.reads)
            .filter(|read| !matches!(fetched.get(&read.locator), Some(Ok(_))))
            .map(|read| read.locator.clone())
            .collect()
    }

    /// The locators of each value that failed although all of its documents were read. A different
    /// version of one of these documents may have what the value needs.
    pub fn unsuitable_documents(&self, fetched: &Answers) -> BTreeSet<Locator> {
        let mut locators = BTreeSet::new();
        for outcome in &self.list {
            if matches!(outcome.result, Outcome::Failed(_)) && outcome.has_documents(fetched) {
                locators.extend(outcome.reads.iter().map(|read| read.locator.clone()));
            }
        }
        locators
    }
}

/// The values of a command, the answers that they were read from, and what is known about the
/// reading.
#[derive(Default)]
pub struct Values {
    pub outcomes: Outcomes,
    pub fetched: Answers,
    /// The time for reading the secrets.
    pub elapsed: Duration,
    /// The number of requests that were sent, including retries.
    pub requests: usize,
    /// The description of each secret, or why AWS didn't return one, for `check --metadata`.
    pub secrets: Vec<DescribedSecret>,
    /// The warnings about cache entries that couldn't be used, stored or removed.
    pub cache_warnings: Vec<Record>,
    /// The identity that AWS sees, for `check`. `None` if AWS wasn't asked.
    pub caller: Option<Caller>,
}

impl Values {
    /// The problems of the values that can't be read, and of the variables whose value can't be
    /// delivered, each with the id of its outcome.
    pub fn problems(&self, limits: Limits) -> Vec<(EntryId, Problem)> {
        let mut problems = self.outcomes.problems();
        for (outcome, _) in self.outcomes.values() {
            if let Some(variable) = outcome.variable() {
                let problem = variable_problem(variable, limits);
                problems.extend(problem.map(|problem| (outcome.id, problem)));
            }
        }
        problems
    }
}

/// The problem of a variable whose value the environment can't have, because the value contains a
/// NUL byte or is too long. `None` for any other value.
pub fn variable_problem(variable: Variable<'_>, limits: Limits) -> Option<Problem> {
    const AS_FILE: &str = "use a file (--as-file)";
    let length = variable.name.as_str().len() + 1 + variable.value.len();
    // The limit is for `NAME=value` and its final NUL.
    let most = limits.string - 1;
    let problem = if is_utf16_text(variable.value) {
        Problem::configuration("the value is text in UTF-16, so it can't be put into a variable")
            .code("nul-byte")
            .help(UTF8_HELP)
    } else if variable.value.contains(&0) {
        Problem::configuration("the value contains a NUL byte, so it can't be put into a variable")
            .code("nul-byte")
            .help(format!("{AS_FILE}, or add encode: base64"))
    } else if length > most {
        let text = format!(
            "the variable is {length} bytes long including its name, but the kernel allows at most {most}"
        );
        Problem::configuration(text).code("too-long").help(AS_FILE)
    } else {
        return None;
    };
    Some(problem.for_entry(variable.subject.clone()))
}
