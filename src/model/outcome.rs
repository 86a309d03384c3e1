//! The result of resolving a plan: what became of each entry. The environment, the files, the rows of `check` and all else that the program
//! says about values are filters of this list.

use std::collections::BTreeSet;
use std::time::Duration;

use super::answer::Fetched;
use super::claims::Holder;
use super::entry::{FileTarget, Subject, Target};
use super::env_name::EnvName;
use super::plan::{EntryId, Plan, Planned, PlannedSource};
use super::problem::{Impact, Problem};
use super::reference::{Locator, SecretRef};
use super::secret_value::SecretValue;

/// The outcome of an entry, or of a key of an `env-from` entry.
#[derive(Debug)]
pub struct EntryOutcome {
    /// Unique, unlike `subject`.
    pub id: EntryId,
    /// The target of the entry; of a key that has its value, the variable.
    pub target: Target,
    /// The name in messages.
    pub subject: Subject,
    /// The secrets that the value is made of, or would be made of if it existed.
    pub reads: Vec<SecretRef>,
    /// The rest of the parameter's name, if `reads` is a path and the outcome is that of one parameter below it.
    pub parameter_name: Option<String>,
    pub fate: Fate,
}

/// The fate of an entry.
#[derive(Debug)]
pub enum Fate {
    Value {
        value: SecretValue,
        /// True if the value is that of `default`.
        is_default: bool,
    },
    /// An optional entry is absent, so that it sets nothing.
    Absent,
    /// An object of `env-from` was read, and so many of its keys have outcomes of their own.
    Keys(usize),
    /// The target is held by another entry, or is a kept variable.
    Overridden(Holder),
    /// A secret of the entry has not been requested, and nothing else is known to be wrong.
    Unread,
    /// The value is missing, for these reasons.
    Failed(Vec<Problem>),
}

/// A variable and the bytes that it is set to.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'a> {
    pub name: &'a EnvName,
    pub value: &'a [u8],
    /// The entry that sets it, also of a file whose path it has.
    pub subject: &'a Subject,
}

/// A file and its content.
#[derive(Clone, Copy, Debug)]
pub struct FileValue<'a> {
    /// The outcome that has the content.
    pub id: EntryId,
    pub target: &'a FileTarget,
    pub value: &'a SecretValue,
    pub subject: &'a Subject,
}

/// An outcome for each entry of a plan, and one for each key of an object: first the entries that are overridden whatever is read, and
/// then the others in the order of precedence. An object comes after its keys.
///
/// Each variable, each path and each credential has at most one value.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub list: Vec<EntryOutcome>,
    /// The time that the resolution took; zero if nothing was to be read.
    pub elapsed: Duration,
    /// The attempts at requests that it took.
    pub requests: usize,
}

impl EntryOutcome {
    /// Returns the outcome of an entry itself.
    pub fn new(entry: &Planned, fate: Fate) -> Self {
        Self {
            id: entry.id,
            target: entry.target.clone(),
            subject: entry.subject.clone(),
            reads: entry.source.references().into_iter().cloned().collect(),
            parameter_name: None,
            fate,
        }
    }

    /// Returns the value, if there is one.
    pub fn value(&self) -> Option<&SecretValue> {
        let Fate::Value { value, .. } = &self.fate else {
            return None;
        };
        Some(value)
    }

    /// Returns the variable that has the value.
    pub fn variable(&self) -> Option<Variable<'_>> {
        let Target::Env(name) = &self.target else {
            return None;
        };
        Some(Variable {
            name,
            value: self.value()?.expose(),
            subject: &self.subject,
        })
    }

    /// Returns the file that has the value.
    pub fn file(&self) -> Option<FileValue<'_>> {
        let Target::File(target) = &self.target else {
            return None;
        };
        Some(FileValue {
            id: self.id,
            target,
            value: self.value()?,
            subject: &self.subject,
        })
    }

    /// True if the value is that of `default`.
    pub fn is_default(&self) -> bool {
        matches!(
            self.fate,
            Fate::Value {
                is_default: true,
                ..
            }
        )
    }

    /// The secrets that the value was read from; empty for a literal and for the value of `default`.
    pub fn read_from(&self) -> &[SecretRef] {
        if self.is_default() { &[] } else { &self.reads }
    }

    /// True for an empty value that was read, which is legal and often a slip.
    pub fn is_read_empty(&self) -> bool {
        self.remark() == Some(EMPTY)
    }

    /// The remark on a value that was read and is often a slip.
    pub fn remark(&self) -> Option<&'static str> {
        let value = self.value()?;
        if self.read_from().is_empty() {
            return None;
        }
        match value.expose() {
            [] => Some(EMPTY),
            // As `aws secretsmanager put-secret-value --secret-string file://…` leaves one.
            text @ [.., b'\n'] if !is_pem(text) => Some("ends with a newline"),
            [..] => None,
        }
    }
}

