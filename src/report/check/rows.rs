//! The rows of the table, in the order in which they are declared.

use std::collections::BTreeMap;
use std::time::Duration;

use super::overrides::{By, Override};
use super::problem::{Problem, TOO_LONG, UNDELIVERABLE};
use super::row::{EntryKind, ReadSource, Row, RowStatus};
use crate::deliver::DeliverError;
use crate::model::answer::Fetched;
use crate::model::entry::{Entry, EntrySource, FileTarget, Origin, Place, Subject, Target};
use crate::model::env_name::is_name;
use crate::model::environment::EnvironmentError;
use crate::model::plan::{Binding, EntryId, EnvFrom, Plan, ValueSource};
use crate::model::reference::{Locator, SecretRef, Store};
use crate::model::resolved::ResolvedEntry;
use crate::report::{credential_errors, deliver_errors, exec_errors, resolve_errors};
use crate::resolve::{Outcome, ResolveError};

/// All that is known about the values of a plan.
pub struct Values<'a> {
    pub plan: &'a Plan,
    pub outcome: &'a Outcome,
    pub fetched: &'a Fetched,
    /// The ages of entries in the cache.
    pub cached: &'a BTreeMap<Locator, Duration>,
    pub overrides: &'a [Override],
    pub unusable: &'a [(EntryId, EnvironmentError)],
    pub undeliverable: &'a [DeliverError],
}

/// Returns the rows, those of the earliest layer first.
pub fn rows(values: &Values<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for layer in values.plan.layers().iter().rev() {
        let start = rows.len();
        rows.extend(layer.bindings.iter().filter_map(|binding| values.binding(binding)));
        rows.extend(layer.env_from.iter().flat_map(|object| values.env_from(object)));
        rows.extend(layer.overridden.entries.iter().flat_map(|(id, entry)| values.kept(*id, kind_as_written(entry))));
        // Entries of `env:`, of `env-from:` and of `files:` may stand in any order.
        rows[start..].sort_by_key(|row| match row.origin {
            Origin::File { line, .. } => line,
            Origin::Argument(_) | Origin::Inherited => 0,
        });
    }
    rows
}

fn kind_as_written(entry: &Entry) -> EntryKind {
    match &entry.source {
        EntrySource::Reference(_) => EntryKind::Reference,
        EntrySource::Literal(_) => EntryKind::Literal,
        EntrySource::Template(_) => EntryKind::Template,
        EntrySource::Composed(_) => EntryKind::Inherited,
    }
}

fn kind(value_source: &ValueSource) -> EntryKind {
    match value_source {
        ValueSource::Secret(_) => EntryKind::Reference,
        ValueSource::Literal(_) => EntryKind::Literal,
        ValueSource::Template { .. } => EntryKind::Template,
        ValueSource::Composed(_) => EntryKind::Inherited,
    }
}

