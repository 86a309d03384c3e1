//! The comparison of a poll's values with those that the command has.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::error::Unspecified;

use super::fingerprint::{Fingerprint, Hash, HashKey, Secret, Slot, Version};
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
    /// The values, by their hashes, that were returned as unseen; `None` for one that vanished.
    reported: BTreeMap<Slot, Option<Hash>>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    Changed {
        /// The secrets that differ from those of the command.
        all: Vec<ChangedSecret>,
        /// The secrets that differ from those of the last poll that found a change, if it has no consequence yet.
        new: Vec<ChangedSecret>,
    },
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

/// Values that changed outside the [`Scope`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unseen {
    /// The labels of the entries.
    pub labels: Vec<String>,
    pub secrets: Vec<ChangedSecret>,
}

impl Comparison {
    /// Keeps the fingerprint of the values with which the command is started.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn new(scope: Scope, resolved: &Resolved, fetched: &Fetched) -> Result<Self, Unspecified> {
        let key = HashKey::random()?;
        let current = key.fingerprint(resolved, fetched);
        Ok(Self { scope, key, current, kept: None, reported: BTreeMap::new() })
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
        let all = changed_secrets(&self.current, &polled, &slots);
        let new = match &self.kept {
            Some(kept) => changed_secrets(kept, &polled, &self.differing(kept, &polled)),
            None => all.clone(),
        };
        self.kept = Some(polled);
        Compared::Changed { all, new }
    }

    /// Returns the values that differ, but that a running command cannot see; each value once.
    pub fn unseen(&mut self, polled: &Fingerprint) -> Unseen {
        if self.current.versions == polled.versions {
            return Unseen::default();
        }
        let mut slots = differing(&self.current, polled);
        slots.retain(|slot| !self.scope.has(slot));
        slots.retain(|slot| {
            let hash = polled.values.get(slot).map(|value| value.hash);
            self.reported.insert(slot.clone(), hash) != Some(hash)
        });
        let labels: BTreeSet<_> = slots.iter().filter_map(|slot| label(&self.current, polled, slot)).collect();
        let secrets = changed_secrets(&self.current, polled, &slots);
        Unseen { labels: labels.into_iter().collect(), secrets }
    }

    /// Takes the kept values for those of the command.
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

