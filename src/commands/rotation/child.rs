//! The trial: a launch in a forked process. It resolves the values, compares them with those of the
//! running command, and waits at its gate until its parent opens the gate. The trial must never
//! send a value to its parent, only hashes, names, version ids, paths and the finished lines of
//! messages.

use std::hash::RandomState;
use std::mem::take;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::fingerprint::{Changes, Fingerprint};
use crate::commands::launch::{Launch, print_and_rename};
use crate::commands::task::Task;
use crate::commands::worker::{self, Messenger};
use crate::deliver::{Delivery, Files, PlacedFile};
use crate::exec;
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::outcome::{Outcomes, Values};
use crate::model::shown::quoted_program;
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
    /// this message before it ends. The changes are empty for the first trial.
    Ready(Fingerprint, Changes),
    /// The trial has renamed its files.
    Placed(Vec<PlacedFile>),
    /// The trial can't become the command, because renaming its files or execve has failed. The
    /// trial prints the error itself.
    NotStarted,
    /// The lines to print about a poll that failed. The parent prints them, because a stalled
    /// reader must not block the trial, and because the parent limits how often such lines appear.
    PollFailed(String),
}

/// The findings of earlier trials, which are launches in forked processes. Each trial compares its
/// own values with a copy of these findings.
#[derive(Default)]
pub(super) struct Baseline {
    /// The random key for the hashes. The parent chooses it once, so that the hashes of all
    /// trials can be compared.
    pub(super) hash_key: RandomState,
    /// The values that the command has. `None` before the first start.
    pub(super) command_values: Option<Fingerprint>,
    /// The values of the latest trial that has reached its gate. `None` before that, and once the
    /// command has these values.
    pub(super) latest_values: Option<Fingerprint>,
    /// When the polls began to fail. `None` if the last poll succeeded.
    pub(super) failing_since: Option<SystemTime>,
}

impl Baseline {
    /// True as long as there is no command: for the first trial.
    pub(super) fn is_before_start(&self) -> bool {
        self.command_values.is_none()
    }
}

/// A trial, as the forked process sees it: a launch that waits at its gate until the parent lets it
/// become the command.
pub(super) struct Trial<'a, 'command> {
    pub launch: &'a mut Launch<'command>,
    pub gate: Gate,
    pub(super) baseline: &'a Baseline,
    pub rotation: &'a RotationOptions,
}

impl Trial<'_, '_> {
    /// Runs the trial, and reports its failures. Returns the exit status, unless this process
    /// becomes the command. A poll leaves the process group of the parent first, so that it doesn't
    /// get the terminal's signals.
    pub fn run(self) -> u8 {
        if !self.baseline.is_before_start() {
            self.gate.leave_group();
            let prepared = &mut self.launch.prepared;
            // The values in a fallback region may be older than those of the command.
            let fallback_regions = take(&mut prepared.settings.options.fallback_regions);
            prepared.task = Task::poll(!fallback_regions.is_empty());
            // The next poll follows anyway.
            prepared.options.wait = None;
        }

        // LISTEN_PID and WATCHDOG_PID have the id of the parent, which the command wouldn't accept.
        let retained = &mut self.launch.prepared.plan.retained;
        retained.replace_process_id(self.gate.parent.as_raw(), std::process::id());

        self.read_and_deliver()
            .unwrap_or_else(|report| self.fail(&report))
    }

    /// Reads the values, and reports to the parent what has changed. If the gate opens, the first
    /// trial, or a poll that has found a change, becomes the command. With `signal=NAME`, the poll
    /// replaces the command's files instead. Returns the exit status if this process doesn't become
    /// the command: that of the error or, if there is no error, 0.
    fn read_and_deliver(&self) -> Result<u8, Report> {
        let values = worker::run_with(&self.launch.prepared.options, self, |deadline| {
            self.launch.all_values(deadline)
        })?;

        let hash_key = &self.baseline.hash_key;
        let on_rotation = self.rotation.on_rotation;
        let fingerprint = Fingerprint::new(hash_key, on_rotation, &values);
        let mut changes = Changes::default();
        if let Some(command_values) = &self.baseline.command_values {
            if let Some(error) = command_values.loss_error(&fingerprint) {
                // Someone has to act, because no later poll succeeds by itself.
                self.fail_poll(Label::Error, &[error]);
                return Ok(0);
            }
            changes =
                [false, true].map(|is_fixed| command_values.change_to(&fingerprint, is_fixed));
            if changes[0].labels.is_empty() {
                self.gate.send(&Message::Ready(fingerprint, changes));
                return Ok(0);
            }
        }

        let message = Message::Ready(fingerprint, changes);
        match on_rotation {
            OnRotation::Signal(_) if !self.baseline.is_before_start() => {
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
        let (delivery, environment, notices) = self.launch.write_files(values)?;
        // The program may have been removed since the last start.
        let program = self.launch.prepared.find_program(self.launch.command)?;
        // If the parent ends, the command gets the stop signal.
        if !self.gate.await_opening(ready, self.rotation.stop_signal) {
            return Ok(0);
        }

        // The notices are printed now, because it wasn't certain before that the command gets these
        // values.
        let executed = print_and_rename(delivery, notices).and_then(|placed| {
            self.gate.send(&Message::Placed(placed.placed_files()));
            let command = self.launch.command;
            exec::exec(&program, command, &environment, placed.descriptors())
        });
        let Err(problem) = executed;
        self.gate.send(&Message::NotStarted);
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
            let notices = report::value_warnings(
                outcomes
                    .values()
                    .filter(|(outcome, _)| outcome.target.has_path()),
            );
            let placed = print_and_rename(delivery, notices)?;
            self.gate.send(&Message::Placed(placed.placed_files()));
            // Dropping `placed` would remove the files that didn't exist before.
            placed.keep();
        }
        Ok(0)
    }

    /// Sends the lines about a failed poll to the parent, which prints them. `level` is that of the
    /// JSON object.
    fn fail_poll(&self, level: Label, errors: &[Record]) {
        let command = quoted_program(self.launch.command);
        let warning = failed_poll_warning(&command, self.baseline.failing_since, errors);
        let mut warning = warning.with("level", level.name());
        if self.launch.prepared.task.forgoes_fallback {
            warning = warning.with_notes([format!(
                "a poll asks no fallback region, because its values may be older than those that {command} has"
            )]);
        }
        let lines = terminal::visible_lines([warning]);
        self.gate.send(&Message::PollFailed(lines));
    }
}

impl Messenger for Trial<'_, '_> {
    /// False for a poll, which doesn't even print the error about a termination signal, because
    /// such a signal usually means that the whole service is being stopped.
    fn shows_progress(&self) -> bool {
        self.baseline.is_before_start()
    }

    fn notify(&self, assignments: &str) {
        if self.baseline.is_before_start() {
            self.gate.send(&Message::Notify(assignments.to_owned()));
        }
    }

    fn fail(&self, failures: &Report) -> u8 {
        if self.baseline.is_before_start() {
            return failures.print();
        }
        self.fail_poll(Label::Warning, &failures.errors());
        failures.exit_status()
    }

    fn watched_connection(&self) -> Option<BorrowedFd<'_>> {
        Some(self.gate.descriptor())
    }
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
