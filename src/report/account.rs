//! The account of a launch: a row for each variable and file, with its status and the secrets
//! behind its value. `check` prints the rows as a table or as JSON, `--verbose` as a table, and the
//! JSON log as events. No row contains a value.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::model::answer::{Document, time_text};
use crate::model::entry::{EntryId, Holder, Origin, SubjectKind, Target, Written};
use crate::model::message::Problem;
use crate::model::outcome::{EntryOutcome, Outcome, Values};
use crate::model::reference::{Region, SecretRef, Selector};

/// A row about one variable or file.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    /// The first cell, such as `NAME=/path`.
    pub label: String,
    /// `None` for a file without a variable, and for a whole `env-from` object.
    pub variable: Option<String>,
    /// A JSON object, whose `path` is null for a file in memory.
    pub file: Option<Value>,
    pub origin: String,
    pub kind: RowKind,
    /// The reference as the user wrote it, such as `prod/db:password`. `None` if the entry isn't a
    /// single reference.
    pub reference: Option<String>,
    pub status: RowStatus,
    pub error: Option<&'static str>,
    /// The text after the status, such as `a line feed at its end`.
    pub note: Option<String>,
    pub messages: Vec<String>,
    /// The secrets and parameters behind the value.
    pub sources: Vec<SourceRow>,
    /// True for a key of `env-from` whose variable another `env-from` sets. The table shows this
    /// row even without `--verbose`.
    #[serde(skip)]
    pub is_taken: bool,
    /// The entry's line in the declaration, or 0. It sorts the rows of a layer.
    #[serde(skip)]
    pub line: usize,
}

impl Row {
    /// True for a literal whose row would tell the user nothing new.
    pub(super) fn is_plain_literal(&self) -> bool {
        self.kind == RowKind::Literal && self.status == RowStatus::Ok && self.note.is_none()
    }

    /// True if the table of `check` shows this row only with `--verbose`.
    pub(super) fn needs_verbose(&self) -> bool {
        self.is_plain_literal() || (self.status == RowStatus::Overridden && !self.is_taken)
    }
}

/// The form in which the user wrote an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    #[default]
    Reference,
    Template,
    Literal,
    EnvFrom,
    /// An inherited variable that contains references.
    Inherited,
}

/// The status of a value, or of a secret behind it. After an error, tables show the error's code
/// instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowStatus {
    #[default]
    Ok,
    Failed,
    Default,
    Unset,
    Overridden,
    LeftOut,
    Kept,
    Unread,
    NotRead,
    NotChecked,
    Valid,
}

impl RowStatus {
    /// The word for the status, and the sentence that explains it, which may be empty.
    pub(super) fn text_and_meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("ok", ""),
            Self::Failed => ("failed", ""),
            Self::Default => (
                "default",
                "the secret or key doesn't exist, or the variable that names it is empty, so the default is used.",
            ),
            Self::Unset => (
                "unset",
                "the entry is optional and its secret or key doesn't exist.",
            ),
            Self::Overridden => ("overridden", ""),
            Self::LeftOut => ("left-out", "the variable that names the secret is empty."),
            Self::Kept => (
                "kept",
                "the variable keeps its earlier value, because of --keep-existing, or because its entry is absent.",
            ),
            Self::Unread => ("unread", "the value wasn't requested, because of an error."),
            Self::NotRead => (
                "not-read",
                "the secret exists. Its keys, JSON and templates weren't checked, because --metadata reads no values.",
            ),
            Self::NotChecked => (
                "not-checked",
                "--metadata can't tell whether this version or parameter exists.",
            ),
            Self::Valid => (
                "valid",
                "the reference is well-formed. Nothing was requested, because of --offline.",
            ),
        }
    }

    pub(super) fn text(self) -> &'static str {
        let (text, _) = self.text_and_meaning();
        text
    }
}

impl Serialize for RowStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

/// One of the secrets or parameters behind the value of a row.
#[derive(Debug, Default, Serialize)]
pub struct SourceRow {
    pub id: String,
    pub store: &'static str,
    pub key: Option<String>,
    pub region: Option<String>,
    pub role: Option<String>,
    pub version: Option<String>,
    pub stages: Vec<String>,
    #[serde(serialize_with = "time_text")]
    pub created: Option<SystemTime>,
    pub age_seconds: Option<u64>,
    pub regions_passed_over: Vec<String>,
    /// The age of a cached answer.
    pub cached_age_seconds: Option<u64>,
    pub status: RowStatus,
    pub error: Option<&'static str>,
    /// The regions that were passed over because of an outage, as text.
    pub note: Option<String>,
}

