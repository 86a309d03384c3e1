//! The trial: a launch in a forked process. It resolves the values, compares them with those of the
//! running command, and waits at its gate until its parent opens the gate. The trial must never
//! send a value to its parent, only hashes, names, version ids, paths and the finished lines of
//! messages.
//!
//! The parent, which stays while the command runs, keeps a [`Fingerprint`] of the values: the
//! versions that were read, and a keyed hash instead of each value. So the parent's core files and
//! swapped pages don't contain a value. The random key of the hashes is in the same memory, so
//! anyone who can read this memory can confirm a guess at a short value.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::commands::launch::Launch;
use crate::commands::prepare::Asker;
use crate::commands::worker::{self, Messenger};
use crate::deliver::{Delivery, Files, PlacedFile};
use crate::exec;
use crate::model::entry::{Subject, SubjectKind, Target};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::outcome::{EntryOutcome, Outcome, Outcomes, Reading, Values};
use crate::model::problem::{Impact, Problem};
use crate::model::reference::{Locator, SecretRef, Selector};
use crate::model::remark::Remark;
use crate::model::shown::quoted_program;
use crate::report::record::some_of;
use crate::report::terminal;
use crate::report::{self, Label, Record, Report};
use crate::supervise::Gate;

/// A message from a trial to its parent.
#[derive(Serialize, Deserialize)]
pub enum Message {
    /// Assignments for the service manager, which only listens to the unit's main process: the
    /// parent.
    Notify(String),
    /// The trial has resolved every value and waits at the gate. A poll without a change also sends
    /// this message before it ends.
    Ready(Fingerprint),
    /// The trial has renamed its files.
    Placed(Vec<PlacedFile>),
    /// The trial could not become the command, because renaming its files or execve has failed. The
    /// trial prints the error itself.
    Failed,
    /// The lines to print about a poll that failed. The parent prints them, because a stalled
    /// reader must not block the trial, and because the parent limits how often such lines appear.
    PollFailed {
        lines: String,
        /// True if the poll failed because it found less than the command has, such as an empty
        /// value.
        is_less: bool,
    },
}

/// The findings of earlier trials. Each trial compares its own values with a copy of them.
#[derive(Default)]
pub(super) struct Baseline {
    /// The random key for the hashes. The parent chooses it once, so that the hashes of all
    /// trials can be compared.
    pub(super) hash_key: RandomState,
    /// The values that the command has. `None` before the first start.
    pub(super) command_values: Option<Fingerprint>,
    /// The values of the latest trial that has reached its gate. `None` once the command has these
    /// values, and after a trial that failed or was killed before its gate was opened.
    pub(super) latest_values: Option<Fingerprint>,
}

impl Baseline {
    /// True as long as there is no command: for the first trial.
    pub(super) fn is_before_start(&self) -> bool {
        self.command_values.is_none()
    }
}

/// The forked process's side of a trial.
pub(super) struct Trial<'a, 'command> {
    pub launch: &'a mut Launch<'command>,
    /// [`Asker::Launch`] for the first trial, and [`Asker::Poll`] for the others.
    pub(super) asker: Asker,
    pub gate: Gate,
    pub(super) baseline: &'a Baseline,
    pub rotation: &'a RotationOptions,
    /// When the polls began to fail. `None` if the last poll succeeded, and for the first trial.
    pub(super) failing_since: Option<SystemTime>,
}

impl Trial<'_, '_> {
    /// Runs the trial, and reports its failures. Returns the exit status, unless this process
    /// becomes the command. A poll leaves the process group of the parent first, so that it doesn't
    /// get the terminal's signals.
    pub fn run(self) -> u8 {
        if self.asker.is_poll() {
            self.gate.leave_group();
        }

        // LISTEN_PID and WATCHDOG_PID have the id of the parent, which the command wouldn't accept.
        let retained = &mut self.launch.prepared.retained;
        retained.replace_process_id(self.gate.parent.as_raw(), std::process::id());

        self.read_and_deliver()
            .unwrap_or_else(|report| self.fail(&report))
    }

