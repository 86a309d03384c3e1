//! The fingerprint of the values that a trial read, and the changes between two trials.
//!
//! The parent keeps only the versions and a keyed hash of each value, so its core files and swapped
//! pages don't contain a value. The random key is in the same memory, so anyone who can read this
//! memory can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::entry::Target;
use crate::model::message::Remark;
use crate::model::options::OnRotation;
use crate::model::outcome::{EntryOutcome, Lack, Outcome, Values};
use crate::model::reference::SecretRef;
use crate::model::shown::{shown_version, some_of};
use crate::report::Record;

/// The hashes and versions of the values that a trial has read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// The key is a hash of the variable or path that gets the value.
    values: BTreeMap<u64, HashedValue>,
    /// The key is the name used in messages, such as `the secret "prod/db"`.
    secrets: BTreeMap<String, ReadSecret>,
    /// The ranks ([`HashedValue::rank`]) of the `env-from` objects that set no variables. A
    /// Parameter Store path without parameters isn't one of them, because reading it fails.
    empty_objects: BTreeSet<usize>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ReadSecret {
    /// The id as written in the reference.
    id: String,
    /// `None` for Parameter Store paths and local files.
    version_id: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HashedValue {
    label: String,
    hash: u64,
    /// The flaws of each `{{ … }}` in a template. Any other value has a single item, for the whole
    /// value. If an item is greater in a later poll, the command would lose something.
    lookups: Vec<Lack>,
    /// The entry's rank in the order of precedence. A greater number means a lower precedence.
    rank: usize,
    is_default: bool,
    /// Keys of [`Fingerprint::secrets`].
    reads: Vec<String>,
    /// True if the command would inherit the variable if no entry set it.
    hides_inherited: bool,
    /// True if a new value can't reach the running command: with `signal=NAME`, a secret in a
    /// variable or in a file in memory.
    is_fixed: bool,
}

/// The variables and files whose values in a poll differ from the command's.
#[derive(Default)]
pub(super) struct Change {
    /// The sorted names.
    pub(super) labels: Vec<String>,
    /// A clause such as `DB_PASSWORD and DB_USER changed (the secret "prod/db", version 1a2b3c4d ->
    /// 5e6f7a8b)`. The brackets are left out if no version changed, as with a local file.
    pub(super) clause: String,
    /// The secrets and parameters that have a new version, with both version ids in full, for JSON
    /// output.
    pub(super) secrets: Vec<Value>,
}

/// The changes that a poll found.
pub(super) struct Changes {
    /// What can reach the command. With `signal=NAME`, these are only files with a path.
    pub(super) deliverable: Change,
    /// What can't reach the command, because it isn't restarted.
    pub(super) fixed: Change,
    /// The names of what the command would lose. The other changes wait until these values are
    /// back.
    pub(super) lost: Vec<String>,
}

const LESS_HELP: &str = "until the values are back, other changes wait, too. To accept this change, restart the service or the container";

impl Fingerprint {
    /// Hashes the values, and records the versions of the documents that were read.
    pub(super) fn new(hash_key: &RandomState, on_rotation: OnRotation, values: &Values) -> Self {
        let mut fingerprint = Self::default();
        let mut rank = 0;
        for outcome in &values.outcomes.list {
            if let (Target::Variables(_), Outcome::Absent(_)) = (&outcome.target, &outcome.result)
                && outcome.has_documents(&values.fetched)
            {
                fingerprint.empty_objects.insert(rank);
            }
            if let Some(hashed_value) = HashedValue::new(hash_key, on_rotation, rank, outcome) {
                for claim in outcome.target.claims() {
                    let key = hash_key.hash_one(claim);
                    fingerprint.values.insert(key, hashed_value.clone());
                }
            }
            for SecretRef { locator, .. } in &outcome.reads {
                if let Some(Ok(document)) = values.fetched.get(locator) {
                    let secret = ReadSecret {
                        id: locator.written_id(),
                        version_id: document.version_id.clone(),
                    };
                    fingerprint.secrets.insert(locator.noun_phrase(), secret);
                }
            }
            // In the list, an `env-from` object comes after its keys, which share its rank, so only
            // the object itself increases it.
            if outcome.id.key.is_none() {
                rank += 1;
            }
        }

        fingerprint
    }

    /// The sorted names of what can't change while the command runs ([`HashedValue::is_fixed`]).
    pub(super) fn fixed_labels(&self) -> Vec<String> {
        self.labels(|_, value| value.is_fixed)
    }

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

    /// What changed between this trial and a `later` one.
    pub(super) fn changes_to(&self, later: &Self) -> Changes {
        let lost = self.labels(|key, value| value.is_lost(later.values.get(key), later));
        let mut values = self.values.clone();
        values.extend(later.values.clone());
        values.retain(|key, value| {
            self.hash(*key) != later.hash(*key) && !lost.contains(&value.label)
        });
        let (fixed, deliverable) = values.into_iter().partition(|(_, value)| value.is_fixed);
        Changes {
            deliverable: self.change_of(deliverable, later),
            fixed: self.change_of(fixed, later),
            lost,
        }
    }

    /// Describes `values`, which differ in a `later` trial. A new version of a secret with the same
    /// values isn't a change.
    fn change_of(&self, values: BTreeMap<u64, HashedValue>, later: &Self) -> Change {
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
            let old = self.secrets.get(name);
            let new = later.secrets.get(name);
            let Some(read) = new.or(old) else { continue };
            if old == new {
                continue;
            }
            let old_id = old.and_then(|secret| secret.version_id.as_deref());
            let new_id = new.and_then(|secret| secret.version_id.as_deref());
            let shown_old = shown_version(old_id.unwrap_or("none"));
            let shown_new = shown_version(new_id.unwrap_or("none"));
            texts.push(format!("{name}, version {shown_old} -> {shown_new}"));
            secrets.push(json!({"id": read.id, "old_version": old_id, "new_version": new_id}));
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

impl Changes {
    /// The error of a poll that would take a value away from the command.
    pub(super) fn loss_error(&self) -> Record {
        let names = some_of(&self.lost);
        let mut text = format!("{names} would lose a value that is empty or absent now");
        if !self.deliverable.labels.is_empty() {
            text += &format!(", so another change waits: {}", self.deliverable.clause);
        }
        let error = Record::error(text).help(LESS_HELP);
        error.with("variables", self.lost.clone())
    }
}

impl HashedValue {
    fn new(
        hash_key: &RandomState,
        on_rotation: OnRotation,
        rank: usize,
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
            .map(|read| read.locator.noun_phrase())
            .collect();
        Some(Self {
            label: outcome.subject.label.to_string(),
            hash: hash_key.hash_one(made.value.expose()),
            lookups,
            rank,
            is_default: outcome.is_default(),
            hides_inherited: outcome.is_inherited,
            is_fixed: on_rotation.signal().is_some()
                && !outcome.target.has_path()
                && !reads.is_empty(),
            reads,
        })
    }

    /// True if a poll would take this value away from the command. `new` is the poll's value for
    /// the same variable or path. A value is lost in these cases:
    ///
    /// - The value becomes empty, or the result of a `{{ … }}` in it does.
    /// - A default, an inherited variable or an entry with lower precedence takes its place.
    /// - Its `env-from` object no longer sets any variables.
    ///
    /// The first two cases don't apply to a value that was already empty. A value that disappears
    /// without a replacement is only lost in the last case.
    fn is_lost(&self, new: Option<&Self>, later: &Fingerprint) -> bool {
        if later.empty_objects.contains(&self.rank) {
            return true;
        }
        if self.lookups.iter().all(|lookup| lookup.is_blank) {
            return false;
        }
        let Some(new) = new else {
            return self.hides_inherited;
        };
        if new.hash == self.hash {
            return false;
        }
        let becomes_default = new.rank == self.rank && new.is_default && !self.is_default;
        if new.rank > self.rank || becomes_default {
            return true;
        }
        self.lookups
            .iter()
            .zip(&new.lookups)
            .any(|(before, after)| after > before)
    }
}
