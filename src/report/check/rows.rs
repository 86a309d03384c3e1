//! The rows of the table, in the order in which they are declared.

use super::overrides::{By, Override};
use super::problem::{Problem, UNDELIVERABLE};
use super::row::{Kind, Row, Source, Status};
use crate::deliver::DeliverError;
use crate::model::answer::Fetched;
use crate::model::entry::{FileTarget, Origin, Place, Subject, Target};
use crate::model::env_name::is_name;
use crate::model::environment::EnvironmentError;
use crate::model::plan::{Binding, EnvFrom, Plan, ValueSource};
use crate::model::reference::{SecretRef, Store};
use crate::model::resolved::ReadFrom;
use crate::report::{deliver_errors, exec_errors, resolve_errors};
use crate::resolve::{Outcome, ResolveError};

/// All that is known about the values of a plan.
pub struct Values<'a> {
    pub plan: &'a Plan,
    pub outcome: &'a Outcome,
    pub fetched: &'a Fetched,
    pub unusable: &'a [EnvironmentError],
    pub undeliverable: &'a [DeliverError],
}

/// Returns the rows, those of the earliest layer first.
pub fn rows(values: &Values<'_>, overrides: &[Override]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_taken = vec![false; values.outcome.resolved.sources.len()];
    for layer in values.plan.layers().iter().rev() {
        let start = rows.len();
        rows.extend(layer.bindings.iter().filter_map(|binding| values.binding(binding, &mut is_taken)));
        for object in &layer.env_from {
            rows.extend(values.env_from(object, &mut is_taken));
        }
        let kept = |subject: &Subject| {
            layer.overridden.entries.iter().any(|entry| entry.subject() == *subject)
                || layer.env_from.iter().any(|object| is_key_of(subject, object))
        };
        rows.extend(overrides.iter().filter(|other| kept(&other.subject)).filter_map(kept_row));
        // Entries of `env:`, of `env-from:` and of `files:` may stand in any order.
        rows[start..].sort_by_key(|row| match row.origin {
            Origin::File { line, .. } | Origin::TaskDefinition { line, .. } => line,
            Origin::Argument(_) | Origin::Inherited => 0,
        });
    }
    rows
}

/// True if the subject is that of a variable which the object gives.
fn is_key_of(subject: &Subject, object: &EnvFrom) -> bool {
    subject.origin == object.subject.origin && subject.written == object.subject.written
}

fn kept_row(Override { subject, by }: &Override) -> Option<Row> {
    let By::Kept(name) = by else { return None };
    Some(Row {
        label: name.clone(),
        variable: Some(name.clone()),
        file: None,
        origin: subject.origin.clone(),
        kind: if subject.written.is_some() { Kind::Reference } else { Kind::Literal },
        reference: subject.written.clone(),
        status: Status::Kept,
        sources: Vec::new(),
    })
}

