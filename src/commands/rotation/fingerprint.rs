//! The fingerprint of the values of a trial, and what has changed between two trials.
//!
//! The parent, which stays while the command runs, keeps a [`Fingerprint`] of the values: the
//! versions that were read, and a keyed hash instead of each value. So the parent's core files and
//! swapped pages don't contain a value. The random key of the hashes is in the same memory, so
//! anyone who can read this memory can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::model::entry::{Subject, SubjectKind, Target};
use crate::model::options::OnRotation;
use crate::model::outcome::{EntryOutcome, Outcome, Reading, Values};
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Locator, SecretRef, Selector};
use crate::model::remark::Remark;
use crate::report::record::some_of;

/// The hashes of the values of one trial, and the versions that they were read from.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    /// The key is a hash of what the entry sets: a variable, a path or both.
    values: BTreeMap<u64, HashedValue>,
    /// The secrets and parameters that were read. The key is a hash of the locator and, below a
    /// path, of the parameter's name.
    secrets: BTreeMap<u64, Secret>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HashedValue {
    label: String,
    hash: u64,
    content: Content,
    /// True if the value is a key of an `env-from` object.
    is_member: bool,
    /// The predicate of the message about a value that is gone although its secret still exists,
    /// such as `has no key "password"`. The subject of the message is the secret.
    absence: String,
    /// True if the command can't get a new value of the secret while it runs: with `signal=NAME`,
    /// the value of a variable or of a file in memory.
    is_fixed: bool,
}

/// The kind of a value. It decides whether a new value is less than the old one, because a poll
/// never replaces a working value with less ([`HashedValue::loss_by`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Content {
    /// Neither the value nor a part of it is empty or blank, or the value matches the `pattern` of
    /// its entry.
    Working,
    Empty,
    /// The text of `default`, which isn't empty.
    Default,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secret {
    /// The name of the secret or parameter in messages.
    pub(super) name: String,
    /// The id, as references spell it.
    pub(super) id: String,
    version_id: Option<String>,
    /// The hash of the whole document. The version id isn't enough: a local file doesn't have one,
    /// and a parameter that was deleted and created again has version 1 again.
    content: u64,
    /// The keys (in `values`) of the values that were read from the secret.
    gives: Vec<u64>,
}

/// A secret that has changed, and the variables and files whose values differ because of it.
pub(super) struct Change<'a> {
    /// The secret as this poll read it or, if this poll no longer reads it, as it was read before.
    pub(super) secret: &'a Secret,
    /// The version that was read before. `None` if the secret comes from a local file, or if it was
    /// not read.
    pub(super) old_version: Option<&'a str>,
    /// The version that this poll read. `None` if the secret comes from a local file, or is no
    /// longer read.
    pub(super) new_version: Option<&'a str>,
    /// The names of the variables and files whose new values can reach the command: all of them or,
    /// with `signal=NAME`, only files at a path.
    pub(super) labels: Vec<String>,
    /// The names of the others. There is at least one name in the two lists.
    pub(super) fixed: Vec<String>,
    /// Those of `labels` that no longer have a value, each with the reason, such as `the secret
    /// "prod/sentry" has no key "dsn"`.
    pub(super) gone: BTreeMap<String, String>,
}

const LESS_HELP: &str = "until the values are back, other changes wait, too. To accept this change, restart the service or the container";

/// A way in which a poll can find less than the command has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    Empty,
    Default,
    Object,
}

impl Loss {
    fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "a value that the command has is empty now",
            Self::Default => "a default would replace a value that the command has",
            Self::Object => "an object whose variables the command has sets none now",
        }
    }
}

impl HashedValue {
    /// Finds out in which way `new` is less than this value. `None` if it isn't less.
    fn loss_by(&self, new: &Self) -> Option<Loss> {
        match (self.content, new.content) {
            _ if self.hash == new.hash => None,
            (Content::Working | Content::Default, Content::Empty) => Some(Loss::Empty),
            (Content::Working, Content::Default) => Some(Loss::Default),
            (_, _) => None,
        }
    }
}

