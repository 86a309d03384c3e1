//! The comparison of a poll's values with those that the command has.

use std::collections::{BTreeMap, BTreeSet};

use ring::error::Unspecified;

use super::fingerprint::{Fingerprint, HashKey, Secret, Slot, Version};
use crate::model::answer::Fetched;
use crate::model::reference::Locator;
use crate::model::resolved::Resolved;

/// The values that can change in the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All: the command is started again.
    All,
    /// Files with a path: a running program does not see another variable or another file in memory.
    PathFiles,
}

/// The fingerprints of the command's values and of those that will replace them.
pub struct Comparison {
    scope: Scope,
    key: HashKey,
    current: Fingerprint,
    kept: Option<Fingerprint>,
    /// The versions of which a warning said that the command does not see them.
    unseen: Option<BTreeMap<Secret, Version>>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    Changed(Vec<ChangedSecret>),
    /// The values that are kept already.
    Kept,
    /// The values of the command.
    Unchanged,
}

/// A secret with a new version, and the variables and files that have another value for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedSecret {
    pub locator: Locator,
    /// Of a path, the rest of the parameter's name.
    pub parameter_name: Option<String>,
    /// `None` for a secret that was not there, and for a local file.
    pub old_version: Option<String>,
    /// `None` for a secret that is not there any more, and for a local file.
    pub new_version: Option<String>,
    /// The labels of the entries.
    pub names: Vec<String>,
}

impl Comparison {
    /// Keeps the fingerprint of the values with which the command is started.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn new(scope: Scope, resolved: &Resolved, fetched: &Fetched) -> Result<Self, Unspecified> {
        let key = HashKey::random()?;
        let current = key.fingerprint(resolved, fetched);
        Ok(Self { scope, key, current, kept: None, unseen: None })
    }

    /// Returns the fingerprint of the values of a poll.
    pub fn fingerprint(&self, resolved: &Resolved, fetched: &Fetched) -> Fingerprint {
        self.key.fingerprint(resolved, fetched)
    }

    /// Compares the values of a poll with those of the command, and keeps the fingerprint of others.
    ///
    /// They are others if a version is new and a value differs. Both are needed: a new version may have the same values, and the value
    /// of a version never changes.
    pub fn compare(&mut self, polled: Fingerprint) -> Compared {
        if self.kept.as_ref().is_some_and(|kept| self.differing(kept, &polled).is_empty()) {
            return Compared::Kept;
        }
        let slots = self.differing(&self.current, &polled);
        if self.current.versions == polled.versions || slots.is_empty() {
            if self.current.values == polled.values {
                self.current = polled;
            }
            return Compared::Unchanged;
        }
        let changed = changed_secrets(&self.current, &polled, &slots);
        self.kept = Some(polled);
        Compared::Changed(changed)
    }

    /// Returns the labels of values that differ, but that a running command cannot see; none for versions that were asked for before.
    pub fn unseen(&mut self, polled: &Fingerprint) -> Vec<String> {
        if self.scope == Scope::All || self.unseen.as_ref().unwrap_or(&self.current.versions) == &polled.versions {
            return Vec::new();
        }
        self.unseen = Some(polled.versions.clone());
        let slots = differing(&self.current, polled);
        let unseen = slots.iter().filter(|slot| !self.scope.has(slot));
        let labels: BTreeSet<_> = unseen.filter_map(|slot| label(&self.current, polled, slot)).collect();
        labels.into_iter().collect()
    }

    /// The kept values are those of the command now.
    pub fn adopt(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.current = kept;
        }
    }

    /// Forgets the kept values.
    pub fn discard(&mut self) {
        self.kept = None;
    }

    fn differing(&self, old: &Fingerprint, new: &Fingerprint) -> BTreeSet<Slot> {
        differing(old, new).into_iter().filter(|slot| self.scope.has(slot)).collect()
    }
}

impl Scope {
    fn has(self, slot: &Slot) -> bool {
        match (self, slot) {
            (Self::All, _) | (Self::PathFiles, Slot::Path(_)) => true,
            (Self::PathFiles, Slot::Variable(_) | Slot::Memory(_)) => false,
        }
    }
}

/// Returns the variables and files that have another value, or that only one of the two has.
fn differing(old: &Fingerprint, new: &Fingerprint) -> BTreeSet<Slot> {
    let slots = old.values.keys().chain(new.values.keys());
    let hash = |fingerprint: &Fingerprint, slot| fingerprint.values.get(slot).map(|value| value.hash);
    slots.filter(|slot| hash(old, slot) != hash(new, slot)).cloned().collect()
}

fn label(old: &Fingerprint, new: &Fingerprint, slot: &Slot) -> Option<String> {
    new.values.get(slot).or_else(|| old.values.get(slot)).map(|value| value.label.clone())
}

/// Returns the secrets of these variables and files whose version is new.
fn changed_secrets(old: &Fingerprint, new: &Fingerprint, slots: &BTreeSet<Slot>) -> Vec<ChangedSecret> {
    let mut names: BTreeMap<&Secret, BTreeSet<String>> = BTreeMap::new();
    for label in slots.iter().filter_map(|slot| label(old, new, slot)) {
        let sources = [old, new].into_iter().filter_map(|fingerprint| fingerprint.read_from.get(&label)).flatten();
        for secret in sources.filter(|secret| old.versions.get(secret) != new.versions.get(secret)) {
            names.entry(secret).or_default().insert(label.clone());
        }
    }
    let version =
        |fingerprint: &Fingerprint, secret| fingerprint.versions.get(secret).and_then(Version::id).map(str::to_owned);
    let changed = names.into_iter().map(|(secret, names)| ChangedSecret {
        locator: secret.locator.clone(),
        parameter_name: secret.parameter_name.clone(),
        old_version: version(old, secret),
        new_version: version(new, secret),
        names: names.into_iter().collect(),
    });
    changed.collect()
}
