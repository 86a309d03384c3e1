//! The rows of the table: a variable, a file or a credential, where its value comes from, and its state.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::findings::{CacheState, Row, RowKind, SourceRow};
use super::secret_row::{date, seconds_since};
use crate::model::answer::{Answer, Fetched, NOT_SHOWN};
use crate::model::entry::{
    CredentialTarget, EntryId, EnvFrom, FilePlace, FileTarget, Origin, Subject, SubjectKind,
    Target, Written,
};
use crate::model::env_name::is_name;
use crate::model::plan::{Binding, OverriddenBy, Override, Plan, ValueSource};
use crate::model::problem::Problem;
use crate::model::reference::{Locator, SecretRef, Selector, Store, Version};
use crate::model::resolved::{OmittedEntry, Resolved, ResolvedValue};

/// All that is known about the values of a plan.
pub struct CheckedValues<'a> {
    pub plan: &'a Plan,
    pub resolved: &'a Resolved,
    pub fetched: &'a Fetched,
    /// The ages of entries in the cache.
    pub cached: &'a BTreeMap<Locator, Duration>,
    /// The problems of each entry.
    pub problems: &'a EntryProblems<'a>,
    /// The time from which ages are counted.
    pub now: SystemTime,
    pub depth: CheckDepth,
}

/// The requests of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDepth {
    /// Those of a launch.
    Values,
    /// `--metadata`: those that read no value.
    Metadata,
    /// `--offline`: none.
    Declaration,
}

/// The problems of each entry, whose reference is hidden if the problems hide it.
pub type EntryProblems<'a> = BTreeMap<&'a Subject, Vec<&'a Problem>>;

/// Returns the problems of each entry.
pub fn by_entry(problems: &[Problem]) -> EntryProblems<'_> {
    let mut by_entry = EntryProblems::new();
    for problem in problems {
        for entry in &problem.entries {
            by_entry.entry(entry).or_default().push(problem);
        }
    }
    by_entry
}

/// Returns an entry as its problems show it, without a reference that they hide.
pub fn shown<'a>(subject: &'a Subject, problems: &EntryProblems<'a>) -> &'a Subject {
    match problems.get_key_value(&subject.hidden()) {
        Some((hidden, _)) => hidden,
        None => subject,
    }
}

/// Returns the rows, those of the earliest layer first.
pub fn rows(values: &CheckedValues<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for layer in values.plan.layers.iter().rev() {
        let start = rows.len();
        rows.extend(
            layer
                .bindings
                .iter()
                .filter_map(|binding| values.binding(binding)),
        );
        rows.extend(
            layer
                .env_from
                .iter()
                .flat_map(|object| values.env_from(object)),
        );
        rows.extend(layer.overridden.iter().filter_map(unset_row));
        // Entries of `env:`, of `env-from:` and of `files:` may stand in any order.
        rows[start..].sort_by_key(|row: &Row| row.line);
    }
    rows
}

fn kind(subject: &Subject) -> RowKind {
    match (&subject.written, subject.kind, &subject.origin) {
        (_, SubjectKind::EnvFrom, _) => RowKind::EnvFrom,
        (Some(Written::Reference(_) | Written::Hidden(_)), ..) => RowKind::Reference,
        (Some(Written::Template), ..) => RowKind::Template,
        (None, _, Origin::Inherited) => RowKind::Inherited,
        (None, _, Origin::Argument(_) | Origin::File { .. }) => RowKind::Literal,
    }
}

impl Row {
    /// Returns the row of a variable that has its value.
    fn new(label: String, subject: &Subject, status: &'static str) -> Self {
        let line = if let Origin::File { line, .. } = subject.origin {
            line
        } else {
            0
        };
        Self {
            variable: is_name(&label).then(|| label.clone()),
            label,
            origin: subject.origin.to_string(),
            kind: kind(subject),
            reference: subject.reference().map(str::to_owned),
            status,
            line,
            ..Self::default()
        }
    }
}