impl Values<'_> {
    /// Returns the rows of the variables that an entry does not set because of `--keep-existing`.
    fn kept(&self, id: EntryId, kind: EntryKind) -> Vec<Row> {
        let row = |Override { entry, subject, by }: &Override| match by {
            By::Kept(name) if *entry == id => Some(Row {
                label: name.clone(),
                variable: Some(name.clone()),
                file: None,
                credential: None,
                origin: subject.origin.clone(),
                kind,
                reference: subject.reference().map(str::to_owned),
                status: RowStatus::Kept,
                sources: Vec::new(),
            }),
            By::Kept(_) | By::Entry(_) | By::Others => None,
        };
        self.overrides.iter().filter_map(row).collect()
    }

    /// Returns `None` for an entry that another one overrides.
    fn binding(&self, binding: &Binding) -> Option<Row> {
        let resolved = &self.outcome.resolved;
        let Binding { id, subject, target, value_source, .. } = binding;
        let is_omitted = resolved.omitted.iter().any(|unused| unused.entry == *id);
        if self.is_overridden(*id) || is_omitted && resolved.has(&subject.label) {
            return None;
        }
        let references = value_source.references();
        let found = resolved.entries.iter().find(|resolved| resolved.entry == *id);
        let status = self.failure(binding).unwrap_or(match found {
            Some(ResolvedEntry { read_from, .. }) if read_from.is_empty() && !references.is_empty() => {
                RowStatus::Default
            }
            Some(_) => RowStatus::Ok,
            None if is_omitted => RowStatus::Unset,
            None => RowStatus::Unread,
        });
        let (file, credential) = match target {
            Target::Env(_) => (None, None),
            Target::File(FileTarget { place, .. }) => (Some(place.clone()), None),
            Target::Credential(credential) => (None, Some(credential.clone())),
        };
        Some(Row {
            label: label(target),
            variable: target.variable().map(ToString::to_string),
            file,
            credential,
            origin: subject.origin.clone(),
            kind: kind(value_source),
            reference: subject.reference().map(str::to_owned),
            status,
            sources: references.into_iter().map(|reference| self.source(reference, None)).collect(),
        })
    }

    /// Returns a row for each variable, and one for the object itself if it fails, is not read or sets nothing.
    fn env_from(&self, object: &EnvFrom) -> Vec<Row> {
        let locator = &object.reference.locator;
        let row = |label: String, parameter_name: Option<&str>, status| Row {
            variable: is_name(&label).then(|| label.clone()),
            label,
            file: None,
            credential: None,
            origin: object.subject.origin.clone(),
            kind: EntryKind::EnvFrom,
            reference: object
                .subject
                .reference()
                .map(|written| written.to_owned() + parameter_name.unwrap_or_default()),
            status,
            sources: vec![self.source(&object.reference, parameter_name)],
        };
        let resolved = self.outcome.resolved.entries.iter().filter(|resolved| resolved.entry == object.id);
        let mut rows: Vec<Row> = resolved
            .map(|ResolvedEntry { subject, read_from, .. }| {
                let parameter_name = read_from.iter().find_map(|read_from| read_from.parameter_name.as_deref());
                let status = self.unusable(object.id, subject).unwrap_or(RowStatus::Ok);
                row(subject.label.clone(), parameter_name, status)
            })
            .collect();
        rows.extend(self.kept(object.id, EntryKind::EnvFrom));
        let status = match self.errors(object.id) {
            Some(failed) => failed,
            None if !rows.is_empty() => return rows,
            None if self.is_overridden(object.id) => RowStatus::Overridden,
            None if self.fetched.get(locator).is_some_and(Result::is_ok) => RowStatus::Empty,
            None => RowStatus::Unread,
        };
        rows.push(row(format!("{}*", object.naming.prefix), None, status));
        rows
    }

    fn is_overridden(&self, id: EntryId) -> bool {
        self.outcome.resolved.overridden.iter().any(|unused| unused.entry == id)
    }

    fn source(&self, reference: &SecretRef, parameter_name: Option<&str>) -> ReadSource {
        let locator = &reference.locator;
        ReadSource::new(reference, parameter_name, self.fetched.get(locator), self.cached.get(locator).copied())
    }

    fn failure(&self, Binding { id, subject, target, .. }: &Binding) -> Option<RowStatus> {
        let errors = self.errors(*id).or_else(|| self.unusable(*id, subject));
        errors.or_else(|| self.undeliverable(subject, target)).or_else(|| self.too_long(subject, target))
    }

    fn errors(&self, id: EntryId) -> Option<RowStatus> {
        let errors: Vec<&ResolveError> = self.outcome.errors.iter().filter(|error| error.entry == id).collect();
        let first = errors.first()?;
        let store = |error: &ResolveError| -> Option<Store> { Some(error.reference.as_ref()?.locator.store) };
        let messages = errors.iter().map(|error| resolve_errors::message(error)).collect();
        Some(RowStatus::Failed(Problem::of_resolution(&first.problem, store(first)), messages))
    }

    fn unusable(&self, id: EntryId, subject: &Subject) -> Option<RowStatus> {
        let (_, error) = self.unusable.iter().find(|(entry, error)| match error {
            EnvironmentError::Nul(other) | EnvironmentError::TooLong { subject: other, .. } => {
                *entry == id && other == subject
            }
            EnvironmentError::TotalTooLong { .. } => false,
        })?;
        Some(RowStatus::Failed(Problem::of_environment(error), vec![exec_errors::environment_message(error)]))
    }

    fn undeliverable(&self, subject: &Subject, target: &Target) -> Option<RowStatus> {
        let Target::File(file) = target else { return None };
        let is_own = |error: &&DeliverError| error.origin == subject.origin && error.target == *file;
        let messages: Vec<_> = self.undeliverable.iter().filter(is_own).map(deliver_errors::line).collect();
        (!messages.is_empty()).then_some(RowStatus::Failed(UNDELIVERABLE, messages))
    }

    fn too_long(&self, subject: &Subject, target: &Target) -> Option<RowStatus> {
        let Target::Credential(_) = target else { return None };
        let mut values = self.outcome.resolved.credentials.iter();
        let value = values.find(|credential| credential.subject == *subject)?;
        let message = credential_errors::too_long_message(value)?;
        Some(RowStatus::Failed(TOO_LONG, vec![message]))
    }
}

/// `NAME`, `NAME=/path`, `NAME=memfd`, `/path` or `UNIT/CREDENTIAL`.
fn label(target: &Target) -> String {
    match target {
        Target::File(FileTarget { env: Some(name), place: Place::Path(path), .. }) => {
            format!("{name}={}", path.display())
        }
        Target::File(FileTarget { env: Some(name), place: Place::Memory, .. }) => format!("{name}=memfd"),
        Target::Env(_) | Target::File(FileTarget { env: None, .. }) | Target::Credential(_) => target.to_string(),
    }
}