impl Fingerprint {
    /// Makes the fingerprint of the values, and of the documents that were read.
    pub(super) fn new(hash_key: &RandomState, on_rotation: OnRotation, values: &Values) -> Self {
        let mut fingerprint = Self::default();
        for (outcome, value) in values.outcomes.values() {
            let is_odd = |remark| outcome.remarks.contains_key(&remark);
            // A literal or a default has no remark.
            let is_unread = outcome.read_from().is_empty();
            let content = if is_odd(Remark::Empty)
                || is_odd(Remark::Blank)
                || (is_unread && value.expose().is_empty())
            {
                Content::Empty
            } else if outcome.is_default() || outcome.uses_default {
                Content::Default
            } else {
                Content::Working
            };
            let hashed_value = HashedValue {
                label: outcome.subject.label.to_string(),
                hash: hash_key.hash_one(value.expose()),
                content,
                is_member: outcome.subject.kind == SubjectKind::EnvFromKey,
                absence: absence_predicate(outcome),
                is_fixed: matches!(on_rotation, OnRotation::Signal(_))
                    && !outcome.target.has_path()
                    && !is_unread,
            };
            let target_hash = hash_of_target(hash_key, &outcome.target);
            fingerprint.values.insert(target_hash, hashed_value);
        }

        for reading in values.readings() {
            let Reading {
                locator,
                parameter_name,
                versioned,
                gives,
                ..
            } = reading;
            let secret = Secret {
                name: locator.noun_of(parameter_name),
                id: locator.written_id_of(parameter_name),
                version_id: versioned.version_id.clone(),
                content: hash_key.hash_one(versioned.body.expose()),
                gives: gives
                    .iter()
                    .map(|outcome| hash_of_target(hash_key, &outcome.target))
                    .collect(),
            };
            let key = hash_of_locator(hash_key, locator, parameter_name);
            fingerprint.secrets.insert(key, secret);
        }
        fingerprint
    }

    /// The problem of a poll that has found less than the command has: a value that is empty or a
    /// default now, or an object that sets no variable. `latest` is the fingerprint of `values`.
    ///
    /// If there are several kinds of losses, each kind after the first becomes a note of the same
    /// problem, because the log of a poll has only one problem.
    pub(super) fn losses(
        &self,
        hash_key: &RandomState,
        latest: &Self,
        values: &Values,
    ) -> Option<Problem> {
        let mut losses: BTreeMap<Loss, Vec<Subject>> = BTreeMap::new();
        for outcome in &values.outcomes.list {
            let target_hash = hash_of_target(hash_key, &outcome.target);
            let old = self.values.get(&target_hash);
            let new = latest.values.get(&target_hash);
            let loss = match (old, new) {
                (Some(old), Some(new)) => old.loss_by(new),
                (_, _) if self.loses_object(hash_key, outcome, latest) => Some(Loss::Object),
                (_, _) => None,
            };
            if let Some(loss) = loss {
                losses
                    .entry(loss)
                    .or_default()
                    .push(outcome.subject.clone());
            }
        }

        let mut reasons = losses.into_iter();
        let (first, subjects) = reasons.next()?;
        let mut problem = Problem::configuration(first.sentence()).help(LESS_HELP);
        for subject in subjects {
            problem = problem.for_entry(subject, Impact::None);
        }
        for (loss, subjects) in reasons {
            let subjects = Vec::from_iter(subjects.iter().map(Subject::to_string));
            problem = problem.note(format!("{}: {}", loss.sentence(), some_of(&subjects)));
        }
        Some(problem)
    }

