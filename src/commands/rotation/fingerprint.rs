//! Fingerprints of values: the versions that were read, and a keyed hash of each value instead of the value.
//!
//! The process that stays keeps hashes, so that no core file or swapped page of it holds a value. Their random key is in the same memory:
//! whoever reads both can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::model::answer::{Document, Fetched};
use crate::model::entry::{FilePlace, FileTarget, Target};
use crate::model::options::OnRotation;
use crate::model::outcome::{EntryOutcome, Outcomes};
use crate::model::reference::Locator;
use crate::report::rotation::Change;

/// The values of one resolution.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// By a hash of what their targets claim.
    values: BTreeMap<u64, Value>,
    /// The secrets and parameters, by a hash of what was requested.
    secrets: BTreeMap<u64, Secret>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Value {
    /// As messages name it.
    label: String,
    hash: u64,
    /// The keys of `secrets` from which it was read.
    read_from: Vec<u64>,
}

/// A secret or parameter that was read.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    /// As messages name it.
    name: String,
    /// As references do.
    id: String,
    version_id: Option<String>,
    /// The hash of the document. A version id says less: some stores give every value the same one.
    content: u64,
}

impl Fingerprint {
    /// Returns the fingerprint of the values that can change in the command. With `signal=NAME` these are files with a path: a running
    /// program does not see another variable or another file in memory.
    pub fn new(
        key: &RandomState,
        on_rotation: OnRotation,
        outcomes: &Outcomes,
        fetched: &Fetched,
    ) -> Self {
        let mut values = BTreeMap::new();
        for (outcome, value) in outcomes.values() {
            let EntryOutcome {
                target, subject, ..
            } = outcome;
            let has_path = matches!(
                target,
                Target::File(FileTarget {
                    place: FilePlace::Path(_),
                    ..
                })
            );
            if has_path || !matches!(on_rotation, OnRotation::Signal(_)) {
                let mut read_from = Vec::new();
                for reference in outcome.read_from() {
                    let name = outcome.parameter_name.as_deref();
                    read_from.push(secret_key(key, &reference.locator, name));
                }
                let value = Value {
                    label: subject.label.clone(),
                    hash: key.hash_one(value.expose()),
                    read_from,
                };
                values.insert(key.hash_one(target.claims()), value);
            }
        }
        let mut secrets = BTreeMap::new();
        for (locator, answer) in fetched {
            let Ok(document) = answer else { continue };
            let mut add = |parameter_name: Option<&str>, document: &Document| {
                let secret = Secret {
                    name: locator.noun_of(parameter_name),
                    id: locator.written_id() + parameter_name.unwrap_or_default(),
                    version_id: document.version_id.clone(),
                    content: key.hash_one(document.body.expose()),
                };
                secrets.insert(secret_key(key, locator, parameter_name), secret);
            };
            if locator.is_path() {
                document
                    .parameters
                    .iter()
                    .for_each(|(name, parameter)| add(Some(name), parameter));
            } else {
                add(None, document);
            }
        }
        Self { values, secrets }
    }

    /// Returns the secrets that changed since these values, ordered by name, each with the labels of the values that differ.
    ///
    /// A secret has changed if it has another content and another value was read from it: a new version may have the same values.
    pub fn changes<'a>(&'a self, later: &'a Self) -> Vec<Change<'a>> {
        let mut labels_of: BTreeMap<&u64, BTreeSet<&String>> = BTreeMap::new();
        let targets: BTreeSet<&u64> = self.values.keys().chain(later.values.keys()).collect();
        for target in targets {
            let (old, new) = (self.values.get(target), later.values.get(target));
            if old.map(|value| value.hash) == new.map(|value| value.hash) {
                continue;
            }
            for Value {
                label, read_from, ..
            } in old.into_iter().chain(new)
            {
                for key in read_from {
                    let [old, new] = [self, later]
                        .map(|either| either.secrets.get(key).map(|secret| secret.content));
                    if old != new {
                        labels_of.entry(key).or_default().insert(label);
                    }
                }
            }
        }
        let mut changes = Vec::new();
        for (key, labels) in labels_of {
            let (old, new) = (self.secrets.get(key), later.secrets.get(key));
            let Some(Secret { name, id, .. }) = new.or(old) else {
                continue;
            };
            changes.push(Change {
                name,
                id,
                old_version: old.and_then(|secret| secret.version_id.as_deref()),
                new_version: new.and_then(|secret| secret.version_id.as_deref()),
                names: labels.into_iter().cloned().collect(),
            });
        }
        changes.sort_by_key(|change| (change.name, change.old_version, change.new_version));
        changes
    }
}

/// Returns the key of a secret, or of one parameter below a path.
fn secret_key(key: &RandomState, locator: &Locator, parameter_name: Option<&str>) -> u64 {
    key.hash_one((locator, parameter_name))
}