impl ChangedSecret {
    /// Returns true if both are the same secret.
    pub fn is_of(&self, other: &Self) -> bool {
        (&self.locator, &self.parameter_name) == (&other.locator, &other.parameter_name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::Document;
    use crate::model::entry::{FileTarget, Mode, Origin, Place, Subject, SubjectKind};
    use crate::model::env_name::EnvName;
    use crate::model::plan::EntryId;
    use crate::model::reference::Version::Current;
    use crate::model::reference::{SecretId, Store};
    use crate::model::resolved::{FileValue, ReadFrom, ResolvedEntry, ResolvedVariable};
    use crate::model::secret_value::SecretValue;

    /// A secret with this version, whose value a variable `A` and a file `/file` have.
    fn read(version: Option<&str>, variable: &str, file: &str) -> (Resolved, Fetched) {
        let (_, id) = SecretId::parse("prod/db").unwrap();
        let locator = Locator { store: Store::SecretsManager, id, region: None, role: None, version: Current };
        let document = Document { version_id: version.map(str::to_owned), ..Document::new(SecretValue::new(variable)) };
        let subject = |label: &str| Subject {
            label: label.to_owned(),
            origin: Origin::Argument("--env"),
            kind: SubjectKind::Entry,
            written: None,
        };
        let entry = |label: &str| ResolvedEntry {
            entry: EntryId(0),
            subject: subject(label),
            read_from: vec![ReadFrom { locator: locator.clone(), parameter_name: None }],
        };
        let variables = vec![ResolvedVariable {
            name: EnvName::parse("A").unwrap(),
            value: SecretValue::new(variable),
            entry: EntryId(0),
            subject: subject("A"),
        }];
        let target = FileTarget { place: Place::Path("/file".into()), env: None, mode: Mode::PRIVATE, owner: None };
        let files = vec![FileValue { target, value: SecretValue::new(file), origin: Origin::Argument("--as-file") }];
        let entries = vec![entry("A"), entry("/file")];
        let resolved = Resolved { variables, files, entries, ..Resolved::default() };
        (resolved, Fetched::from_iter([(locator.clone(), Ok(document))]))
    }

    fn started(scope: Scope, (resolved, fetched): (Resolved, Fetched)) -> Comparison {
        Comparison::new(scope, &resolved, &fetched).unwrap()
    }

    fn poll(comparison: &mut Comparison, (resolved, fetched): (Resolved, Fetched)) -> (Compared, Vec<String>) {
        let polled = comparison.fingerprint(&resolved, &fetched);
        let unseen = comparison.unseen(&polled);
        (comparison.compare(polled), unseen.labels)
    }

    /// The secrets that a poll has found.
    fn found(compared: Compared) -> Vec<ChangedSecret> {
        let Compared::Changed { new, .. } = compared else { panic!("{compared:?}") };
        new
    }

    fn names(compared: Compared) -> Vec<String> {
        found(compared).into_iter().flat_map(|secret| secret.names).collect()
    }

    #[test]
    fn a_change_has_the_secret_its_versions_and_the_names_of_its_values() {
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "same"));
        let (compared, _) = poll(&mut comparison, read(Some("v2"), "new", "same"));
        let changed = found(compared);
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].locator.written_id(), "prod/db");
        assert_eq!(changed[0].old_version.as_deref(), Some("v1"));
        assert_eq!(changed[0].new_version.as_deref(), Some("v2"));
        assert_eq!(changed[0].names, ["A"]);
    }

    #[test]
    fn a_new_version_with_the_same_values_is_no_change() {
        let mut comparison = started(Scope::All, read(Some("v1"), "same", "same"));
        assert_eq!(poll(&mut comparison, read(Some("v2"), "same", "same")).0, Compared::Unchanged);
        let (compared, _) = poll(&mut comparison, read(Some("v3"), "new", "same"));
        let changed = found(compared);
        assert_eq!(changed[0].old_version.as_deref(), Some("v2"));
    }

    #[test]
    fn another_value_of_the_same_version_is_no_change() {
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "old"));
        assert_eq!(poll(&mut comparison, read(Some("v1"), "new", "new")).0, Compared::Unchanged);
    }

    #[test]
    fn without_version_ids_another_document_is_another_version() {
        let mut comparison = started(Scope::All, read(None, "old", "same"));
        assert_eq!(poll(&mut comparison, read(None, "old", "same")).0, Compared::Unchanged);
        assert_eq!(names(poll(&mut comparison, read(None, "new", "same")).0), ["A"]);
    }

    #[test]
    fn values_that_are_kept_are_a_change_once_until_they_are_adopted_or_discarded() {
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "old"));
        let new = || read(Some("v2"), "new", "new");
        assert_eq!(names(poll(&mut comparison, new()).0), ["/file", "A"]);
        assert_eq!(poll(&mut comparison, new()).0, Compared::Kept);
        comparison.discard();
        assert!(matches!(poll(&mut comparison, new()).0, Compared::Changed { .. }));
        comparison.adopt();
        assert_eq!(poll(&mut comparison, new()).0, Compared::Unchanged);
    }

    #[test]
    fn a_second_change_before_the_first_has_a_consequence_is_found_without_the_first() {
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "old"));
        poll(&mut comparison, read(Some("v2"), "new", "old"));
        let (compared, _) = poll(&mut comparison, read(Some("v3"), "new", "new"));
        let Compared::Changed { all, new } = compared else { panic!("{compared:?}") };
        let facts = |changed: &[ChangedSecret]| (changed[0].old_version.clone().unwrap(), changed[0].names.join(" "));
        assert_eq!(facts(&all), ("v1".to_owned(), "/file A".to_owned()));
        assert_eq!(facts(&new), ("v2".to_owned(), "/file".to_owned()));
    }

    #[test]
    fn values_that_became_those_of_the_command_again_are_unchanged() {
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "old"));
        assert!(matches!(poll(&mut comparison, read(Some("v2"), "new", "new")).0, Compared::Changed { .. }));
        assert_eq!(poll(&mut comparison, read(Some("v1"), "old", "old")).0, Compared::Unchanged);
    }

    #[test]
    fn a_value_that_appears_or_vanishes_is_a_change() {
        let nothing = || (Resolved::default(), Fetched::default());
        let mut comparison = started(Scope::All, nothing());
        assert_eq!(names(poll(&mut comparison, read(Some("v1"), "a", "b")).0).len(), 2);
        let mut comparison = started(Scope::All, read(Some("v1"), "a", "b"));
        let (compared, _) = poll(&mut comparison, nothing());
        let changed = found(compared);
        assert_eq!((changed[0].old_version.as_deref(), changed[0].new_version.as_deref()), (Some("v1"), None));
    }

    #[test]
    fn with_a_signal_only_a_file_with_a_path_is_a_change() {
        let mut comparison = started(Scope::PathFiles, read(Some("v1"), "old", "old"));
        assert_eq!(poll(&mut comparison, read(Some("v2"), "new", "old")).0, Compared::Unchanged);
        assert_eq!(names(poll(&mut comparison, read(Some("v3"), "newer", "new")).0), ["/file"]);
    }

    #[test]
    fn a_variable_that_a_running_command_cannot_see_is_told_once_for_a_version() {
        let mut comparison = started(Scope::PathFiles, read(Some("v1"), "old", "old"));
        assert_eq!(poll(&mut comparison, read(Some("v1"), "old", "old")).1, [""; 0]);
        assert_eq!(poll(&mut comparison, read(Some("v2"), "new", "old")).1, ["A"]);
        assert_eq!(poll(&mut comparison, read(Some("v2"), "new", "old")).1, [""; 0]);
        assert_eq!(poll(&mut comparison, read(Some("v3"), "newer", "new")).1, ["A"]);
        let mut comparison = started(Scope::All, read(Some("v1"), "old", "old"));
        assert_eq!(poll(&mut comparison, read(Some("v2"), "new", "new")).1, [""; 0]);
    }

    #[test]
    fn a_variable_that_a_running_command_cannot_see_has_its_secret_and_versions() {
        let mut comparison = started(Scope::PathFiles, read(Some("v1"), "old", "old"));
        let (resolved, fetched) = read(Some("v2"), "new", "old");
        let polled = comparison.fingerprint(&resolved, &fetched);
        let secrets = comparison.unseen(&polled).secrets;
        assert_eq!((secrets.len(), secrets[0].new_version.as_deref()), (1, Some("v2")));
        assert_eq!(secrets[0].names, ["A"]);
    }
}
