//! The lines about what the state machine does: polls, and starts and ends of the command.
//!
//! The text format has one note for each restart, signal or exit, and warnings; the rest only with `--verbose`. JSON has them all.

use std::time::{Duration, Instant, SystemTime};

use super::child::ChangedValues;
use crate::model::options::{OnRotation, Options, RotationOptions, SignalNumber};
use crate::model::problem::{Problem, Status};
use crate::report::rotation;
use crate::report::{Label, Record, Report, terminal};
use crate::supervise::process::{Pid, StandardError};
use crate::supervise::{ExitStatus, Notice};
use crate::system::systemd::Notifier;

/// The time between two warnings about polls that fail.
const REPETITION: Duration = Duration::from_secs(60 * 60);

/// Polls that fail in succession.
pub struct FailingPolls {
    pub since: SystemTime,
    /// `None` while no warning could be written.
    warned: Option<Instant>,
}

pub struct Notices<'a> {
    pub rotation: &'a RotationOptions,
    pub options: Options,
    /// The command's program as written, in quotes.
    pub command: String,
    /// The process id of the last start.
    pub pid: Pid,
    /// The values that changed last.
    pub changed: ChangedValues,
    /// The service manager. A restart is no reload to it (`RELOADING=1`): the unit would stay in that state until `READY=1` is sent.
    pub service_manager: Notifier,
    /// `None` if the last poll did not fail.
    pub failing: Option<FailingPolls>,
    pub standard_error: StandardError,
    /// The lines that were dropped since the last one was written.
    pub dropped_lines: usize,
}

