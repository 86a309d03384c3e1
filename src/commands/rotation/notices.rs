//! Prints the messages of the parent, the process that stays with `--on-rotation`: about polls, and
//! about the start and the end of the command.
//!
//! Text output shows the warnings, and the notes about restarts, signals, exits, other processes
//! that are ended, and polls that succeed after a failure. It shows the other notes only with
//! `--verbose` ([`Record::detail`]). JSON output always has all notes.

use std::time::{Duration, Instant};

use super::fingerprint::{Change, Changes};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::problem::{Problem, Status};
use crate::model::shown::{noun_with_name, some_of};
use crate::report::{Label, Record, Report, terminal};
use crate::supervise::{ExitStatus, Left, Notice, Pid};
use crate::system::lifecycle::process_name;

/// The shortest time between two warnings while polls keep failing.
const REPETITION: Duration = Duration::from_secs(60 * 60);

/// Prints the messages of `--on-rotation`, and remembers what they mention: the command, the latest
/// change, and when failed polls were last reported.
pub(super) struct Notices<'a> {
    pub(super) rotation: &'a RotationOptions,
    /// The command's program as the user wrote it, in quotes, such as `"node"`.
    pub(super) command: String,
    /// The latest change that a poll found. Leaves out new values that can't reach the command.
    pub(super) change: Change,
    /// When failed polls were last reported. `None` before the first report, and again once a poll
    /// succeeds.
    pub(super) warned_at: Option<Instant>,
}