    /// True if an optional `env-from` object was read and sets no variable, although the command
    /// has variables of this object. A path without parameters isn't such an object: each of its
    /// parameters has been deleted.
    fn loses_object(&self, hash_key: &RandomState, outcome: &EntryOutcome, latest: &Self) -> bool {
        let [reference] = &outcome.reads[..] else {
            return false;
        };
        let key = hash_of_locator(hash_key, &reference.locator, None);
        let Some(old) = self.secrets.get(&key) else {
            return false;
        };
        matches!(outcome.result, Outcome::Absent)
            && latest.secrets.contains_key(&key)
            && old
                .gives
                .iter()
                .filter_map(|target| self.values.get(target))
                .any(|value| value.is_member)
    }

    /// The sorted labels of the values that come from secrets and that can't reach the command
    /// while it runs.
    pub(super) fn fixed_labels(&self) -> BTreeSet<String> {
        self.values
            .values()
            .filter(|value| value.is_fixed)
            .map(|value| value.label.clone())
            .collect()
    }

    /// The secrets that have changed in `later`, ordered by name.
    pub(super) fn changes<'a>(&'a self, later: &'a Self) -> Vec<Change<'a>> {
        let keys: BTreeSet<&u64> = self.secrets.keys().chain(later.secrets.keys()).collect();
        let mut changes: Vec<_> = keys
            .into_iter()
            .filter_map(|key| self.change(later, key))
            .collect();
        changes.sort_by_key(|change| (&change.secret.name, change.old_version, change.new_version));
        changes
    }

    /// The change of one secret. `None` unless both its content and a value that was read from it
    /// differ in `later`, because a new version may have the same values.
    fn change<'a>(&'a self, later: &'a Self, key: &u64) -> Option<Change<'a>> {
        let old = self.secrets.get(key);
        let new = later.secrets.get(key);
        if old.map(|secret| secret.content) == new.map(|secret| secret.content) {
            return None;
        }
        let mut change = Change {
            secret: new.or(old)?,
            old_version: old.and_then(|secret| secret.version_id.as_deref()),
            new_version: new.and_then(|secret| secret.version_id.as_deref()),
            labels: Vec::new(),
            fixed: Vec::new(),
            gone: BTreeMap::new(),
        };

        let mut targets = BTreeSet::new();
        for secret in [old, new].into_iter().flatten() {
            targets.extend(&secret.gives);
        }
        for target in targets {
            let old_value = self.values.get(target);
            let new_value = later.values.get(target);
            if old_value.map(|value| value.hash) == new_value.map(|value| value.hash) {
                continue;
            }
            let value = new_value.or(old_value)?;
            let label = value.label.clone();
            if value.is_fixed {
                change.fixed.push(label);
                continue;
            }
            if new_value.is_none() {
                let predicate = match new {
                    Some(_) => &value.absence,
                    None => "doesn't exist any more",
                };
                let reason = format!("{} {predicate}", change.secret.name);
                change.gone.insert(label.clone(), reason);
            }
            change.labels.push(label);
        }
        if change.labels.is_empty() && change.fixed.is_empty() {
            return None;
        }
        change.labels.sort();
        change.fixed.sort();
        Some(change)
    }
}

/// Describes what is gone from a secret, as a predicate such as `has no key "password"`.
fn absence_predicate(outcome: &EntryOutcome) -> String {
    if outcome.subject.kind == SubjectKind::EnvFromKey {
        return "has other keys now".to_owned();
    }
    match outcome.read_from() {
        [SecretRef { selector, .. }] if *selector != Selector::Whole => {
            format!("has no key {:?}", selector.shown())
        }
        [..] => "no longer has this value".to_owned(),
    }
}

fn hash_of_target(hash_key: &RandomState, target: &Target) -> u64 {
    hash_key.hash_one(Vec::from_iter(target.claims()))
}

fn hash_of_locator(hash_key: &RandomState, locator: &Locator, parameter_name: Option<&str>) -> u64 {
    hash_key.hash_one((locator, parameter_name))
}
