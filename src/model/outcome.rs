//! The outcomes of a plan, from which the environment, the files, and everything that secrets-exec
//! prints about values are made. A value that the kernel would refuse is found here, before execve,
//! so the error can name the variable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::answer::{Answers, Caller, DescribedSecret, SecretValue};
use super::entry::{Entry, EntryId, FileTarget, Holder, Subject, SubjectKind, Target};
use super::environment::{EnvName, Limits};
use super::fault::UTF8_HELP;
use super::message::{Finding, Problem, Record, Remarks, is_utf16_text};
use super::plan::{Overridden, Plan, Planned};
use super::reference::{Locator, SecretRef};
use super::shown::is_quotable;

/// The result for an entry, or for a key of an `env-from` entry.
#[derive(Debug)]
pub struct EntryOutcome {
    /// Unique, unlike `subject`.
    pub id: EntryId,
    /// For a key of `env-from`, the variable that the key sets.
    pub target: Target,
    pub subject: Subject,
    /// The secrets that the value depends on, even if there is no value.
    pub reads: Vec<SecretRef>,
    /// True if the command inherits a variable with the entry's name. If the entry is absent, the
    /// command keeps this variable.
    pub is_inherited: bool,
    pub result: Outcome,
    /// Probable mistakes, although the entry could be resolved.
    pub findings: Vec<Finding>,
}

/// The value of an entry, and how it was made.
#[derive(Debug, Default)]
pub struct Made {
    pub value: SecretValue,
    /// The secrets in a template, or the text before `encode` was applied. `export` masks most of
    /// them in logs, in addition to the value itself.
    pub parts: Vec<SecretValue>,
    /// A literal, a default, and a value that matches its `pattern` get no remarks, because the
    /// user wants them as they are.
    pub remarks: Remarks,
    /// The flaws of each `{{ … }}` in the value, in order.
    pub lookups: Vec<Lack>,
    /// The empty variable that should have named the secret, if this is why `default` is used.
    pub empty_variable: Option<String>,
    /// `JSON object` or `JSON array`, if an `env-from` key has such a value. The whole value
    /// becomes a single variable, but a program may expect several.
    pub json_kind: Option<&'static str>,
}

/// The flaws in the text that a `{{ … }}` becomes. Comparisons depend on the order of the fields: a
/// blank text is worse than a default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lack {
    /// The text is empty or blank, and no `pattern` of the entry accepts it.
    pub is_blank: bool,
    /// The text comes from the `default` filter.
    pub is_default: bool,
}

#[derive(Debug)]
pub enum Outcome {
    Value(Made),
    /// The secret or key is absent, so the entry's `default` is the value.
    Default(Made),
    /// The entry is optional and absent. The subject is that of an entry in an earlier layer that
    /// sets the same variable or file instead, if there is one.
    Absent(Option<Subject>),
    /// The object of an `env-from` entry was read. Its keys have outcomes of their own.
    Keys,
    Overridden(Holder),
    /// A secret that the entry needs wasn't requested, but nothing is known to be wrong.
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
    /// The id of the outcome whose value is the file's content.
    pub id: EntryId,
    pub target: &'a FileTarget,
    pub value: &'a SecretValue,
    pub subject: &'a Subject,
}

/// The outcomes of all entries in a plan. No variable or path has more than one value.
///
/// Each key of an `env-from` entry comes before the entry. The list from `resolve` begins with the
/// entries that the plan overrides. The others follow in order of precedence.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub list: Vec<EntryOutcome>,
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
    /// Adds findings, and names the entry in their warnings.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let problem = finding.problem.for_entry(self.subject.clone());
            self.findings.push(Finding { problem, ..finding });
        }
    }

    /// The outcome of an entry that the plan doesn't override.
    pub fn new(entry: &Planned, result: Outcome) -> Self {
        let reads = entry.source.references().into_iter().cloned().collect();
        Self::with_reads(entry, reads, result)
    }

    /// The outcome of the key that sets the variable `name`. Messages show the key's number if they
    /// can't quote the key.
    pub fn of_key(
        entry: &Planned,
        number: usize,
        key: &str,
        name: EnvName,
        result: Outcome,
    ) -> Self {
        let mut outcome = Self::new(entry, result);
        outcome.id.key = Some(number);
        outcome.subject.kind = SubjectKind::EnvFromKey;
        outcome.subject.label = if is_quotable(key) {
            name.as_str().into()
        } else {
            format!("key number {number} (name not shown)").into()
        };
        outcome.target = Target::Env(name);
        outcome
    }

    /// The outcome of an entry that the plan overrides, which reads no secrets.
    pub fn overridden(Overridden { entry, holder }: &Overridden) -> Self {
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
            findings: Vec::new(),
        }
    }

    /// The value of the entry, or its `default`.
    pub fn made(&self) -> Option<&Made> {
        let (Outcome::Value(made) | Outcome::Default(made)) = &self.result else {
            return None;
        };
        Some(made)
    }

    /// `None` for a file, even if a variable gets its path.
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

    /// The file that the entry writes.
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

    /// True if the entry sets its target, or would set it if it could be resolved.
    pub fn holds_target(&self) -> bool {
        match self.result {
            Outcome::Value(_)
            | Outcome::Default(_)
            | Outcome::Keys
            | Outcome::Unread
            | Outcome::Failed(_) => true,
            Outcome::Absent(_) | Outcome::Overridden(_) => false,
        }
    }

    pub fn is_default(&self) -> bool {
        matches!(self.result, Outcome::Default(_))
    }

    /// True if the entry is absent, or if its value is a default or contains one.
    fn has_absence(&self) -> bool {
        let is_absent = matches!(self.result, Outcome::Absent(_) | Outcome::Default(_));
        let lookups = self.made().map_or(&[][..], |made| &made.lookups);
        is_absent || lookups.iter().any(|lookup| lookup.is_default)
    }

    /// True if everything that the entry needs was read.
    pub fn has_documents(&self, fetched: &Answers) -> bool {
        self.reads
            .iter()
            .all(|read| matches!(fetched.get(&read.locator), Some(Ok(_))))
    }

    /// The secrets that the value was, or should have been, read from. Empty if the entry's
    /// `default` is used.
    pub fn read_from(&self) -> &[SecretRef] {
        if self.is_default() { &[] } else { &self.reads }
    }
}

