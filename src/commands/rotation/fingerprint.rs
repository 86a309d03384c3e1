//! Fingerprints of values: the versions that were read, and a keyed hash instead of each value.
//!
//! The process that stays keeps hashes instead of values, so that none of its core files and
//! swapped pages contains a value. The random key of the hashes is in the same memory, so anyone
//! who can read both can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::model::answer::{Document, Fetched};
use crate::model::entry::Target;
use crate::model::options::OnRotation;
use crate::model::outcome::Outcomes;
use crate::model::reference::{Locator, SecretRef};

/// The values of one launch.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The values. The key is a hash of the variable, path or credential that a value sets.
    values: BTreeMap<u64, Value>,
    /// The secrets and parameters. The key is a hash of what was requested.
    secrets: BTreeMap<u64, Secret>,
}

/// The value of a variable, a file or a credential.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Value {
    /// The name in messages.
    label: String,
    hash: u64,
    /// The keys (in `secrets`) of the secrets that it was read from.
    read_from: Vec<u64>,
}

/// A secret or parameter that was read.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    /// The name in messages.
    name: String,
    /// The id, as references spell it.
    id: String,
    version_id: Option<String>,
    /// The hash of the whole document. The version id isn't enough, because some stores give every
    /// value the same one.
    content: u64,
}

/// A secret that has changed, and the variables and files whose values differ because of it.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// The name of the secret in messages, for example `the secret "prod/db"`.
    pub name: &'a str,
    /// The id as references spell it.
    pub id: &'a str,
    /// The version that was read before. It is `None` if the secret was not read, for example
    /// because it is optional and did not exist.
    pub old_version: Option<&'a str>,
    /// The version that was read now. It is `None` if the secret is no longer read.
    pub new_version: Option<&'a str>,
    /// The labels of the variables and files.
    pub names: Vec<String>,
}

/// The values that have changed.
#[derive(Default, Serialize, Deserialize)]
pub struct ChangedValues {
    /// The labels of variables and files.
    pub labels: BTreeSet<String>,
    /// The names, in messages, of the secrets and parameters from which they are read.
    pub secrets: BTreeSet<String>,
}

impl Fingerprint {
    /// Returns the fingerprint of the values that can change while the command runs, and of the
    /// documents that were read. Each parameter below a path counts as a document. With
    /// `signal=NAME`, these are the files with a path: a running program doesn't see a new value of
    /// a variable or of a file in memory.
    pub fn new(
        hash_key: &RandomState,
        on_rotation: OnRotation,
        outcomes: &Outcomes,
        fetched: &Fetched,
    ) -> Self {
        let mut fingerprint = Self::default();
        for (outcome, value) in outcomes.values() {
            let has_path = matches!(&outcome.target, Target::File(file) if file.path.is_some());
            if matches!(on_rotation, OnRotation::Signal(_)) && !has_path {
                continue;
            }
            let name = outcome.parameter_name.as_deref();
            let key = |reference: &SecretRef| hash_of_request(hash_key, &reference.locator, name);
            let value = Value {
                label: outcome.subject.label.clone(),
                hash: hash_key.hash_one(value.expose()),
                read_from: outcome.read_from().iter().map(key).collect(),
            };
            let target = hash_key.hash_one(Vec::from_iter(outcome.target.claims()));
            fingerprint.values.insert(target, value);
        }

        for (locator, answer) in fetched {
            let Ok(document) = answer else { continue };
            let mut add = |parameter_name: Option<&str>, document: &Document| {
                let secret = Secret {
                    name: locator.revealed().noun_of(parameter_name),
                    id: locator.written_id_of(parameter_name),
                    version_id: document.version_id.clone(),
                    content: hash_key.hash_one(document.body.expose()),
                };
                let key = hash_of_request(hash_key, locator, parameter_name);
                fingerprint.secrets.insert(key, secret);
            };
            if !locator.is_path() {
                add(None, document);
            }
            for (name, parameter) in &document.parameters {
                add(Some(name), parameter);
            }
        }
        fingerprint
    }

    /// Returns the secrets that differ in `later`, ordered by name, each with the labels of the
    /// values that differ.
    ///
    /// A secret has only changed if its content differs and a value that was read from it differs,
    /// too. A new version may have the same values.
    pub fn changes<'a>(&'a self, later: &'a Self) -> Vec<Change<'a>> {
        let mut labels_of: BTreeMap<&u64, BTreeSet<&String>> = BTreeMap::new();
        let targets: BTreeSet<&u64> = self.values.keys().chain(later.values.keys()).collect();
        for target in targets {
            let (old_value, new_value) = (self.values.get(target), later.values.get(target));
            if old_value.map(|value| value.hash) == new_value.map(|value| value.hash) {
                continue;
            }
            for value in old_value.into_iter().chain(new_value) {
                for key in &value.read_from {
                    if self.content(key) != later.content(key) {
                        labels_of.entry(key).or_default().insert(&value.label);
                    }
                }
            }
        }

        let mut changes = Vec::new();
        for (key, labels) in labels_of {
            let (old, new) = (self.secrets.get(key), later.secrets.get(key));
            if let Some(Secret { name, id, .. }) = new.or(old) {
                changes.push(Change {
                    name,
                    id,
                    old_version: old.and_then(|secret| secret.version_id.as_deref()),
                    new_version: new.and_then(|secret| secret.version_id.as_deref()),
                    names: labels.into_iter().cloned().collect(),
                });
            }
        }
        changes.sort_by_key(|change| (change.name, change.old_version, change.new_version));
        changes
    }

    /// Returns the hash of a secret's content, if the launch has read this secret.
    fn content(&self, key: &u64) -> Option<u64> {
        self.secrets.get(key).map(|secret| secret.content)
    }
}

/// Returns the key of [`Fingerprint::secrets`] for a secret, or for one parameter below a path.
fn hash_of_request(hash_key: &RandomState, locator: &Locator, parameter_name: Option<&str>) -> u64 {
    hash_key.hash_one((locator, parameter_name))
}
