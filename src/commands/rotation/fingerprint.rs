//! Fingerprints of values: the versions that were read, and a keyed hash of each value instead of the value.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use serde::{Deserialize, Serialize};

use crate::model::answer::{Document, Fetched};
use crate::model::entry::{FilePlace, Target};
use crate::model::reference::Locator;
use crate::model::resolved::Resolved;
use crate::report::rotation::Change;

/// The random key of the hashes. Without it, a hash in a core file or in swapped memory would give away a short value to a search.
#[derive(Clone, Serialize, Deserialize)]
pub struct HashKey([u8; LENGTH]);

/// The length of SHA-256.
const LENGTH: usize = 32;

pub type Hash = [u8; LENGTH];

/// The values that can change in the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintScope {
    /// All: the command is started again.
    All,
    /// Files with a path: a running program does not see another variable or another file in memory.
    PathFiles,
}

/// The values of one resolution.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The hashes by the labels of variables and files.
    values: BTreeMap<String, Hash>,
    /// The secrets and parameters by a text that no two of them share.
    secrets: BTreeMap<String, Secret>,
    /// The keys of `secrets` from which a value was read, by its label.
    read_from: BTreeMap<String, Vec<String>>,
}

/// A secret or parameter that was read.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Secret {
    /// As messages name it.
    name: String,
    /// As references do.
    id: String,
    version: FingerprintVersion,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FingerprintVersion {
    Id(String),
    /// The hash of a document without a version id, such as one of a local file.
    Content(Hash),
}

impl HashKey {
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn random() -> Result<Self, Unspecified> {
        let mut bytes = [0; LENGTH];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub fn fingerprint(&self, scope: FingerprintScope, resolved: &Resolved, fetched: &Fetched) -> Fingerprint {
        let key = Key::new(HMAC_SHA256, &self.0);
        let hash = |value: &[u8]| {
            let mut hash = [0; LENGTH];
            hash.iter_mut().zip(sign(&key, value).as_ref()).for_each(|(to, from)| *to = *from);
            hash
        };
        let variables = resolved.variables.iter().filter(|_| scope == FingerprintScope::All);
        let variables = variables.map(|variable| (variable.subject.label.clone(), hash(variable.value.expose())));
        let files = resolved.files.iter().filter(|file| match (scope, &file.target.place) {
            (FingerprintScope::All, _) | (FingerprintScope::PathFiles, FilePlace::Path(_)) => true,
            (FingerprintScope::PathFiles, FilePlace::Memory) => false,
        });
        let files = files.map(|file| (Target::File(file.target.clone()).to_string(), hash(file.value.expose())));
        Fingerprint {
            values: variables.chain(files).collect(),
            secrets: secrets(fetched, hash),
            read_from: read_from(resolved),
        }
    }
}

fn secrets(fetched: &Fetched, hash: impl Fn(&[u8]) -> Hash) -> BTreeMap<String, Secret> {
    let secret = |locator: &Locator, parameter_name: Option<&str>, document: &Document| {
        let content = || FingerprintVersion::Content(hash(document.body.expose()));
        let secret = Secret {
            name: locator.name_of(parameter_name),
            id: locator.written_id() + parameter_name.unwrap_or_default(),
            version: document.version_id.clone().map_or_else(content, FingerprintVersion::Id),
        };
        (key(locator, parameter_name), secret)
    };
    let mut secrets = BTreeMap::new();
    for (locator, answer) in fetched {
        let Ok(document) = answer else { continue };
        if locator.is_path() {
            let parameters = document.parameters.iter();
            secrets.extend(parameters.map(|(name, document)| secret(locator, Some(name), document)));
        } else {
            secrets.extend([secret(locator, None, document)]);
        }
    }
    secrets
}

fn read_from(resolved: &Resolved) -> BTreeMap<String, Vec<String>> {
    let entries = resolved.entries.iter().map(|entry| {
        let sources = entry.read_from.iter();
        let keys = sources.map(|source| key(&source.locator, source.parameter_name.as_deref()));
        (entry.subject.label.clone(), keys.collect())
    });
    entries.collect()
}

fn key(locator: &Locator, parameter_name: Option<&str>) -> String {
    format!("{locator:?} {}", parameter_name.unwrap_or_default())
}

impl Fingerprint {
    /// Returns the secrets that changed after these values: those with a new version from which another value was read, each with the
    /// labels of such values.
    ///
    /// Both are needed: a new version may have the same values, and the value of a version never changes.
    pub fn changes<'a>(&'a self, later: &'a Self) -> Vec<Change<'a>> {
        let mut names: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        let labels: BTreeSet<_> = self.values.keys().chain(later.values.keys()).collect();
        for label in labels.into_iter().filter(|label| self.values.get(*label) != later.values.get(*label)) {
            let sources = [self, later].into_iter().filter_map(|either| either.read_from.get(label)).flatten();
            let is_new = |key: &&String| self.version(key) != later.version(key);
            for key in sources.filter(is_new) {
                names.entry(key).or_default().insert(label);
            }
        }
        let change = |(key, names): (&String, BTreeSet<&String>)| {
            let Secret { name, id, .. } = later.secrets.get(key).or_else(|| self.secrets.get(key))?;
            Some(Change {
                name,
                id,
                old_version: self.version(key).and_then(FingerprintVersion::id),
                new_version: later.version(key).and_then(FingerprintVersion::id),
                names: names.into_iter().cloned().collect(),
            })
        };
        names.into_iter().filter_map(change).collect()
    }

    fn version(&self, key: &str) -> Option<&FingerprintVersion> {
        self.secrets.get(key).map(|secret| &secret.version)
    }
}

impl FingerprintVersion {
    /// The version id; `None` for a document without one.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Content(_) => None,
        }
    }
}