impl CheckedValues<'_> {
    /// The status of a value that was not read, of which these are the references.
    fn unread<'r>(&self, references: impl IntoIterator<Item = &'r SecretRef>) -> &'static str {
        match self.depth {
            CheckDepth::Values => "unread",
            CheckDepth::Metadata => {
                let mut locators = references.into_iter().map(|reference| &reference.locator);
                if locators.all(|locator| self.fetched.contains_key(locator)) {
                    "not-read"
                } else {
                    "not-checked"
                }
            }
            CheckDepth::Declaration => "valid",
        }
    }

    /// The remark on a value that was not read, if its parameter's version or label is not known to exist.
    fn unchecked(&self, source: &ValueSource) -> Option<&'static str> {
        let is_unchecked = source.references().iter().any(|reference| {
            let Locator { store, version, .. } = &reference.locator;
            *store == Store::ParameterStore && *version != Version::Current
        });
        (self.depth == CheckDepth::Metadata && is_unchecked).then_some("version not checked")
    }

    /// Returns `None` for an entry that another one overrides, and for an optional one whose variable a later layer leaves unset, too.
    fn binding(
        &self,
        Binding {
            id,
            subject,
            target,
            source,
            ..
        }: &Binding,
    ) -> Option<Row> {
        let Resolved {
            values, omitted, ..
        } = self.resolved;
        let is_omitted = omitted.iter().any(|omitted| omitted.entry == *id);
        let latest = omitted
            .iter()
            .find(|omitted| omitted.target.overlaps(target));
        let is_repeated = latest.is_some_and(|OmittedEntry { entry, .. }| entry != id);
        if self.is_overridden(*id) || is_omitted && (is_repeated || self.resolved.sets(target)) {
            return None;
        }
        let resolved = values.iter().find(|resolved| resolved.entry == *id);
        let status = match resolved {
            Some(ResolvedValue {
                is_default: true, ..
            }) => "default",
            Some(_) => "ok",
            None if is_omitted => "unset",
            None => self.unread(source.references()),
        };
        let subject = shown(subject, self.problems);
        let mut row = Row::new(label(target), subject, status);
        row.note = resolved
            .and_then(ResolvedValue::remark)
            .or(self.unchecked(source));
        row.variable = target.variable().map(ToString::to_string);
        match target {
            Target::Env(_) | Target::Output => {}
            Target::File(FileTarget {
                place: FilePlace::Path(path),
                ..
            }) => {
                row.file = Some(json!({ "path": path.display().to_string() }));
            }
            Target::File(FileTarget {
                place: FilePlace::Memory,
                ..
            }) => row.file = Some(json!({ "path": null })),
            Target::Credential(CredentialTarget { unit, name }) => {
                row.credential = Some(json!({ "unit": unit, "name": name }));
            }
        }
        row.sources = source
            .references()
            .into_iter()
            .map(|reference| self.source(reference, None))
            .collect();
        Some(self.with_problems(row, subject))
    }

    /// Returns a row for each variable, and one for the object itself if it fails, is not read or sets nothing.
    fn env_from(&self, object: &EnvFrom<SecretRef>) -> Vec<Row> {
        let subject = shown(&object.subject, self.problems);
        let row = |label: String, parameter_name: Option<&str>, status| {
            let row = Row::new(label, subject, status);
            let reference = row
                .reference
                .map(|written| written + parameter_name.unwrap_or_default());
            Row {
                reference,
                sources: vec![self.source(&object.reference, parameter_name)],
                ..row
            }
        };
        let resolved = self
            .resolved
            .values
            .iter()
            .filter(|resolved| resolved.entry == object.id);
        let mut rows: Vec<Row> = resolved
            .map(|value| {
                let parameter_name = value
                    .read_from
                    .iter()
                    .find_map(|read_from| read_from.parameter_name.as_deref());
                let row = row(value.subject.label.clone(), parameter_name, "ok");
                self.with_problems(
                    Row {
                        note: value.remark(),
                        ..row
                    },
                    &value.subject,
                )
            })
            .collect();
        let unset = self
            .resolved
            .overridden
            .iter()
            .filter(|other| other.entry == object.id);
        rows.extend(unset.filter_map(unset_row));
        let status = match self.fetched.get(&object.reference.locator) {
            _ if self.is_overridden(object.id) => "overridden",
            Some(Ok(_)) if self.depth == CheckDepth::Values => "empty",
            Some(_) | None => self.unread([&object.reference]),
        };
        let whole = self.with_problems(
            row(format!("{}*", object.naming.prefix), None, status),
            subject,
        );
        if rows.is_empty() || whole.error.is_some() {
            rows.push(whole);
        }
        rows
    }

    fn is_overridden(&self, id: EntryId) -> bool {
        self.resolved
            .overridden
            .iter()
            .any(|unused| unused.entry == id)
    }

    /// Adds the problems of an entry.
    fn with_problems(&self, row: Row, subject: &Subject) -> Row {
        let problems = self.problems.get(subject).map(Vec::as_slice);
        let Some(problems @ [first, ..]) = problems else {
            return row;
        };
        let code = if first.code.is_empty() {
            "not-deliverable"
        } else {
            first.code
        };
        let messages = problems
            .iter()
            .map(|problem| problem.message(true))
            .collect();
        Row {
            status: "failed",
            error: Some(code),
            messages,
            ..row
        }
    }

    /// Describes the answer for a reference, and its entry in the cache; `parameter_name` selects one of a path.
    fn source(&self, reference: &SecretRef, parameter_name: Option<&str>) -> SourceRow {
        let SecretRef { locator, selector } = reference;
        let answer: Option<&Answer> = self.fetched.get(locator);
        let document = answer.and_then(|answer| answer.as_ref().ok());
        let failure = answer.and_then(|answer| answer.as_ref().err());
        let read = document.and_then(|document| document.part(parameter_name));
        let region = document.map_or(
            failure.and_then(|failure| failure.region.as_ref()),
            |read| read.region.as_ref(),
        );
        let created = read.and_then(|read| read.created);
        let used = document.and_then(|document| document.cached.as_ref());
        let cached = used.map_or_else(
            || Some((*self.cached.get(locator)?, false)),
            |used| Some((used.age, true)),
        );
        let passed_over = document
            .filter(|_| read.is_some())
            .into_iter()
            .flat_map(|document| &document.passed_over);
        SourceRow {
            id: match failure {
                Some(failure) if failure.hides_name(reference) => NOT_SHOWN.to_owned(),
                Some(_) | None => locator.written_id() + parameter_name.unwrap_or_default(),
            },
            store: locator.store.service(),
            key: (*selector != Selector::Whole).then(|| selector.to_string()),
            region: region.or(locator.region.as_ref()).map(ToString::to_string),
            role: locator.role.as_ref().map(|role| role.arn.to_string()),
            version: read.and_then(|read| read.version_id.clone()),
            stages: read.map(|read| read.stages.clone()).unwrap_or_default(),
            created: created.map(date),
            age_seconds: created.map(|created| seconds_since(created, self.now)),
            regions_passed_over: passed_over
                .map(|passed| passed.region.to_string())
                .collect(),
            cached: cached.map(|(age, used)| CacheState {
                age_seconds: age.as_secs(),
                used,
            }),
            status: match answer {
                Some(Ok(_)) => "ok",
                Some(Err(_)) => "failed",
                None => self.unread([reference]),
            },
            error: failure.map(|failure| failure.error.code()),
        }
    }
}

/// Returns the row of a variable that `--keep-existing` keeps, or that a later `env-from` source sets.
fn unset_row(Override { subject, by, .. }: &Override) -> Option<Row> {
    match by {
        OverriddenBy::Kept(name) => Some(Row::new(name.clone(), subject, "kept")),
        OverriddenBy::Entry(other)
            if (subject.kind, other.kind) == (SubjectKind::EnvFrom, SubjectKind::EnvFrom) =>
        {
            Some(Row::new(subject.label.clone(), subject, "overridden"))
        }
        OverriddenBy::Entry(_) | OverriddenBy::Others => None,
    }
}

/// `NAME`, `NAME=/path`, `NAME=memfd`, `/path` or `UNIT/CREDENTIAL`.
fn label(target: &Target) -> String {
    match target {
        Target::File(FileTarget {
            env: Some(name),
            place: FilePlace::Path(path),
            ..
        }) => {
            format!("{name}={}", path.display())
        }
        Target::File(FileTarget {
            env: Some(name),
            place: FilePlace::Memory,
            ..
        }) => format!("{name}=memfd"),
        Target::Env(_)
        | Target::File(FileTarget { env: None, .. })
        | Target::Credential(_)
        | Target::Output => target.to_string(),
    }
}