impl Outcomes {
    /// The variables that this launch sets.
    pub fn names_set(&self) -> BTreeSet<&str> {
        self.list
            .iter()
            .filter(|outcome| outcome.holds_target())
            .filter_map(|outcome| outcome.target.variable())
            .map(EnvName::as_str)
            .collect()
    }

    /// The outcomes before anything is read.
    pub fn unread(plan: &Plan) -> Self {
        let list = plan
            .entries
            .iter()
            .map(|entry| EntryOutcome::new(entry, Outcome::Unread))
            .chain(plan.overridden.iter().map(EntryOutcome::overridden))
            .collect();
        Self { list }
    }

    /// The outcomes that have a value.
    pub fn values(&self) -> impl Iterator<Item = (&EntryOutcome, &Made)> {
        self.list
            .iter()
            .filter_map(|outcome| Some((outcome, outcome.made()?)))
    }

    /// The variables that get a value, without those that get a file's path.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        self.list.iter().filter_map(EntryOutcome::variable)
    }

    pub fn files(&self) -> impl Iterator<Item = FileValue<'_>> {
        self.list.iter().filter_map(EntryOutcome::file)
    }

    /// The reasons why values are missing.
    pub fn problems(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for outcome in &self.list {
            if let Outcome::Failed(reasons) = &outcome.result {
                problems.extend(reasons.iter().map(|reason| (outcome.id, reason.clone())));
            }
        }
        problems
    }

    /// The documents that weren't read, although missing values need them.
    pub fn missing_documents(&self, fetched: &Answers) -> BTreeSet<Locator> {
        self.list
            .iter()
            .filter(|outcome| matches!(outcome.result, Outcome::Failed(_) | Outcome::Unread))
            .flat_map(|outcome| &outcome.reads)
            .filter(|read| !matches!(fetched.get(&read.locator), Some(Ok(_))))
            .map(|read| read.locator.clone())
            .collect()
    }

    /// The documents that were read, but lack what an entry needs, such as a key. Another version
    /// of such a document may have it. The `bool` is true if the launch fails without it.
    pub fn lacking_documents(&self, fetched: &Answers) -> BTreeMap<Locator, bool> {
        let mut locators = BTreeMap::new();
        for outcome in &self.list {
            let is_needed = matches!(outcome.result, Outcome::Failed(_));
            if (is_needed || outcome.has_absence()) && outcome.has_documents(fetched) {
                for read in &outcome.reads {
                    *locators.entry(read.locator.clone()).or_default() |= is_needed;
                }
            }
        }
        locators
    }
}

/// The values for a command, and how they were obtained.
#[derive(Default)]
pub struct Values {
    pub outcomes: Outcomes,
    pub fetched: Answers,
    /// The time that it took to read the secrets.
    pub elapsed: Duration,
    /// The number of requests, including retries.
    pub requests: usize,
    /// For `check --metadata`: every secret's description.
    pub secrets: Vec<DescribedSecret>,
    /// Warnings about cache entries that couldn't be used, stored or removed.
    pub cache_warnings: Vec<Record>,
    /// For `check`: the identity that AWS sees. `None` if AWS wasn't asked.
    pub caller: Option<Caller>,
}

impl Values {
    /// The errors for values that couldn't be read, and for values that can't be put into a
    /// variable.
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

/// The error for a value that can't be put into its variable.
pub fn variable_problem(variable: Variable<'_>, limits: Limits) -> Option<Problem> {
    const AS_FILE: &str = "use a file (--as-file)";
    let length = variable.name.as_str().len() + 1 + variable.value.len();
    // The limit includes the final NUL, which isn't part of `length`.
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
