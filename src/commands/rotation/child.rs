//! The trial: a launch in a forked process. It reads the values, compares them with the values that
//! the running command has, and waits at its gate until its parent opens the gate. The trial must
//! never send a value to its parent, only hashes, names, version ids, paths and the finished lines
//! of messages.

use std::hash::RandomState;
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::commands::launch::{Launch, print_and_rename};
use crate::commands::worker::{self, Messenger};
use crate::deliver::{DeliveredFile, Delivery, Files};
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
    /// Assignments for the service manager, such as `STATUS=…`. The parent passes them on, because
    /// the service manager only listens to the unit's main process.
    Notify(String),
    /// The trial has read every value, and now waits until the parent lets it continue.
    ///
    /// A poll that ends without a change sends this, too: it found none, or it would take a value
    /// away from the command.
    Ready(Fingerprint),
    /// The trial's files are in place, under their final names.
    Delivered(Vec<DeliveredFile>),
    /// The trial couldn't become the command, because it failed to rename its files or to execute
    /// the program. It prints the error itself.
    NotStarted,
    /// A poll failed. The parent prints the lines, because it limits how often they appear, and
    /// because a stalled reader of standard error must not block the trial.
    PollFailed { status: u8, lines: String },
}

/// The results of earlier trials (launches in forked processes), which the parent keeps. Each trial
/// gets a copy to compare its own values with.
#[derive(Default)]
pub(super) struct Baseline {
    /// The random key for hashing values. All trials use the same key, so their hashes can be
    /// compared.
    hash_key: RandomState,
    /// The hashes and versions of the values that the command has. `None` before the first start.
    pub(super) command_values: Option<Fingerprint>,
    /// The hashes and versions of the values that the latest trial read. `None` until a trial has
    /// read its values, and again once the command has them.
    pub(super) latest_values: Option<Fingerprint>,
    /// When polls began to fail. `None` unless the latest poll failed.
    pub(super) failing_since: Option<SystemTime>,
}

/// A trial, as the forked process sees it: a launch that waits at its gate until the parent lets it
/// become the command.
pub(super) struct Trial<'a> {
    pub launch: &'a Launch<'a>,
    pub gate: Gate,
    pub baseline: &'a Baseline,
    pub rotation: &'a RotationOptions,
}

impl Trial<'_> {
    /// Runs the trial and reports any failure. Returns only if this process isn't replaced by the
    /// command: with the exit status of the error, or 0 if there was no error.
    pub fn run(self) -> u8 {
        self.read_and_deliver()
            .unwrap_or_else(|report| self.fail(&report))
    }

    /// True for a trial that looks for changed values while the command runs.
    fn is_poll(&self) -> bool {
        self.baseline.command_values.is_some()
    }

    /// Reads the values, reports to the parent what changed, and delivers the changes.
    ///
    /// To deliver them, becomes the command or, with `signal=NAME`, replaces the command's files,
    /// once the parent opens the gate. If this process doesn't become the command, returns the exit
    /// status.
    ///
    /// A poll first leaves the parent's process group. Otherwise, it would get the terminal's
    /// signals, such as Ctrl-C.
    fn read_and_deliver(&self) -> Result<u8, Report> {
        if self.is_poll() {
            self.gate.leave_group();
        }
        let options = &self.launch.prepared().options;
        let values = worker::run_with(options, self, |deadline| self.launch.all_values(deadline))?;
        let Self {
            baseline, rotation, ..
        } = self;
        let fingerprint = Fingerprint::new(&baseline.hash_key, rotation.on_rotation, &values);
        let Some(command_values) = &baseline.command_values else {
            return self.become_command(values, &Message::Ready(fingerprint));
        };

        let changes = command_values.changes_to(&fingerprint);
        let ready = Message::Ready(fingerprint);
        if !changes.lost.is_empty() || changes.deliverable.labels.is_empty() {
            self.gate.send(&ready);
            return Ok(0);
        }
        match rotation.on_rotation {
            OnRotation::Signal(_) => self.replace_files(&values.outcomes, &ready),
            OnRotation::Restart | OnRotation::Exit => self.become_command(values, &ready),
        }
    }

    /// Writes the files, waits until the parent opens the gate, and becomes the command.
    ///
    /// `ready` tells the parent that the trial is waiting. If the parent closes the gate instead,
    /// returns the exit status 0.
    ///
    /// If renaming the files or execve fails, tells the parent, prints the error and returns its
    /// exit status. Even a poll prints this error itself, because once the gate is open, the parent
    /// treats the trial as the command.
    fn become_command(&self, values: Values, ready: &Message) -> Result<u8, Report> {
        let (delivery, environment, notices) = self.launch.write_files(values)?;
        // Find the program again, because it may have been removed since the last start.
        let command = self.launch.command;
        let program = self.launch.prepared().find_program(command)?;
        // If the parent ends after opening the gate, the command gets the stop signal.
        if !self.gate.await_opening(ready, self.rotation.stop_signal) {
            return Ok(0);
        }

        // Print the notices only now. Before, it wasn't certain that the command would get these
        // values.
        let executed = print_and_rename(delivery, notices).and_then(|delivered| {
            self.gate.send(&Message::Delivered(delivered.files()));
            exec::exec(&program, command, &environment, delivered.descriptors())
        });
        let Err(problem) = executed;
        self.gate.send(&Message::NotStarted);
        Ok(Report::from(problem).print())
    }

    /// Replaces the running command's files once the parent opens the gate.
    ///
    /// First writes the new files under temporary names, and sends `ready` to the parent. If the
    /// parent closes the gate instead, removes the new files. Either way, the exit status is 0.
    ///
    /// Leaves out files in memory, because a running command can't get new ones.
    fn replace_files(&self, outcomes: &Outcomes, ready: &Message) -> Result<u8, Report> {
        let files =
            Files::open_directories(outcomes.files().filter(|file| file.target.path.is_some()));
        let delivery = Delivery::write_temporary(files)?;
        // Once the gate is open, this process gets SIGTERM if the parent ends.
        if self.gate.await_opening(ready, SignalNumber::TERM) {
            let notices = report::value_warnings(
                outcomes
                    .list
                    .iter()
                    .filter(|outcome| outcome.target.has_path()),
            );
            let delivered = print_and_rename(delivery, notices)?;
            self.gate.send(&Message::Delivered(delivered.files()));
            // Dropping `delivered` would remove the files that didn't exist before.
            delivered.keep();
        }
        Ok(0)
    }
}

