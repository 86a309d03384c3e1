//! Fingerprints of values: the versions that were read, and a keyed hash of each value instead of the value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use aws_lc_rs::rand::SystemRandom;

use crate::model::answer::{Document, Fetched};
use crate::model::entry::{FileTarget, Place, Target};
use crate::model::reference::Locator;
use crate::model::resolved::Resolved;
use crate::model::secret_value::SecretValue;

/// The random key of the hashes. Without it, a hash in a core file or in swapped memory would give away a short value to a search.
pub struct HashKey(Key);

/// The length of SHA-256.
const LENGTH: usize = 32;

pub type Hash = [u8; LENGTH];

/// A variable or a file of the command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    Variable(String),
    /// A file in memory, by the variable that holds its path.
    Memory(Option<String>),
    Path(PathBuf),
}

/// One secret or parameter, or with a name one parameter below a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    pub locator: Locator,
    pub parameter_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    Id(String),
    /// The hash of a document without a version id, such as one of a local file.
    Content(Hash),
}

/// A value, of which only the hash is kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// The label of its entry.
    pub label: String,
    pub hash: Hash,
}

/// The values of one resolution.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub values: BTreeMap<Slot, Value>,
    pub versions: BTreeMap<Secret, Version>,
    /// The secrets that each variable or file was read from, by its label.
    pub read_from: BTreeMap<String, Vec<Secret>>,
}

impl HashKey {
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn random() -> Result<Self, Unspecified> {
        Key::generate(HMAC_SHA256, &SystemRandom::new()).map(Self)
    }

    fn hash(&self, value: &[u8]) -> Hash {
        let mut hash = [0; LENGTH];
        hash.iter_mut().zip(sign(&self.0, value).as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }

    pub fn fingerprint(&self, resolved: &Resolved, fetched: &Fetched) -> Fingerprint {
        let hashed = |label: String, value: &SecretValue| Value { label, hash: self.hash(value.expose()) };
        let variables = resolved.variables.iter().map(|variable| {
            let slot = Slot::Variable(variable.name.as_str().to_owned());
            (slot, hashed(variable.subject.label.clone(), &variable.value))
        });
        let files = resolved.files.iter().map(|file| {
            let label = Target::File(file.target.clone()).to_string();
            (slot(&file.target), hashed(label, &file.value))
        });
        Fingerprint {
            values: variables.chain(files).collect(),
            versions: self.versions(fetched),
            read_from: read_from(resolved),
        }
    }

    fn versions(&self, fetched: &Fetched) -> BTreeMap<Secret, Version> {
        let mut versions = BTreeMap::new();
        for (locator, answer) in fetched.iter() {
            let Ok(document) = answer else { continue };
            let secret = |parameter_name| Secret { locator: locator.clone(), parameter_name };
            if locator.is_path() {
                let parameters = document.parameters.iter();
                versions
                    .extend(parameters.map(|(name, document)| (secret(Some(name.clone())), self.version(document))));
            } else {
                versions.insert(secret(None), self.version(document));
            }
        }
        versions
    }

    fn version(&self, document: &Document) -> Version {
        let id = document.version_id.clone().map(Version::Id);
        id.unwrap_or_else(|| Version::Content(self.hash(document.body.expose())))
    }
}

fn slot(target: &FileTarget) -> Slot {
    match &target.place {
        Place::Path(path) => Slot::Path(path.clone()),
        Place::Memory => Slot::Memory(target.env.as_ref().map(|name| name.as_str().to_owned())),
    }
}

fn read_from(resolved: &Resolved) -> BTreeMap<String, Vec<Secret>> {
    let entries = resolved.entries.iter().map(|entry| {
        let secrets = entry
            .read_from
            .iter()
            .map(|source| Secret { locator: source.locator.clone(), parameter_name: source.parameter_name.clone() });
        (entry.subject.label.clone(), secrets.collect())
    });
    entries.collect()
}

impl Version {
    /// The version id; `None` for a document without one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Content(_) => None,
        }
    }
}