impl Values<'_> {
    /// Returns `None` for an entry that another one overrides.
    fn binding(&self, binding: &Binding, is_taken: &mut [bool]) -> Option<Row> {
        let resolved = &self.outcome.resolved;
        let Binding { subject, target, value_source, .. } = binding;
        let at = resolved.sources.iter().position(|(other, _)| other == subject);
        if let Some(taken) = at.and_then(|at| is_taken.get_mut(at)) {
            *taken = true;
        }
        let is_omitted = resolved.omitted.contains(subject);
        if resolved.overridden.contains(subject) || is_omitted && resolved.has(&subject.label) {
            return None;
        }
        let references = value_source.references();
        let read_from = at.and_then(|at| resolved.sources.get(at)).map(|(_, read_from)| read_from);
        let status = self.failure(subject, target).unwrap_or(match read_from {
            Some(read_from) if read_from.is_empty() && !references.is_empty() => Status::Default,
            Some(_) => Status::Ok,
            None if is_omitted => Status::Unset,
            None => Status::Unread,
        });
        let sources = references.into_iter().map(|reference| self.source(reference, None)).collect();
        let (kind, reference) = match value_source {
            ValueSource::Secret(_) => (Kind::Reference, subject.written.clone()),
            ValueSource::Literal(_) => (Kind::Literal, None),
            ValueSource::Template { .. } => (Kind::Template, None),
            ValueSource::Composed(_) => (Kind::Inherited, None),
        };
        let file = match target {
            Target::Env(_) => None,
            Target::File(FileTarget { place, .. }) => Some(place.clone()),
        };
        Some(Row {
            label: label(target),
            variable: target.variable().map(ToString::to_string),
            file,
            origin: subject.origin.clone(),
            kind,
            reference,
            status,
            sources,
        })
    }

    /// Returns a row for each variable, and one for the object itself if it fails, is not read or sets nothing.
    fn env_from(&self, object: &EnvFrom, is_taken: &mut [bool]) -> Vec<Row> {
        let locator = &object.reference.locator;
        let is_path = locator.is_path();
        let row = |label: String, parameter_name: Option<&str>, status| Row {
            variable: is_name(&label).then(|| label.clone()),
            label,
            file: None,
            origin: object.subject.origin.clone(),
            kind: Kind::EnvFrom,
            reference: object.subject.written.clone().map(|written| written + parameter_name.unwrap_or_default()),
            status,
            sources: vec![self.source(&object.reference, parameter_name)],
        };
        let mut rows = Vec::new();
        for ((subject, read_from), is_taken) in self.outcome.resolved.sources.iter().zip(is_taken) {
            let [ReadFrom { locator: source, parameter_name }] = read_from.as_slice() else { continue };
            if *is_taken || source != locator || !is_key_of(subject, object) {
                continue;
            }
            *is_taken = true;
            let status = self.unusable(subject).unwrap_or(Status::Ok);
            rows.push(row(subject.label.clone(), parameter_name.as_deref().filter(|_| is_path), status));
        }
        let status = match self.errors(&object.subject) {
            Some(failed) => failed,
            None if !rows.is_empty() => return rows,
            None if self.fetched.get(locator).is_some_and(Result::is_ok) => Status::Empty,
            None => Status::Unread,
        };
        rows.push(row(format!("{}*", object.naming.prefix), None, status));
        rows
    }

    fn source(&self, reference: &SecretRef, parameter_name: Option<&str>) -> Source {
        Source::new(reference, parameter_name, self.fetched.get(&reference.locator))
    }

    fn failure(&self, subject: &Subject, target: &Target) -> Option<Status> {
        self.errors(subject).or_else(|| self.unusable(subject)).or_else(|| self.undeliverable(subject, target))
    }

    fn errors(&self, subject: &Subject) -> Option<Status> {
        let errors: Vec<&ResolveError> = self.outcome.errors.iter().filter(|error| error.subject == *subject).collect();
        let first = errors.first()?;
        let store = |error: &ResolveError| -> Option<Store> { Some(error.reference.as_ref()?.locator.store) };
        let messages = errors.iter().map(|error| resolve_errors::message(error)).collect();
        Some(Status::Failed(Problem::of_resolution(&first.problem, store(first)), messages))
    }

    fn unusable(&self, subject: &Subject) -> Option<Status> {
        let error = self.unusable.iter().find(|error| match error {
            EnvironmentError::Nul(other) | EnvironmentError::TooLong { subject: other, .. } => other == subject,
            EnvironmentError::TotalTooLong { .. } => false,
        })?;
        Some(Status::Failed(Problem::of_environment(error), vec![exec_errors::environment_message(error)]))
    }

    fn undeliverable(&self, subject: &Subject, target: &Target) -> Option<Status> {
        let Target::File(file) = target else { return None };
        let is_own = |error: &&DeliverError| error.origin == subject.origin && error.target == *file;
        let messages: Vec<_> = self.undeliverable.iter().filter(is_own).map(deliver_errors::line).collect();
        (!messages.is_empty()).then_some(Status::Failed(UNDELIVERABLE, messages))
    }
}

/// `NAME`, `NAME=/path`, `NAME=memfd` or `/path`.
fn label(target: &Target) -> String {
    match target {
        Target::File(FileTarget { env: Some(name), place: Place::Path(path), .. }) => {
            format!("{name}={}", path.display())
        }
        Target::File(FileTarget { env: Some(name), place: Place::Memory, .. }) => format!("{name}=memfd"),
        Target::Env(_) | Target::File(FileTarget { env: None, .. }) => target.to_string(),
    }
}