const EMPTY: &str = "empty";

/// True if the last line is the end of PEM (RFC 7468), after which a newline is usual.
fn is_pem(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let last_line = text.rsplit(|byte| *byte == b'\n').next();
    last_line.is_some_and(|line| line.starts_with(b"-----END ") && line.ends_with(b"-----"))
}

impl Outcomes {
    /// Returns the outcomes of a plan before anything was read.
    pub fn unread(plan: &Plan) -> Self {
        let mut outcomes = Self::default();
        for entry in &plan.entries {
            let fate = match &entry.source {
                PlannedSource::Value(_) | PlannedSource::Object(_) => Fate::Unread,
                PlannedSource::Overridden(holder) => Fate::Overridden(holder.clone()),
            };
            outcomes.list.push(EntryOutcome::new(entry, fate));
        }
        outcomes
    }

    /// The outcomes with a value, and the values.
    pub fn values(&self) -> impl Iterator<Item = (&EntryOutcome, &SecretValue)> {
        self.list
            .iter()
            .filter_map(|outcome| Some((outcome, outcome.value()?)))
    }

    /// The variables that hold a value; not those with the path of a file.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        self.list.iter().filter_map(EntryOutcome::variable)
    }

    pub fn files(&self) -> impl Iterator<Item = FileValue<'_>> {
        self.list.iter().filter_map(EntryOutcome::file)
    }

    /// True if a value sets the variable, the path or the credential of `target`.
    pub fn sets(&self, target: &Target) -> bool {
        self.values()
            .any(|(outcome, _)| outcome.target.overlaps(target))
    }

    /// The outcomes that another entry or a kept variable overrides, and what that is.
    pub fn overridden(&self) -> impl Iterator<Item = (&EntryOutcome, &Holder)> {
        self.list.iter().filter_map(|outcome| {
            let Fate::Overridden(holder) = &outcome.fate else {
                return None;
            };
            Some((outcome, holder))
        })
    }

    /// Returns every reason why a value is missing, with the id of its outcome.
    pub fn problems(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for outcome in &self.list {
            if let Fate::Failed(reasons) = &outcome.fate {
                for reason in reasons {
                    problems.push((outcome.id, reason.clone()));
                }
            }
        }
        problems
    }

    /// Returns the locators without a document in `fetched` (the request failed, or was not made) that are the reason for a missing value.
    pub fn lacking(&self, fetched: &Fetched) -> BTreeSet<Locator> {
        let mut lacking = BTreeSet::new();
        for outcome in &self.list {
            if !matches!(outcome.fate, Fate::Failed(_) | Fate::Unread) {
                continue;
            }
            for SecretRef { locator, .. } in &outcome.reads {
                if !matches!(fetched.get(locator), Some(Ok(_))) {
                    lacking.insert(locator.clone());
                }
            }
        }
        lacking
    }

    /// Returns the locators whose documents are from the cache and gave a value that doesn't match its pattern.
    pub fn mismatched_in_cache(&self, fetched: &Fetched) -> BTreeSet<Locator> {
        let mut mismatched = BTreeSet::new();
        for outcome in &self.list {
            let Fate::Failed(problems) = &outcome.fate else {
                continue;
            };
            if !problems
                .iter()
                .any(|problem| problem.impact == Impact::Mismatched)
            {
                continue;
            }
            for SecretRef { locator, .. } in &outcome.reads {
                if let Some(Ok(document)) = fetched.get(locator)
                    && document.cached.is_some()
                {
                    mismatched.insert(locator.clone());
                }
            }
        }
        mismatched
    }
}
