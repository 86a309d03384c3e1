//! The fingerprint of the values of a trial, and what has changed between two trials.
//!
//! The parent, which stays while the command runs, keeps a [`Fingerprint`] of the values: the
//! versions that were read, and a keyed hash instead of each value. So the parent's core files and
//! swapped pages don't contain a value. The random key of the hashes is in the same memory, so
//! anyone who can read this memory can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::entry::Target;
use crate::model::options::OnRotation;
use crate::model::outcome::{EntryOutcome, Lack, Outcome, Values};
use crate::model::reference::SecretRef;
use crate::model::remark::Remark;
use crate::model::shown::{shown_version, some_of};
use crate::report::Record;

/// The hashes of the values that one trial (a launch in a forked process) has read, and the
/// versions that they were read from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// The key is a hash of the variable or path.
    values: BTreeMap<u64, HashedValue>,
    /// The secrets, parameters and paths that were read, as messages name them. Each has its id, as
    /// references spell it, and its version, which a path and a local file don't have.
    secrets: BTreeMap<String, (String, Option<String>)>,
    /// The places ([`Standing::place`]) of the `env-from` objects that were read, but don't
    /// set any variable. A path without parameters isn't such an object, because AWS has no answer
    /// for the path.
    empty_objects: BTreeSet<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HashedValue {
    label: String,
    hash: u64,
    /// The lack of each `{{ … }}` of a template, or one lack for any other value. If the lack in a
    /// poll is greater than that of the command, the command would lose something. A value that
    /// matches the `pattern` of its entry is never treated as blank.
    lookups: Vec<Lack>,
    standing: Standing,
    /// The names in [`Fingerprint::secrets`] of what the value was read from.
    reads: Vec<String>,
    /// True if the command would inherit the variable if no entry set it.
    hides_inherited: bool,
    /// True if a new value can't reach the command while it runs: with `signal=NAME`, the value of
    /// a secret in a variable or in a file in memory.
    is_fixed: bool,
}

/// The entry that a value comes from. A value that replaces an absent one has a greater standing.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Standing {
    /// The place of the entry in the order of precedence.
    place: usize,
    /// True if the value is the entry's default.
    is_default: bool,
}

/// The variables and files whose value in a poll differs from that of the command.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Change {
    /// The sorted names of the variables and files.
    pub(super) labels: Vec<String>,
    /// The clause about them: `DB_PASSWORD and DB_USER changed (the secret "prod/db", version
    /// 1a2b3c4d -> 5e6f7a8b)`. The versions are left out if none differs, as in a local file.
    pub(super) clause: String,
    /// The secrets and parameters from which the variables and files were read, if their versions
    /// differ, for JSON and with the whole ids of the versions.
    pub(super) secrets: Vec<Value>,
}

/// The two changes that a poll can find.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Changes {
    /// The change that can reach the command. With `signal=NAME`, which doesn't restart the
    /// command, only the values of files at a path can.
    pub(super) deliverable: Change,
    /// The change that can't reach the command.
    pub(super) fixed: Change,
}

const LESS_HELP: &str = "until the values are back, other changes wait, too. To accept this change, restart the service or the container";

impl Fingerprint {
    /// Makes the fingerprint of the values, and of the documents that were read.
    pub(super) fn new(hash_key: &RandomState, on_rotation: OnRotation, values: &Values) -> Self {
        let mut fingerprint = Self::default();
        let mut place = 0;
        for outcome in &values.outcomes.list {
            if let (Target::Variables(_), Outcome::Absent(_)) = (&outcome.target, &outcome.result)
                && outcome.has_documents(&values.fetched)
            {
                fingerprint.empty_objects.insert(place);
            }
            if let Some(hashed_value) = HashedValue::new(hash_key, on_rotation, place, outcome) {
                for claim in outcome.target.claims() {
                    let key = hash_key.hash_one(claim);
                    fingerprint.values.insert(key, hashed_value.clone());
                }
            }
            for SecretRef { locator, .. } in &outcome.reads {
                if let Some(Ok(document)) = values.fetched.get(locator) {
                    let secret = (locator.written_id(), document.version_id.clone());
                    fingerprint.secrets.insert(locator.noun(), secret);
                }
            }
            // An object comes after its keys, which have the same place.
            if outcome.id.key.is_none() {
                place += 1;
            }
        }

        fingerprint
    }

    /// The error of a poll that would take a value away from the command. `self` is the fingerprint
    /// of the command's values, and `later` that of the poll's values. `None` if no value would be
    /// lost.
    pub(super) fn loss_error(&self, later: &Self) -> Option<Record> {
        let losses = self.labels(|key, value| value.is_lost(later.values.get(key), later));
        if losses.is_empty() {
            return None;
        }
        let names = some_of(&losses);
        let text = format!("{names} would lose a value that is empty or absent now");
        let error = Record::error(text).help(LESS_HELP);
        Some(error.with("variables", losses))
    }