/// The values and problems from which the rows are made.
pub struct CheckedValues<'a> {
    pub values: &'a Values,
    pub problems: &'a [(EntryId, Problem)],
    pub depth: CheckDepth,
}

/// The kind of requests that `check` sends to AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// As in a launch, which reads every value.
    Values,
    /// With `--metadata`: only requests that don't read values.
    Metadata,
    /// With `--offline`: no requests.
    Offline,
}

impl CheckedValues<'_> {
    /// The rows in the order of the entries: by layer, earliest first, and by line within a layer.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<(EntryId, Row)> = Vec::new();
        for outcome in &self.values.outcomes.list {
            if let Some(row) = self.row(outcome) {
                rows.push((outcome.id, row));
            }
        }

        // The latest layer has the number 0.
        rows.sort_by_key(|(id, row)| (Reverse(id.layer), row.line, id.number));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// The row of an entry. `None` for an `env-from` object that was read, because each of its keys
    /// has its own row.
    fn row(&self, outcome: &EntryOutcome) -> Option<Row> {
        let status = match &outcome.result {
            Outcome::Overridden(Holder::Kept) => RowStatus::Kept,
            Outcome::Overridden(Holder::EmptyVariable(_)) => RowStatus::LeftOut,
            Outcome::Overridden(_) => RowStatus::Overridden,
            Outcome::Absent(Some(_)) => RowStatus::Kept,
            Outcome::Absent(None) if outcome.is_inherited => RowStatus::Kept,
            Outcome::Absent(None) => RowStatus::Unset,
            Outcome::Default(_) => RowStatus::Default,
            Outcome::Value(_) => RowStatus::Ok,
            Outcome::Keys => return None,
            Outcome::Unread => self.unread_status(&outcome.reads),
            Outcome::Failed(_) => RowStatus::Failed,
        };

        let mut row = self.row_with_sources(outcome, status);
        // A value that was read can still have a problem, for example with its file.
        for (_, problem) in self.problems.iter().filter(|(id, _)| *id == outcome.id) {
            row.status = RowStatus::Failed;
            row.error.get_or_insert(problem.check_code());
            row.messages.push(problem.text());
        }
        Some(row)
    }

    /// A path is shown as the user wrote it, because the value of a variable in it may be a
    /// password. For a key of `env-from`, the variable is shown even if messages hide the key.
    fn row_with_sources(&self, outcome: &EntryOutcome, status: RowStatus) -> Row {
        let EntryOutcome {
            target, subject, ..
        } = outcome;
        let kind = match subject.kind {
            SubjectKind::EnvFrom | SubjectKind::EnvFromKey => RowKind::EnvFrom,
            SubjectKind::Entry | SubjectKind::Section | SubjectKind::Part => match &subject.written
            {
                Some(Written::Reference(_)) => RowKind::Reference,
                Some(Written::Template) => RowKind::Template,
                None if subject.origin == Origin::Inherited => RowKind::Inherited,
                None => RowKind::Literal,
            },
        };
        let mut row = Row {
            label: target_label(target),
            variable: target.variable().map(ToString::to_string),
            origin: subject.origin.to_string(),
            kind,
            reference: subject.shown_reference(),
            status,
            note: Self::note(outcome),
            ..Row::default()
        };
        if let Origin::File { line, .. } = subject.origin {
            row.line = line;
        }
        if let Target::File(file) = target {
            let path = file.path.as_ref().map(ToString::to_string);
            row.file = Some(json!({ "path": path }));
        }

        if let Outcome::Overridden(holder) = &outcome.result {
            row.is_taken = subject.kind == SubjectKind::EnvFromKey
                && matches!(holder, Holder::Entry(other) if other.kind == subject.kind);
            return row;
        }
        let is_template = subject.written == Some(Written::Template);
        let mut listed = BTreeSet::new();
        for reference in &outcome.reads {
            if !is_template {
                row.sources.push(self.source_row(reference));
            } else if listed.insert(&reference.locator) {
                // A template often reads several keys of the same secret, so list the secret once,
                // without a key.
                let mut secret = reference.clone();
                secret.selector = Selector::Whole;
                row.sources.push(self.source_row(&secret));
            }
        }
        row
    }

    /// The text after the status. In the outcome's findings, those about the value come first. If
    /// there are any, those about the entry are left out.
    fn note(outcome: &EntryOutcome) -> Option<String> {
        if let Outcome::Overridden(holder) = &outcome.result {
            return match holder {
                Holder::Entry(other) => Some(format!("by {other}")),
                Holder::Several => Some("by several entries".to_owned()),
                Holder::EmptyVariable(name) => Some(format!("{name} is empty")),
                Holder::Kept => None,
            };
        }
        if let Outcome::Absent(Some(earlier)) = &outcome.result {
            return Some(format!("from {earlier}"));
        }
        let made = outcome.made();
        if let Some(name) = made.and_then(|made| made.empty_variable.as_ref()) {
            return Some(format!("{name} is empty"));
        }
        if let Some(kind) = made.and_then(|made| made.json_kind) {
            return Some(kind.to_owned());
        }
        let findings = &outcome.findings;
        let told = findings.first()?.told;
        let notes: Vec<&str> = findings
            .iter()
            .take_while(|finding| finding.told == told)
            .map(|finding| &*finding.note)
            .collect();
        Some(notes.join(", "))
    }

    fn unread_status(&self, reads: &[SecretRef]) -> RowStatus {
        match self.depth {
            CheckDepth::Values => RowStatus::Unread,
            CheckDepth::Metadata => {
                // Every answer here is a document: after a failed request, this function isn't
                // called.
                let fetched = &self.values.fetched;
                if reads.iter().all(|read| fetched.contains_key(&read.locator)) {
                    RowStatus::NotRead
                } else {
                    RowStatus::NotChecked
                }
            }
            CheckDepth::Offline => RowStatus::Valid,
        }
    }

    fn source_row(&self, reference: &SecretRef) -> SourceRow {
        let SecretRef { locator, selector } = reference;
        let row = SourceRow {
            id: locator.shown_id(),
            store: locator.store.service(),
            key: Some(selector.shown()).filter(|key| !key.is_empty()),
            region: locator.region.as_ref().map(Region::to_string),
            role: locator.role.as_ref().map(|role| role.arn.to_string()),
            ..SourceRow::default()
        };
        match self.values.fetched.get(locator) {
            Some(Ok(document)) => self.answered_row(row, document),
            Some(Err(failure)) => SourceRow {
                region: failure.region().map(Region::to_string).or(row.region),
                status: RowStatus::Failed,
                error: Some(failure.code()),
                ..row
            },
            None => SourceRow {
                status: self.unread_status(std::slice::from_ref(reference)),
                ..row
            },
        }
    }

    fn answered_row(&self, mut row: SourceRow, document: &Document) -> SourceRow {
        if let Some(region) = &document.region {
            row.region = Some(region.to_string());
        }
        let mut outages = Vec::new();
        for (region, outage) in &document.passed_over {
            row.regions_passed_over.push(region.to_string());
            outages.push(format!("not from {region} ({})", outage.sentence()));
        }
        row.note = Some(outages.join(", ")).filter(|note| !note.is_empty());
        row.cached_age_seconds = document.cached.as_ref().map(|cached| cached.age.as_secs());
        row.version.clone_from(&document.version_id);
        row.stages.clone_from(&document.stages);
        row.created = document.created;
        row.age_seconds = document.created.map(seconds_since);
        row
    }
}

/// `NAME`, `NAME=/path`, `NAME=memfd`, `NAME=pipe`, `/path` or `PREFIX*`.
fn target_label(target: &Target) -> String {
    let Target::File(file) = target else {
        return target.to_string();
    };
    match (&file.env, &file.path) {
        (Some(name), Some(path)) => format!("{name}={path}"),
        (Some(name), None) if file.once => format!("{name}=pipe"),
        (Some(name), None) => format!("{name}=memfd"),
        (None, _) => target.to_string(),
    }
}

/// Whole seconds, or 0 if `then` is in the future.
pub(super) fn seconds_since(then: SystemTime) -> u64 {
    then.elapsed().unwrap_or_default().as_secs()
}
