//! Prints the messages of the parent about polls, and about the start and the end of the command.
//! Text output shows some notes only with `--verbose` ([`Record::detail`]), JSON output all of
//! them.

use super::fingerprint::{Change, Changes};
use crate::model::message::{Problem, Status};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::shown::{noun_with_name, some_of};
use crate::report::{
    Label, Record, Report,
    terminal::{self, Patience},
};
use crate::supervise::{ExitStatus, Left, Notice, Pid};
use crate::system::lifecycle::process_name;

/// What the messages of `--on-rotation` mention.
pub(super) struct Notices<'a> {
    pub(super) rotation: &'a RotationOptions,
    /// The command's program as written, in quotes.
    pub(super) command: String,
    /// The command's process id, even after its end. Before the first start, this process's own id.
    pub(super) pid: Pid,
    /// Of the latest change that a poll found, the part that can reach the command.
    pub(super) change: Change,
}

impl Notices<'_> {
    /// With `signal=NAME`, `fixed` has the names of what can't change while the command runs.
    pub(super) fn report_start(&self, fixed: Vec<String>) {
        let Self { command, pid, .. } = self;
        let note = Record::note(format!("{command} was started, with process id {pid}"));
        print(note.event("started").detail().with("pid", pid.as_raw()));
        if !fixed.is_empty() {
            let note = Record::note(format!("{UNCHANGEABLE}: {}", some_of(&fixed)));
            print(note.event("fixed").with("variables", fixed));
        }
    }

    /// Prints which values changed, and warns about those that can't reach the running command
    /// ([`Changes::fixed`]).
    pub(super) fn report_changes(&self, changes: &Changes) {
        let Changes {
            deliverable, fixed, ..
        } = changes;
        if !deliverable.labels.is_empty() {
            let note = Record::note(&deliverable.clause).event("changed");
            let note = note.detail().with("variables", deliverable.labels.clone());
            print(note.with("secrets", deliverable.secrets.clone()));
        }
        if !fixed.labels.is_empty() {
            let clause = &fixed.clause;
            let command = &self.command;
            let text = format!("{clause}, but not for {command}: {UNCHANGEABLE}");
            let help = format!("restart {command}, or use --on-rotation restart");
            let warning = Record::warning(text).event("not_changed").help(help);
            print(warning.with("variables", fixed.labels.clone()));
        }
    }

    /// Prints a notice that the state machine ordered.
    pub fn report(&self, notice: Notice) {
        let Self { command, pid, .. } = self;
        let clause = &self.change.clause;
        let not_allowed = format!(
            "because {command} runs as another user, and secrets-exec isn't allowed to signal it"
        );
        let permission_help = "run secrets-exec as the user of the command, or with CAP_KILL";
        let record = match notice {
            Notice::PollRecovered => Record::note("polls succeed again").event("poll_recovered"),
            Notice::Restarted => {
                // The note before the restart already said what changed.
                self.change_note("restarted", format!("{command} was restarted"))
                    .with("pid", pid.as_raw())
            }
            // The trial printed the errors.
            Notice::NotRestarted => {
                let text =
                    format!("{command} was stopped, because {clause}, but can't be started again");
                self.change_note("not_restarted", text)
                    .with_label(Label::Warning)
            }
            Notice::Signalled(signal) => self
                .change_note(
                    "signalled",
                    format!("{command} got {signal}, because {clause}"),
                )
                .with("signal", signal.to_string()),
            Notice::Ended(status) => self.end_record(status),
            Notice::Stopping if self.rotation.on_rotation == OnRotation::Restart => {
                let text = format!("{command} is being restarted, because {clause}");
                self.change_note("stopping", text)
            }
            Notice::Stopping => {
                let text = format!("{command} is being stopped, because {clause}");
                self.change_note("stopping", text)
            }
            Notice::Exiting => {
                let status = Status::Temporary as u8;
                let text = format!(
                    "{command} was stopped, because {clause}; secrets-exec exits with status {status}"
                );
                self.change_note("exiting", text).with("status", status)
            }
            Notice::Cancelled => {
                let note = Record::note(format!("SIGTERM arrived, so {command} isn't restarted"));
                let signal = SignalNumber::TERM.to_string();
                note.event("cancelled").detail().with("signal", signal)
            }
            Notice::SecondTerm(left) | Notice::GraceOver(left) => {
                let what = match left {
                    Left::Command | Left::Group => format!("the process group of {command}"),
                    Left::Others | Left::Nothing => format!("a process that {command} has left"),
                };
                let grace = humantime::format_duration(self.rotation.grace);
                let text = if notice == Notice::SecondTerm(left) {
                    format!("a second SIGTERM arrived, so {what} is killed")
                } else {
                    format!("{what} didn't end within {grace} (--grace), so it is killed")
                };
                let signal = SignalNumber::KILL.to_string();
                Record::warning(text).event("killed").with("signal", signal)
            }
            Notice::TermRefused => {
                let text = format!("SIGTERM can't be passed on, {not_allowed}");
                let warning = Record::warning(text).event("not_passed_on");
                warning.help(permission_help)
            }
            Notice::NotStopped => {
                let text = format!("{command} (process id {pid}) can't be stopped, {not_allowed}");
                let error = Record::error(text).event("not_stopped");
                error.with("pid", pid.as_raw()).help(permission_help)
            }
            Notice::Survived => {
                let text = format!("a process that {command} has left can't be stopped");
                Record::error(text).event("not_stopped")
            }
        };
        print(record);
    }

    /// Prints that `child`, a process that the command left behind, gets SIGTERM, too.
    pub(super) fn report_asked(&self, child: Pid) {
        let process = noun_with_name("process", &process_name(child));
        let text = format!("the {process} (process id {child}) gets SIGTERM, too");
        let note = Record::note(text).event("also_stopping");
        print(note.with("pid", child.as_raw()));
    }

    /// The note that the command has ended. It is a warning if the signal of `signal=NAME` killed
    /// the command, because the command then doesn't handle this signal. SIGTERM is an exception,
    /// because somebody probably just asked the command to end.
    fn end_record(&self, status: ExitStatus) -> Record {
        let command = &self.command;
        let (how, signal) = match status {
            ExitStatus::Exited(code) => (format!("exited with status {code}"), None),
            ExitStatus::Killed(signal) => (format!("was killed by {signal}"), Some(signal)),
        };
        let record = Record::note(format!("{command} {how}"))
            .event("ended")
            .with("pid", self.pid.as_raw())
            .with("status", status.code())
            .with_some("signal", signal.map(|signal| signal.to_string()));
        let sent = self.rotation.on_rotation.signal();
        if sent.is_some() && signal == sent && sent != Some(SignalNumber::TERM) {
            let help = format!("use a signal that {command} handles, or --on-rotation restart");
            return record.help(help).with_label(Label::Warning);
        }
        record.detail()
    }

    fn change_note(&self, event: &'static str, text: String) -> Record {
        Record::note(text)
            .event(event)
            .with("variables", self.change.labels.clone())
    }

    pub(super) fn report_errors(&self, errors: Vec<Problem>) {
        terminal::print(Patience::None, Report::from(errors).errors());
    }
}

fn print(record: Record) {
    terminal::print(Patience::None, [record]);
}

const UNCHANGEABLE: &str = "--on-rotation signal= can't change variables and files in memory";