    /// The sorted labels of the values that come from secrets and that can't reach the command
    /// while it runs.
    pub(super) fn fixed_labels(&self) -> Vec<String> {
        self.labels(|_, value| value.is_fixed)
    }

    /// The sorted labels of the values that the predicate accepts.
    fn labels(&self, is_listed: impl Fn(&u64, &HashedValue) -> bool) -> Vec<String> {
        let mut labels = BTreeSet::new();
        for (key, value) in &self.values {
            if is_listed(key, value) {
                labels.insert(value.label.clone());
            }
        }
        labels.into_iter().collect()
    }

    fn hash(&self, key: u64) -> Option<u64> {
        Some(self.values.get(&key)?.hash)
    }

    /// The changes from these values to those of the fingerprint `later`.
    pub(super) fn changes_to(&self, later: &Self) -> Changes {
        Changes {
            deliverable: self.change_to(later, false),
            fixed: self.change_to(later, true),
        }
    }

    /// The change from these values to those of the fingerprint `later`, among the values whose
    /// [`HashedValue::is_fixed`] has the given value. A secret that has a new version may have the
    /// same values as before.
    fn change_to(&self, later: &Self, is_fixed: bool) -> Change {
        let mut values = self.values.clone();
        values.extend(later.values.clone());
        values
            .retain(|key, value| value.is_fixed == is_fixed && self.hash(*key) != later.hash(*key));
        let differing = Self {
            values,
            ..Self::default()
        };
        let gone = differing.labels(|key, _| !later.values.contains_key(key));
        let changed = differing.labels(|key, _| later.values.contains_key(key));
        let is_or_are = if gone.len() == 1 { "is" } else { "are" };
        let gone_clause = format!("{} {is_or_are} gone", some_of(&gone));
        let changed_clause = format!("{} changed", some_of(&changed));
        let mut clause = if gone.is_empty() {
            changed_clause
        } else if changed.is_empty() {
            gone_clause
        } else {
            format!("{changed_clause}, and {gone_clause}")
        };

        let names: BTreeSet<&String> = differing
            .values
            .values()
            .flat_map(|value| &value.reads)
            .collect();
        let mut texts = Vec::new();
        let mut secrets = Vec::new();
        for name in names {
            let [old, new] = [self, later].map(|side| side.secrets.get(name));
            if old == new {
                continue;
            }
            let id = new.or(old).map(|(id, _)| id);
            let versions =
                [old, new].map(|secret| secret.and_then(|(_, version)| version.as_deref()));
            let shown_versions = versions
                .map(|id| shown_version(id.unwrap_or("none")))
                .join(" -> ");
            texts.push(format!("{name}, version {shown_versions}"));
            let [old_version, new_version] = versions;
            secrets.push(json!({"id": id, "old_version": old_version, "new_version": new_version}));
        }

        if !texts.is_empty() {
            clause += &format!(" ({})", some_of(&texts));
        }
        Change {
            labels: differing.labels(|_, _| true),
            clause,
            secrets,
        }
    }
}

impl HashedValue {
    /// Hashes the value of an outcome. `None` if the outcome has no value. `place` is the place of
    /// the outcome's entry in the order of precedence.
    fn new(
        hash_key: &RandomState,
        on_rotation: OnRotation,
        place: usize,
        outcome: &EntryOutcome,
    ) -> Option<Self> {
        let made = outcome.made()?;
        let mut lookups = made.lookups.clone();
        if lookups.is_empty() {
            lookups.push(Lack {
                is_blank: made.remarks.keys().any(Remark::is_blank),
                is_default: false,
            });
        }
        let reads: Vec<String> = outcome
            .read_from()
            .iter()
            .map(|read| read.locator.noun())
            .collect();
        Some(Self {
            label: outcome.subject.label.to_string(),
            hash: hash_key.hash_one(made.value.expose()),
            lookups,
            standing: Standing {
                place,
                is_default: outcome.is_default(),
            },
            hides_inherited: outcome.is_inherited,
            is_fixed: on_rotation.signal().is_some()
                && !outcome.target.has_path()
                && !reads.is_empty(),
            reads,
        })
    }

    /// Decides whether a poll would take this value away from the command. `new` is what the poll,
    /// whose fingerprint is `later`, has found for the same variable or path.
    ///
    /// A value is lost if it, or what a `{{ … }}` in it gives, becomes empty, if its object sets no
    /// variable any more, or if something else takes its place: a default, an inherited variable,
    /// or an entry with lower precedence. A value that is gone isn't lost if nothing replaces it,
    /// and a value in which everything is empty is never lost.
    fn is_lost(&self, new: Option<&Self>, later: &Fingerprint) -> bool {
        if later.empty_objects.contains(&self.standing.place) {
            return true;
        }
        match new {
            _ if self.lookups.iter().all(|lack| lack.is_blank) => false,
            Some(new) if new.hash == self.hash => false,
            Some(new) if new.standing > self.standing => true,
            Some(new) => self
                .lookups
                .iter()
                .zip(&new.lookups)
                .any(|(old, new)| new > old),
            None => self.hides_inherited,
        }
    }
}