impl Notices<'_> {
    /// Tells the service manager as well.
    pub fn started(&mut self) {
        if self.options.notify_ready {
            self.service_manager.send("READY=1");
        }
        let text = format!("{} was started, with process id {}", self.command, self.pid);
        self.write([Record::note(text)
            .event("started")
            .with("pid", self.pid.as_raw())
            .detail()]);
    }

    pub fn restarted(&mut self) {
        let record = self.consequence("restarted", "was restarted", "");
        self.write([record.with("pid", self.pid.as_raw())]);
    }

    /// Follows the errors of a start that failed after the command was stopped.
    pub fn not_restarted(&mut self) {
        let record = self.consequence(
            "not_restarted",
            "was stopped",
            ", but can't be started again",
        );
        self.write([Record {
            label: Label::Warning,
            ..record
        }]);
    }

    pub fn signalled(&mut self, signal: SignalNumber) {
        let record = self.consequence("signalled", &format!("got {signal}"), "");
        self.write([record.with("signal", signal.to_string())]);
    }

    /// A service manager starts the unit again.
    pub fn exiting(&mut self) {
        let status = Status::Temporary as u8;
        let then = format!("; secrets-exec exits with status {status}");
        let record = self.consequence("exiting", "was stopped", &then);
        self.write([record.with("status", status)]);
    }

    /// Prints that a poll was ended before it was over.
    pub fn poll_ended(&mut self, why: &str) {
        let since = self.failing.as_ref().map(|failing| failing.since);
        let warning = rotation::poll_failed(&self.command, since, &[Record::error(why)]);
        self.poll_failed(&terminal::notice_lines([warning]));
    }

    /// Prints the lines about a poll that failed: of several in succession those of the first, and of one in each hour.
    pub fn poll_failed(&mut self, lines: &str) {
        let failing = self.failing.get_or_insert_with(|| FailingPolls {
            since: SystemTime::now(),
            warned: None,
        });
        if failing
            .warned
            .is_some_and(|warned| warned.elapsed() < REPETITION)
        {
            return;
        }

        let is_written = self.write_lines(lines);
        if let Some(failing) = self.failing.as_mut().filter(|_| is_written) {
            failing.warned = Some(Instant::now());
        }
    }

    pub fn notice(&mut self, notice: Notice) {
        let command = &self.command;
        let group = format!("the process group of {command}");
        let grace = humantime::format_duration(self.rotation.grace);
        let killed = |record: Record| {
            let signal = SignalNumber::KILL.to_string();
            record.event("killed").with("signal", signal)
        };
        let record = match notice {
            Notice::PollRecovered => Record::note("polls succeed again").event("poll_recovered"),
            Notice::Ended(status) => self.ended(status),
            Notice::Cancelled => {
                let text = format!("SIGTERM arrived, so {command} is not restarted");
                Record::note(text)
                    .event("cancelled")
                    .with("signal", SignalNumber::TERM.to_string())
                    .detail()
            }
            Notice::SecondTerm => {
                let text = format!("a second SIGTERM arrived, so {group} is killed");
                killed(Record::warning(text))
            }
            Notice::GraceOver if self.rotation.grace.is_zero() => {
                let text = format!("{group} is killed at once (--grace 0s)");
                killed(Record::note(text)).detail()
            }
            Notice::GraceOver => {
                let text = format!("{group} did not end within {grace} (--grace), so it is killed");
                killed(Record::warning(text))
            }
        };
        self.write([record]);
    }

    /// Prints that the consequence of a change is delayed.
    pub fn delayed(&mut self, length: Duration) {
        let consequence = match self.rotation.on_rotation {
            OnRotation::Restart => "will be restarted".to_owned(),
            OnRotation::Exit => "will be stopped".to_owned(),
            OnRotation::Signal(signal) => format!("will get {signal}"),
        };
        let seconds = length.as_secs();
        let delay = humantime::format_duration(Duration::from_secs(seconds));
        let text = format!("{} {consequence} in {delay} (--splay)", self.command);
        self.write([Record::note(text)
            .event("delayed")
            .with("seconds", seconds)
            .detail()]);
    }

    /// A command that ended by the signal of `--on-rotation signal=` is a warning.
    fn ended(&self, status: ExitStatus) -> Record {
        let command = &self.command;
        let (how, signal) = match status {
            ExitStatus::Exited(status) => (format!("exited with status {status}"), None),
            ExitStatus::Killed(signal) => (format!("was ended by {signal}"), Some(signal)),
        };
        let record = Record::note(format!("{command} {how}"))
            .event("ended")
            .with("pid", self.pid.as_raw())
            .with("status", status.code())
            .with_some("signal", signal.map(|signal| signal.to_string()));
        match self.rotation.on_rotation {
            OnRotation::Signal(sent) if signal == Some(sent) && sent != SignalNumber::TERM => {
                let help = format!("use a signal that {command} handles, or --on-rotation restart");
                Record {
                    label: Label::Warning,
                    ..record.with_help(help)
                }
            }
            OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit => record.detail(),
        }
    }

    /// Returns the note of what has happened to the command because of the values that changed, and of what follows then.
    fn consequence(&self, event: &'static str, what: &str, then: &str) -> Record {
        let [labels, secrets] = [&self.changed.labels, &self.changed.secrets]
            .map(|names| Vec::from_iter(names.clone()));
        let mut text = format!("{} {what}", self.command);
        if !labels.is_empty() {
            text += &format!(
                ", because {} changed ({})",
                rotation::some_of(&labels),
                rotation::some_of(&secrets)
            );
        }
        Record::note(text + then)
            .event(event)
            .with("variables", labels)
    }

    /// Prints files that could not be removed.
    pub fn remains(&mut self, errors: Vec<Problem>) {
        self.write(Report::from_iter(errors).errors());
    }

    fn write(&mut self, records: impl IntoIterator<Item = Record>) {
        let lines = terminal::notice_lines(records);
        self.write_lines(&lines);
    }

    /// Writes lines without waiting for their reader. Lines that don't fit are dropped, and the next lines that fit come after a
    /// warning that says how many are missing. Returns false if these lines were dropped.
    pub fn write_lines(&mut self, lines: &str) -> bool {
        if lines.is_empty() {
            return true;
        }

        let mut text = String::new();
        if self.dropped_lines > 0 {
            let warning = rotation::lines_dropped(self.dropped_lines);
            text += &terminal::notice_lines([warning]);
        }
        text += lines;

        let is_written = self.standard_error.write(&text);
        if is_written {
            self.dropped_lines = 0;
        } else {
            self.dropped_lines += lines.lines().count();
        }
        is_written
    }
}