/// The first trial prints its messages like a launch. Only those for the service manager go through
/// the parent.
impl Messenger for Trial<'_> {
    /// A poll prints nothing about its progress. It doesn't even print the error about a
    /// termination signal, which usually means that the whole service is being stopped.
    fn shows_progress(&self) -> bool {
        !self.is_poll()
    }

    fn notify(&self, assignments: &str) {
        if !self.is_poll() {
            self.gate.send(&Message::Notify(assignments.to_owned()));
        }
    }

    fn fail(&self, failures: &Report) -> u8 {
        if !self.is_poll() {
            return failures.print();
        }
        let since = self.baseline.failing_since;
        let status = failures.exit_status();
        let lines = failed_poll_lines(self.launch, since, Label::Warning, &failures.errors());
        self.gate.send(&Message::PollFailed { status, lines });
        status
    }

    fn watched_connection(&self) -> Option<BorrowedFd<'_>> {
        Some(self.gate.descriptor())
    }
}

/// The lines of the warning about a failed poll. In JSON output, `level` becomes the member of the
/// same name.
pub(super) fn failed_poll_lines(
    launch: &Launch<'_>,
    since: Option<SystemTime>,
    level: Label,
    errors: &[Record],
) -> String {
    let command = quoted_program(launch.command);
    let mut warning = failed_poll_warning(&command, since, errors).with("level", level.name());
    if launch.prepared().task.forgoes_fallback {
        warning = warning.notes([format!(
            "a poll asks no fallback region, because its values may be older than those that {command} has"
        )]);
    }
    terminal::visible_lines([warning])
}

/// The warning about a failed poll: the first of `errors` with its notes and help, and the number
/// of other errors.
///
/// `command` is already quoted. `since` is when polls began to fail, or `None` if this is the first
/// failure.
fn failed_poll_warning(command: &str, since: Option<SystemTime>, errors: &[Record]) -> Record {
    let since_text = since.map(|since| humantime::format_rfc3339_seconds(since).to_string());
    let what = match &since_text {
        Some(since) => format!("polls have failed since {since}"),
        None => "a poll failed".to_owned(),
    };

    // A failed poll has at least one error.
    let first = errors.first().cloned().unwrap_or(Record::error(""));
    let text = &first.parts().message;
    let mut message = format!("{what}, so {command} keeps its values: {text}");
    let mut warning = first.with_label(Label::Warning).event("poll_failed");
    if errors.len() > 1 {
        let others = errors.len() - 1;
        message += &format!(" (and {others} more; `secrets-exec check` shows them all)");
        let messages: Vec<&str> = errors
            .iter()
            .map(|error| error.parts().message.as_str())
            .collect();
        warning = warning.with_only("errors", messages);
    }
    warning.with_message(message).with_some("since", since_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_poll_prints_its_first_error_as_text_and_all_of_them_as_json() {
        let errors = [("one", "help"), ("two", "other"), ("three", "help")];
        let errors = errors.map(|(message, help)| Record::error(message).help(help));
        let warning = failed_poll_warning("node", None, &errors).into_parts();
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
