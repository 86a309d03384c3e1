//! The lines about what the state machine does, completed with names, versions and reasons.

use std::time::Duration;

use super::comparison::{ChangedSecret, Unseen};
use super::values::Values;
use crate::deliver::DeliverError;
use crate::model::options::{OnRotation, Options, Rotation, SignalNumber};
use crate::report::rotation::{self, Change};
use crate::report::{Failure, Line, Report, TEMPORARY, terminal};
use crate::supervise::{Delay, ExitStatus, KillReason, Notice};

pub struct Notices<'a> {
    pub rotation: &'a Rotation,
    pub options: &'a Options,
    /// The command's program as written.
    pub command: String,
    /// The process id of the last start.
    pub pid: i32,
}

impl Notices<'_> {
    pub fn started(&self) {
        self.print([rotation::started(&self.command, self.pid)]);
    }

    pub fn notice(&self, notice: Notice, values: &Values) {
        let (command, pid) = (self.command.as_str(), self.pid);
        let changes = changes(values.changed());
        self.print(match notice {
            Notice::Changed => rotation::changed(&self::changes(values.found())),
            Notice::Reverted => vec![rotation::reverted(command)],
            Notice::PollFailed => rotation::poll_failed(command, &values.failure().render().lines),
            Notice::PollRecovered => vec![rotation::poll_recovered()],
            Notice::NotPrepared => rotation::not_prepared(command, &values.failure().render().lines),
            Notice::Restarted => vec![rotation::restarted(command, pid, &changes)],
            Notice::Ended(status) => self.ended(status),
            Notice::Cancelled => vec![rotation::cancelled(command)],
            Notice::Killed(KillReason::GraceOver) => vec![rotation::killed(command, self.rotation.grace)],
            Notice::Killed(KillReason::SecondTerm) => vec![rotation::killed_by_term(command)],
        });
    }

    /// Prints what follows from a change, if that is delayed by `--splay`.
    pub fn armed(&self, delay: Delay, length: Duration) {
        if delay == Delay::Splay && !self.rotation.splay.is_zero() {
            let consequence = match self.rotation.on_rotation {
                OnRotation::Restart => "is restarted".to_owned(),
                OnRotation::Exit => "is stopped".to_owned(),
                OnRotation::Signal(signal) => format!("gets {signal}"),
            };
            self.print([rotation::delayed(&self.command, &consequence, length)]);
        }
    }

    fn ended(&self, status: ExitStatus) -> Vec<Line> {
        let signal = match status {
            ExitStatus::Exited(_) => None,
            ExitStatus::Killed(signal) => Some(signal),
        };
        let ended = rotation::ended(&self.command, self.pid, status.code(), signal);
        match self.rotation.on_rotation {
            OnRotation::Signal(sent) if signal == Some(sent) && sent != SignalNumber::TERM => {
                rotation::unhandled(&self.command, ended)
            }
            OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit => vec![ended],
        }
    }

    /// Prints what follows from values that are prepared, if that is the signal.
    pub fn prepared(&self, values: &Values) {
        match self.rotation.on_rotation {
            OnRotation::Signal(signal) => {
                self.print([rotation::signalled(&self.command, signal, &changes(values.changed()))]);
            }
            OnRotation::Restart | OnRotation::Exit => {}
        }
    }

    /// Prints that a start failed, unless it was the first.
    pub fn not_started(&self, values: &Values) {
        let changes = changes(values.changed());
        if !changes.is_empty() {
            self.print([rotation::not_restarted(&self.command, &changes)]);
        }
    }

    pub fn exiting(&self, values: &Values) {
        self.print([rotation::exiting(&self.command, TEMPORARY, &changes(values.changed()))]);
    }

    /// Prints a warning about values that the command cannot see.
    pub fn unseen(&self, unseen: &Unseen) {
        if !unseen.labels.is_empty() {
            self.print(rotation::changed(&changes(&unseen.secrets)));
            self.print(rotation::unseen(&self.command, &unseen.labels));
        }
    }

    /// Prints files that could not be removed.
    pub fn remains(&self, errors: Vec<DeliverError>) {
        let report: Report = errors.into_iter().map(Failure::Deliver).collect();
        if !report.is_empty() {
            self.print(report.render().lines);
        }
    }

    fn print(&self, lines: impl IntoIterator<Item = Line>) {
        terminal::print_notices(lines, self.options);
    }
}

fn changes(changed: &[ChangedSecret]) -> Vec<Change<'_>> {
    let changes = changed.iter().map(|secret| Change {
        locator: &secret.locator,
        parameter_name: secret.parameter_name.as_deref(),
        old_version: secret.old_version.as_deref(),
        new_version: secret.new_version.as_deref(),
        names: &secret.names,
    });
    changes.collect()
}