    /// Reads the values, and reports to the parent what has changed. If the gate opens, the first
    /// trial, or a poll that has found a change, becomes the command. With `signal=NAME`, the poll
    /// replaces the command's files instead. Returns the exit status, which is 0 unless this
    /// process can't become the command.
    fn read_and_deliver(&self) -> Result<u8, Report> {
        let values = worker::run_with(&self.launch.prepared.options, self, |deadline| {
            self.launch.all_values(&self.asker, deadline)
        })?;

        let hash_key = &self.baseline.hash_key;
        let on_rotation = self.rotation.on_rotation;
        let fingerprint = Fingerprint::new(hash_key, on_rotation, &values);
        let mut is_unchanged = false;
        if let Some(command_values) = &self.baseline.command_values {
            if let Some(loss) = command_values.losses(hash_key, &fingerprint, &values) {
                return Ok(self.fail_poll(PollFailure::Loss, &loss.into()));
            }
            let changes = command_values.changes(&fingerprint);
            is_unchanged = changes.iter().all(|change| change.labels.is_empty());
        }
        let message = Message::Ready(fingerprint);
        if is_unchanged {
            self.gate.send(&message);
            return Ok(0);
        }

        match on_rotation {
            OnRotation::Signal(_) if self.asker.is_poll() => {
                self.replace_files(&values.outcomes, &message)
            }
            OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit => {
                self.start(values, &message)
            }
        }
    }

    /// Writes the files, sends `ready`, waits at the gate and becomes the command. If renaming or
    /// execve fails, tells the parent, prints the error and returns its exit status. Even a poll
    /// prints this error itself, because the parent treats the trial as the command once the gate
    /// is open.
    fn start(&self, values: Values, ready: &Message) -> Result<u8, Report> {
        let (delivery, environment, notices) = self.launch.write_files(values, &self.asker)?;
        // The program may have been removed since the last start.
        let program = self.launch.prepared.find_program(self.launch.command)?;
        // If the parent ends, the command gets the stop signal.
        if !self.gate.await_opening(ready, self.rotation.stop_signal) {
            return Ok(0);
        }

        // It wasn't certain before that the command gets these values.
        terminal::print_unless_hidden(notices);
        let executed = delivery.rename_all().and_then(|placed| {
            self.gate.send(&Message::Placed(placed.placed_files()));
            let command = self.launch.command;
            exec::exec(&program, command, &environment, placed.descriptors())
        });
        let Err(problem) = executed;
        self.gate.send(&Message::Failed);
        Ok(Report::from(problem).print())
    }

    /// Writes the files under temporary names and sends `ready` to the parent. Leaves out files in
    /// memory, because the running command can't get new ones. When the parent opens the gate,
    /// renames the files and sends their paths. When the parent closes the gate, removes the
    /// temporary files. Either way, returns the exit status 0.
    fn replace_files(&self, outcomes: &Outcomes, ready: &Message) -> Result<u8, Report> {
        let files =
            Files::open_directories(outcomes.files().filter(|file| file.target.path.is_some()));
        let delivery = Delivery::write_temporary(files)?;
        // Once the gate is open, this process gets SIGTERM if the parent ends.
        if self.gate.await_opening(ready, SignalNumber::TERM) {
            terminal::print_unless_hidden(report::value_warnings(
                outcomes
                    .list
                    .iter()
                    .filter(|outcome| outcome.target.has_path()),
            ));
            let placed = delivery.rename_all()?;
            self.gate.send(&Message::Placed(placed.placed_files()));
            // Dropping `placed` would remove the files that didn't exist before.
            placed.keep();
        }
        Ok(0)
    }

