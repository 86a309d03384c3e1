//! The trial reads the values, compares them with those of the running command, and waits until the
//! parent opens its gate. It must never send a value to its parent, only hashes, names, version
//! ids, paths and the finished lines of messages.

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
    /// Assignments for the service manager, such as `STATUS=…`. It only listens to the unit's main
    /// process, which is the parent.
    Notify(String),
    /// The trial has read every value, and now waits at its gate. A poll also sends this message if
    /// nothing changed, or if the command would lose a value. It then ends instead of waiting.
    Ready(Fingerprint),
    /// The files are in place.
    Delivered(Vec<DeliveredFile>),
    /// The trial couldn't rename its files or execute the program. It prints the error itself.
    NotStarted,
    /// A poll failed. The parent prints the lines, because it limits how often they appear, and
    /// because a stalled reader of standard error must not block the trial.
    PollFailed { status: u8, lines: String },
}

/// The results of earlier trials, with which a trial compares its own.
#[derive(Default)]
pub(super) struct Baseline {
    /// All trials use the same random key, so their hashes can be compared.
    hash_key: RandomState,
    /// The values of the running command. `None` before the first start.
    pub(super) command_values: Option<Fingerprint>,
    /// What the latest trial read. `None` once the command has these values.
    pub(super) latest_values: Option<Fingerprint>,
    /// When polls began to fail. `None` unless the latest poll failed.
    pub(super) failing_since: Option<SystemTime>,
}

/// A trial, as the forked process sees it.
pub(super) struct Trial<'a> {
    pub launch: &'a Launch<'a>,
    pub gate: Gate,
    pub baseline: &'a Baseline,
    pub rotation: &'a RotationOptions,
}

impl Trial<'_> {
    /// Carries out the trial. The result is the exit status, unless this process becomes the
    /// command.
    pub fn run(self) -> u8 {
        self.read_and_deliver()
            .unwrap_or_else(|report| self.fail(&report))
    }

    fn is_poll(&self) -> bool {
        self.baseline.command_values.is_some()
    }

    /// Reads the values, tells the parent what changed, and becomes the command or, with
    /// `signal=NAME`, replaces its files.
    fn read_and_deliver(&self) -> Result<u8, Report> {
        if self.is_poll() {
            self.gate.leave_group();
        }
        let options = &self.launch.prepared().options;
        let values = worker::run(options, self, |deadline| self.launch.all_values(deadline))?;
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

    /// Writes the files, and becomes the command once the gate opens. From then on, even a poll
    /// prints its error itself, because the parent treats the trial as the command.
    fn become_command(&self, values: Values, ready: &Message) -> Result<u8, Report> {
        let (delivery, environment, notices) = self.launch.write_files(values)?;
        // Find the program again, because it may have been removed since the last start.
        let command = self.launch.command;
        let program = self.launch.prepared().find_program(command)?;
        // If the parent ends after opening the gate, the command gets the stop signal.
        if !self.gate.await_opening(ready, self.rotation.stop_signal) {
            return Ok(0);
        }

        // Print the notices only now that the command is sure to get these values.
        let executed = print_and_rename(delivery, notices).and_then(|delivered| {
            self.gate.send(&Message::Delivered(delivered.files()));
            exec::exec(&program, command, &environment, delivered.descriptors())
        });
        let Err(problem) = executed;
        self.gate.send(&Message::NotStarted);
        Ok(Report::from(problem).print())
    }

    /// Replaces the running command's files once the gate opens. A running command can't get new
    /// files in memory, so only files with a path are replaced.
    fn replace_files(&self, outcomes: &Outcomes, ready: &Message) -> Result<u8, Report> {
        let files =
            Files::open_directories(outcomes.files().filter(|file| file.target.path.is_some()));
        let delivery = Delivery::write_temporary(files)?;
        // If the parent ends after opening the gate, this process gets SIGTERM.
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

/// The first trial prints its messages itself, as a launch does. Only those for the service manager
/// go through the parent.
impl Messenger for Trial<'_> {
    /// A poll shows no progress. It doesn't even print the error about a termination signal,
    /// because such a signal usually means that the whole service is being stopped.
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

/// The warning about a failed poll. In JSON output, `level` becomes the member of the same name.
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

/// A warning with the first of `errors`, its notes and help, and the number of the other errors.
/// `command` is quoted.
fn failed_poll_warning(command: &str, since: Option<SystemTime>, errors: &[Record]) -> Record {
    let since_text = since.map(|since| humantime::format_rfc3339_seconds(since).to_string());
    let what = match &since_text {
        Some(since) => format!("polls have failed since {since}"),
        None => "a poll failed".to_owned(),
    };

    // A failed poll has at least one error, so the empty one is never used.
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