impl Notices<'_> {
    /// Prints that the command was started. With `signal=NAME`, also prints `fixed`, the names of
    /// the variables and files that can't change while the command runs.
    pub(super) fn report_start(&self, pid: Pid, fixed: Vec<String>) {
        let text = format!("{} was started, with process id {pid}", self.command);
        let note = Record::note(text).event("started").detail();
        terminal::print_unless_stalled([note.with("pid", pid.as_raw())]);
        if !fixed.is_empty() {
            let labels = some_of(&fixed);
            let note = Record::note(format!("{UNCHANGEABLE}: {labels}")).event("fixed");
            terminal::print_unless_stalled([note.with("variables", fixed)]);
        }
    }

    /// Prints which values changed, and warns about those that can't reach the command while it
    /// runs: with `signal=NAME`, the command keeps the old values of its variables and of its files
    /// in memory ([`Changes::fixed`]).
    pub(super) fn report_changes(&self, changes: &Changes) {
        let Changes { deliverable, fixed } = changes;
        if !deliverable.labels.is_empty() {
            let note = Record::note(&deliverable.clause).event("changed");
            let note = note.detail().with("variables", deliverable.labels.clone());
            terminal::print_unless_stalled([note.with("secrets", deliverable.secrets.clone())]);
        }
        if !fixed.labels.is_empty() {
            let clause = &fixed.clause;
            let command = &self.command;
            let text = format!("{clause}, but not for {command}: {UNCHANGEABLE}");
            let help = format!("restart {command}, or use --on-rotation restart");
            let warning = Record::warning(text).event("not_changed").help(help);
            terminal::print_unless_stalled([warning.with("variables", fixed.labels.clone())]);
        }
    }

    /// Reports that the command was stopped because values changed, and that secrets-exec exits
    /// now.
    pub(super) fn report_exit(&self) {
        let status = Status::Temporary as u8;
        let ending = format!("; secrets-exec exits with status {status}");
        let record = self.consequence_note("exiting", "was stopped", &ending);
        terminal::print_unless_stalled([record.with("status", status)]);
    }

    /// Prints `lines`, the warning about a failed poll. While polls keep failing, prints the first
    /// warning, and then at most one an hour.
    pub(super) fn print_failed_poll(&mut self, lines: &str) {
        let warned_lately = self.warned_at.is_some_and(|at| at.elapsed() < REPETITION);
        // If standard error is stalled, the lines are dropped, and `warned_at` stays unchanged. So
        // the next failed poll can print its warning.
        if !warned_lately && terminal::print_text_unless_stalled(lines) {
            self.warned_at = Some(Instant::now());
        }
    }

    /// Prints the message for a notice that the state machine ordered
    /// ([`Action::Report`](crate::supervise::Action::Report)). `pid` is the command's process id.
    pub fn report(&self, notice: Notice, pid: Pid) {
        let command = &self.command;
        let what_is_left = |left: Left| match left {
            Left::Group => format!("the process group of {command}"),
            Left::Others | Left::Nothing => format!("a process that {command} has left"),
        };
        let not_allowed = format!(
            "because {command} runs as another user, and secrets-exec isn't allowed to signal it"
        );
        let permission_help = "run secrets-exec as the user of the command, or with CAP_KILL";
        let grace = humantime::format_duration(self.rotation.grace);
        let killed = |text: String| {
            let signal = SignalNumber::KILL.to_string();
            Record::warning(text).event("killed").with("signal", signal)
        };
        let record = match notice {
            Notice::PollRecovered => Record::note("polls succeed again").event("poll_recovered"),
            Notice::Restarted => {
                // The note before the restart already said what changed.
                Record::note(format!("{command} was restarted"))
                    .event("restarted")
                    .with("variables", self.change.labels.clone())
                    .with("pid", pid.as_raw())
            }
            // The trial printed the errors.
            Notice::NotRestarted => {
                let ending = ", but can't be started again";
                let note = self.consequence_note("not_restarted", "was stopped", ending);
                note.with_label(Label::Warning)
            }
            Notice::Signalled(signal) => {
                let note = self.consequence_note("signalled", &format!("got {signal}"), "");
                note.with("signal", signal.to_string())
            }
            Notice::Ended(status) => self.end_record(status, pid),
            Notice::Stopping => self.stopping_note(),
            Notice::Cancelled => {
                let text = format!("SIGTERM arrived, so {command} isn't restarted");
                let note = Record::note(text).event("cancelled").detail();
                note.with("signal", SignalNumber::TERM.to_string())
            }
            Notice::SecondTerm(left) => {
                let what = what_is_left(left);
                killed(format!("a second SIGTERM arrived, so {what} is killed"))
            }
            Notice::GraceOver(left) => {
                let what = what_is_left(left);
                killed(format!(
                    "{what} didn't end within {grace} (--grace), so it is killed"
                ))
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
        terminal::print_unless_stalled([record]);
    }

    /// The note that the command is about to be stopped because of a change.
    fn stopping_note(&self) -> Record {
        let predicate = match self.rotation.on_rotation {
            OnRotation::Restart => "is being restarted",
            OnRotation::Exit | OnRotation::Signal(_) => "is being stopped",
        };
        self.consequence_note("stopping", predicate, "")
    }

    /// Prints that `child`, a process that the command left behind, gets SIGTERM, too.
    pub(super) fn report_asked(&self, child: Pid) {
        let process = noun_with_name("process", &process_name(child));
        let text = format!("the {process} (process id {child}) gets SIGTERM, too");
        let note = Record::note(text).event("also_stopping");
        terminal::print_unless_stalled([note.with("pid", child.as_raw())]);
    }

    /// The message about the command's end, usually a note that only `--verbose` shows.
    ///
    /// It is a warning if the command was killed by the signal in `--on-rotation signal=NAME`,
    /// because the command doesn't handle that signal. SIGTERM is an exception: this process passes
    /// SIGTERM on to the command, so somebody probably just asked the command to end.
    fn end_record(&self, status: ExitStatus, pid: Pid) -> Record {
        let command = &self.command;
        let (how, signal) = match status {
            ExitStatus::Exited(code) => (format!("exited with status {code}"), None),
            ExitStatus::Killed(signal) => (format!("was killed by {signal}"), Some(signal)),
        };
        let record = Record::note(format!("{command} {how}"))
            .event("ended")
            .with("pid", pid.as_raw())
            .with("status", status.code())
            .with_some("signal", signal.map(|signal| signal.to_string()));
        match self.rotation.on_rotation {
            OnRotation::Signal(sent) if signal == Some(sent) && sent != SignalNumber::TERM => {
                let help = format!("use a signal that {command} handles, or --on-rotation restart");
                record.help(help).with_label(Label::Warning)
            }
            OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit => record.detail(),
        }
    }

    /// The note about what happened to the command because values changed, such as `"node" was
    /// stopped, because DB_PASSWORD changed (…); secrets-exec exits with status
    /// 75`. In this example, `predicate` is `was stopped`, and `ending` begins with the semicolon.
    fn consequence_note(&self, event: &'static str, predicate: &str, ending: &str) -> Record {
        let Change { labels, clause, .. } = &self.change;
        let text = format!("{} {predicate}, because {clause}{ending}", self.command);
        Record::note(text)
            .event(event)
            .with("variables", labels.clone())
    }

    pub(super) fn report_errors(&self, errors: Vec<Problem>) {
        terminal::print_unless_stalled(Report::from(errors).errors());
    }
}

const UNCHANGEABLE: &str = "--on-rotation signal= can't change variables and files in memory";