    /// Sends the lines about a failed poll to the parent, which prints them. Returns the exit
    /// status.
    fn fail_poll(&self, kind: PollFailure, failures: &Report) -> u8 {
        let command = quoted_program(self.launch.command);
        let mut warning = failed_poll_warning(&command, self.failing_since, &failures.errors());
        let is_less = kind == PollFailure::Loss;
        // The JSON object gets the level `error`, because someone has to act: no later poll
        // succeeds by itself.
        if is_less {
            warning = warning.with("level", Label::Error.name());
        }
        let options = &self.launch.prepared.options;
        if !options.aws.fallback_regions.is_empty() {
            warning.notes.push(format!(
                "a poll doesn't ask a fallback region, because a replica may be older than the values that {command} has"
            ));
        }
        let lines = terminal::visible_lines([warning]);
        self.gate.send(&Message::PollFailed { lines, is_less });
        failures.exit_status()
    }
}

impl Messenger for Trial<'_, '_> {
    /// False for a poll, which doesn't even print the error about a termination signal, because
    /// such a signal usually means that the whole service is being stopped.
    fn shows_progress(&self) -> bool {
        !self.asker.is_poll()
    }

    fn notify(&self, assignments: &str) {
        if !self.asker.is_poll() {
            self.gate.send(&Message::Notify(assignments.to_owned()));
        }
    }

    fn fail(&self, failures: &Report) -> u8 {
        if !self.asker.is_poll() {
            return failures.print();
        }
        self.fail_poll(PollFailure::Other, failures)
    }

    fn watched_connection(&self) -> Option<BorrowedFd<'_>> {
        Some(self.gate.descriptor())
    }
}

/// The kind of a failed poll.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PollFailure {
    /// The poll has found less than the running command has, so the command keeps its values.
    Loss,
    Other,
}

/// The warning about a poll that failed: the first of `errors` with its notes and help, and the
/// number of the other errors. `command` is in quotes. `since` is when the polls began to fail, or
/// `None` for the first such poll.
pub(super) fn failed_poll_warning(
    command: &str,
    since: Option<SystemTime>,
    errors: &[Record],
) -> Record {
    let since_text = since.map(|since| humantime::format_rfc3339_seconds(since).to_string());
    let what = match &since_text {
        Some(since) => format!("polls have failed since {since}"),
        None => "a poll failed".to_owned(),
    };

    // A failed poll has at least one error.
    let first = errors.first().cloned().unwrap_or(Record::error(""));
    let mut message = format!("{what}, so {command} keeps its values: {}", first.message);
    if errors.len() > 1 {
        let others = errors.len() - 1;
        message += &format!(" (and {others} more; `secrets-exec check` shows them all)");
    }

    let json_members = match errors {
        [only] => only.json_members.clone(),
        _ => {
            let messages = errors.iter().map(|error| error.message.as_str()).collect();
            vec![("errors", messages)]
        }
    };
    Record {
        label: Label::Warning,
        event: "poll_failed",
        message,
        json_members,
        ..first
    }
    .with_some("since", since_text)
}

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
    fn new(hash_key: &RandomState, on_rotation: OnRotation, values: &Values) -> Self {
        let mut fingerprint = Self::default();
        for (outcome, value) in values.outcomes.values() {
            let is_odd = |remark| outcome.remarks.contains_key(&remark);
            let content = if is_odd(Remark::Empty) || is_odd(Remark::Blank) {
                Content::Empty
            } else if value.expose().is_empty() && outcome.read_from().is_empty() {
                // The empty value is a literal or a default.
                Content::Empty
            } else if outcome.is_default() {
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
                    && !outcome.reads.is_empty(),
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
    fn losses(&self, hash_key: &RandomState, latest: &Self, values: &Values) -> Option<Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_poll_prints_its_first_error_as_text_and_all_of_them_as_json() {
        let errors = [("one", "help"), ("two", "other"), ("three", "help")];
        let errors = errors.map(|(message, help)| Record::error(message).help(help));
        let warning = failed_poll_warning("node", None, &errors);
        assert_eq!(warning.help.as_deref(), Some("help"));
        assert!(
            warning
                .message
                .ends_with(": one (and 2 more; `secrets-exec check` shows them all)"),
            "{warning:?}"
        );
        assert_eq!(
            warning.json_members,
            [("errors", vec!["one", "two", "three"].into())]
        );
    }
}
