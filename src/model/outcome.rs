//! The outcomes of a plan. An entry has a value, is absent, has failed, or is overridden by another
//! entry. The environment, the files, and everything that secrets-exec prints about values are made
//! from this list.
//!
//! A value that the kernel would refuse is found here, before execve, so the error can name the
//! variable.

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
    /// The id of the entry or key. It is unique, unlike `subject`.
    pub id: EntryId,
    /// The target of the entry or, for a key of `env-from`, the variable that the key sets.
    pub target: Target,
    pub subject: Subject,
    /// The references to all secrets that the value depends on, even if there is no value.
    pub reads: Vec<SecretRef>,
    /// True if the command inherits a variable with the entry's name. If the entry is absent, the
    /// command gets the inherited value instead.
    pub is_inherited: bool,
    pub result: Outcome,
    /// What is probably a mistake, although the entry could be resolved.
    pub findings: Vec<Finding>,
}

/// The value of an entry, and how it was made.
#[derive(Debug, Default)]
pub struct Made {
    pub value: SecretValue,
    /// The secrets that went into the value: those in a template, or the text before `encode` was
    /// applied. `export` masks most of them in logs, in addition to the value itself.
    pub parts: Vec<SecretValue>,
    /// The remarks on the value, such as a trailing line feed. A literal, a default, and a value
    /// that matches its `pattern` get no remarks, because the user wants them as they are.
    pub remarks: Remarks,
    /// For each `{{ … }}` in the value, in order: whether its text is blank, and whether it is a
    /// default.
    pub lookups: Vec<Lack>,
    /// The name of the empty variable that should have named the secret, if this is why `default`
    /// is used.
    pub empty_variable: Option<String>,
    /// For an `env-from` key with a JSON value, `JSON object` or `JSON array`. The whole value
    /// becomes a single variable, but a program may expect several.
    pub json_kind: Option<&'static str>,
}

/// The flaws in the text of a `{{ … }}`, if there are any.
///
/// Comparisons depend on the order of the fields: a blank text is worse than a default, and a
/// default is worse than a text that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lack {
    /// True if the text is empty or blank, unless the entry's `pattern` accepts it.
    pub is_blank: bool,
    /// True if the text comes from the `default` filter.
    pub is_default: bool,
}

#[derive(Debug)]
pub enum Outcome {
    Value(Made),
    /// The secret or key is absent, so the entry's `default` is the value.
    Default(Made),
    /// The entry is optional and its value is absent, so it sets nothing. If an entry in an earlier
    /// layer sets the same variable or file instead, the variant has the subject of that entry.
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

/// The outcomes of all entries in a plan.
///
/// Each key of an `env-from` entry has an outcome of its own, before the outcome of the entry. No
/// variable or path has more than one value.
///
/// The list from `resolve` begins with the entries that the plan overrides. The others follow in
/// order of precedence.
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
    /// Adds findings about this outcome, and names the entry in their warnings.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            let problem = finding.problem.for_entry(self.subject.clone());
            self.findings.push(Finding { problem, ..finding });
        }
    }

    /// Creates the outcome of an entry that the plan doesn't override.
    pub fn new(entry: &Planned, result: Outcome) -> Self {
        let reads = entry.source.references().into_iter().cloned().collect();
        Self::with_reads(entry, reads, result)
    }

    /// Creates the outcome of an `env-from` key that sets the variable `name`. If messages can't
    /// show the key, they show its number instead.
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

    /// Creates the outcome of an entry that the plan overrides. Such an entry reads no secrets.
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

    /// The variable that the entry sets, and its value. Also `None` for a file, even if a variable
    /// gets the file's path.
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

    /// The file that the entry writes, and its content.
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

    /// True if the entry sets its variable or file, or would set it if it could be resolved.
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

    /// True if the entry is optional and absent, or if a default is at least a part of its value.
    fn has_absence(&self) -> bool {
        let is_absent = matches!(self.result, Outcome::Absent(_) | Outcome::Default(_));
        let lookups = self.made().map_or(&[][..], |made| &made.lookups);
        is_absent || lookups.iter().any(|lookup| lookup.is_default)
    }

    /// True if every secret or parameter that the entry needs was read.
    pub fn has_documents(&self, fetched: &Answers) -> bool {
        self.reads
            .iter()
            .all(|read| matches!(fetched.get(&read.locator), Some(Ok(_))))
    }

    /// The references that the value was, or should have been, read from. Empty for a literal, and
    /// if the value is the text of `default`.
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

    /// Creates the outcomes of a plan before anything is read: all entries are unread or
    /// overridden.
    pub fn unread(plan: &Plan) -> Self {
        let list = plan
            .entries
            .iter()
            .map(|entry| EntryOutcome::new(entry, Outcome::Unread))
            .chain(plan.overridden.iter().map(EntryOutcome::overridden))
            .collect();
        Self { list }
    }

    /// Iterates over the outcomes that have a value, each with its value.
    pub fn values(&self) -> impl Iterator<Item = (&EntryOutcome, &Made)> {
        self.list
            .iter()
            .filter_map(|outcome| Some((outcome, outcome.made()?)))
    }

    /// Iterates over the variables that get a value. Leaves out variables that get a file's path.
    pub fn variables(&self) -> impl Iterator<Item = Variable<'_>> {
        self.list.iter().filter_map(EntryOutcome::variable)
    }

    pub fn files(&self) -> impl Iterator<Item = FileValue<'_>> {
        self.list.iter().filter_map(EntryOutcome::file)
    }

    /// The reasons why values are missing, each with the id of its outcome.
    pub fn problems(&self) -> Vec<(EntryId, Problem)> {
        let mut problems = Vec::new();
        for outcome in &self.list {
            if let Outcome::Failed(reasons) = &outcome.result {
                problems.extend(reasons.iter().map(|reason| (outcome.id, reason.clone())));
            }
        }
        problems
    }

    /// The locators of documents that missing values need, but that aren't in `fetched`, because
    /// their request failed or wasn't sent.
    pub fn missing_documents(&self, fetched: &Answers) -> BTreeSet<Locator> {
        self.list
            .iter()
            .filter(|outcome| matches!(outcome.result, Outcome::Failed(_) | Outcome::Unread))
            .flat_map(|outcome| &outcome.reads)
            .filter(|read| !matches!(fetched.get(&read.locator), Some(Ok(_))))
            .map(|read| read.locator.clone())
            .collect()
    }

    /// The locators of documents that were read but didn't provide a value, for example because a
    /// key is missing, and whether the launch needs the value. Another version of such a document
    /// may have the key.
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

/// The values for a command, the answers that they come from, and details about how they were
/// obtained.
#[derive(Default)]
pub struct Values {
    pub outcomes: Outcomes,
    pub fetched: Answers,
    /// The time that it took to read the secrets.
    pub elapsed: Duration,
    /// The number of requests that were sent, including retries.
    pub requests: usize,
    /// For `check --metadata`: every secret's description, or why AWS didn't return it.
    pub secrets: Vec<DescribedSecret>,
    /// Warnings about cache entries that couldn't be used, stored or removed.
    pub cache_warnings: Vec<Record>,
    /// For `check`: our identity, according to AWS. `None` if AWS wasn't asked.
    pub caller: Option<Caller>,
}

impl Values {
    /// All problems, each with the id of its outcome: values that couldn't be read, and values that
    /// can't be put into a variable.
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

/// Finds out why a value can't be put into its variable: it contains a NUL byte, or is too long.
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
