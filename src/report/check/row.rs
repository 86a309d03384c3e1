//! One line of the table: a variable, a file or a credential, where its value comes from, and its status.

use std::time::{Duration, SystemTime};

use super::problem::Problem;
use crate::model::answer::{Answer, Document};
use crate::model::entry::{CredentialTarget, Origin, Place};
use crate::model::reference::{Locator, Region, SecretRef, Selector};

/// A variable, a file or a credential.
#[derive(Debug)]
pub struct Row {
    /// The variable, the file's path, or the unit and the credential; of an object whose keys are unknown, a pattern for its variables.
    pub label: String,
    /// `None` for a file without a variable, and for keys that are unknown or not printed.
    pub variable: Option<String>,
    /// `None` for a variable that holds the value itself, and for a credential.
    pub file: Option<Place>,
    /// `None` for variables and files.
    pub credential: Option<CredentialTarget>,
    pub origin: Origin,
    pub kind: EntryKind,
    /// The reference as written; `None` for a template and a literal.
    pub reference: Option<String>,
    pub status: RowStatus,
    pub sources: Vec<ReadSource>,
}

/// The form of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Reference,
    Literal,
    Template,
    /// A variable of `env-from`.
    EnvFrom,
    /// References in an inherited variable.
    Inherited,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// There is a value.
    Ok,
    /// The value is absent, and the default is set.
    Default,
    /// The value is absent and optional, so that nothing is set.
    Unset,
    /// `--keep-existing` keeps the inherited variable.
    Kept,
    /// Nothing was requested.
    Unread,
    /// Other entries set each variable that the object has a key for.
    Overridden,
    /// An object without a key that would set a variable.
    Empty,
    /// No value, with the messages about it.
    Failed(Problem, Vec<String>),
}

/// A secret or parameter that a value is made of.
#[derive(Debug)]
pub struct ReadSource {
    pub locator: Locator,
    /// `None` for the whole value, and in a template.
    pub key: Option<String>,
    /// Of a path, the rest of the parameter's name.
    pub parameter_name: Option<String>,
    /// The region that answered, or else the one that is named.
    pub region: Option<Region>,
    /// `None` unless there was an answer.
    pub version: Option<SourceVersion>,
    /// The answer's part in the cache; `None` if it is not there.
    pub cached: Option<CacheState>,
    pub status: SourceStatus,
}

/// An entry of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheState {
    pub age: Duration,
    /// True if the value is from it, and not from AWS.
    pub is_used: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceStatus {
    Ok,
    Unread,
    Failed(Problem),
}

/// The version that was read.
#[derive(Debug)]
pub struct SourceVersion {
    /// `None` for a local file.
    pub id: Option<String>,
    pub stages: Vec<String>,
    pub created: Option<SystemTime>,
    /// The regions that were tried before.
    pub passed_over: Vec<Region>,
}

impl ReadSource {
    /// Describes the answer for a reference, and its entry in the cache; `parameter_name` selects one of a path.
    pub fn new(
        reference: &SecretRef,
        parameter_name: Option<&str>,
        answer: Option<&Answer>,
        cached_age: Option<Duration>,
    ) -> Self {
        let SecretRef { locator, selector } = reference;
        let (region, version, status) = match answer {
            None => (None, None, SourceStatus::Unread),
            Some(Err(failure)) => {
                let problem = Problem::of_fetch(&failure.error, Some(locator.store));
                (failure.region.clone(), None, SourceStatus::Failed(problem))
            }
            Some(Ok(document)) => (document.region.clone(), version(document, parameter_name), SourceStatus::Ok),
        };
        let used = answer.and_then(|answer| answer.as_ref().ok()?.cached.as_ref());
        let used = used.map(|cached| CacheState { age: cached.age, is_used: true });
        Self {
            locator: locator.clone(),
            key: (*selector != Selector::Whole).then(|| selector.to_string()),
            parameter_name: parameter_name.map(str::to_owned),
            region: region.or_else(|| locator.region.clone()),
            version,
            cached: used.or(cached_age.map(|age| CacheState { age, is_used: false })),
            status,
        }
    }

    /// The id as a reference spells it.
    pub fn id(&self) -> String {
        self.locator.written_id() + self.parameter_name.as_deref().unwrap_or_default()
    }

    /// `SECRET:KEY`
    pub fn reference(&self) -> String {
        self.key.iter().fold(self.id(), |id, key| format!("{id}:{key}"))
    }
}

/// A path itself has no version, each parameter below it has one.
fn version(document: &Document, parameter_name: Option<&str>) -> Option<SourceVersion> {
    let passed_over = document.passed_over.iter().map(|passed| passed.region.clone()).collect();
    let read = match parameter_name {
        Some(name) => &document.parameters.iter().find(|(other, _)| other == name)?.1,
        None if document.parameters.is_empty() => document,
        None => return None,
    };
    Some(SourceVersion { id: read.version_id.clone(), stages: read.stages.clone(), created: read.created, passed_over })
}
