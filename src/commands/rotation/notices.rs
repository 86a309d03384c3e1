//! The messages of the process that stays with `--on-rotation`: about polls, and about the start
//! and the end of the command.
//!
//! Text output shows the warnings, and the notes about restarts, signals, exits, other processes
//! that are ended, and polls that succeed after a failure. It shows the other notes only with
//! `--verbose` ([`Record::detail`]). JSON output always has all notes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::child::failed_poll_warning;
use super::fingerprint::{Change, Secret};
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::problem::{Problem, Status, grouped};
use crate::model::shown::noun_with_name;
use crate::report::record::{counted, some_of};
use crate::report::{Label, Record, Report, terminal};
use crate::supervise::{ExitStatus, Left, Notice, Pid};
use crate::system::lifecycle::process_name;
use crate::system::systemd::Notifier;

/// The shortest time between two warnings about polls that fail in a row.
const REPETITION: Duration = Duration::from_secs(60 * 60);

/// Prints the messages of the parent process, and stores what these messages mention.
pub(super) struct Notices<'a> {
    pub rotation: &'a RotationOptions,
    pub(super) notifies_ready: bool,
    /// The command's program as the user wrote it, in quotes.
    pub command: String,
    pub pid: Pid,
    /// The variables and files whose new values differ from the command's.
    pub(super) changed_labels: BTreeSet<String>,
    /// The secrets and parameters that these new values come from, as messages name them.
    pub(super) changed_secrets: BTreeSet<String>,
    /// The variables and files that the command has and that no longer have a value, each with the
    /// reason. These variables and files aren't among `changed_labels`.
    pub(super) gone: BTreeMap<String, String>,
    /// The socket of the service manager. A restart isn't reported there with `RELOADING=1`,
    /// because that would keep the unit in the state "reloading" until `READY=1` is sent.
    pub(super) service_manager: Notifier,
    /// When the polls began to fail. `None` if the last poll succeeded.
    pub(super) failing_since: Option<SystemTime>,
    /// When failing polls were last reported. `None` before that, and again once a poll succeeds.
    pub(super) warned_at: Option<Instant>,
    /// True once a poll was reported that failed because it found less than the command has, such
    /// as an empty value.
    pub(super) has_warned_of_less: bool,
    /// The number of lines that were dropped, because the reader was behind, since the last line
    /// was written.
    pub(super) dropped_lines: usize,
    /// The rest of a line that was only written in part, because it is longer than PIPE_BUF.
    pub rest_of_line: String,
}

impl Notices<'_> {
    /// Prints that the command was started and, with `--notify-ready`, sends READY=1. `fixed` has
    /// the names of the variables and files whose new values can't reach the command while it runs.
    /// With `signal=NAME`, a note lists them.
    pub(super) fn report_start(&mut self, fixed: Vec<String>) {
        if self.notifies_ready {
            self.service_manager.send("READY=1");
        }
        let text = format!("{} was started, with process id {}", self.command, self.pid);
        let note = Record::note(text).event("started").detail();
        self.write([note.with("pid", self.pid.as_raw())]);
        if let OnRotation::Signal(signal) = self.rotation.on_rotation
            && !fixed.is_empty()
        {
            let labels = some_of(&fixed);
            let text = format!("{} {UNCHANGEABLE}", option_text(signal));
            let note = Record::note(format!("{text}: {labels}")).event("fixed");
            self.write([note.with("variables", fixed)]);
        }
    }

    /// Prints which secrets have changed, and warns of new values that can't reach the running
    /// command: with `signal=NAME`, the command keeps the old values of its variables and of its
    /// files in memory.
    pub(super) fn report_changes(&mut self, changes: &[Change<'_>]) {
        for change in changes {
            if !change.labels.is_empty() {
                self.write([change_note(change)]);
            }
            if let OnRotation::Signal(signal) = self.rotation.on_rotation
                && !change.fixed.is_empty()
            {
                let text = format!(
                    "{} has changed, but {} keeps the old value of {}: {} {UNCHANGEABLE}",
                    change.secret.name,
                    self.command,
                    some_of(&change.fixed),
                    option_text(signal)
                );
                let help = format!("restart {}, or use --on-rotation restart", self.command);
                let warning = Record::warning(text).event("not_changed").help(help);
                let warning = warning.with("secret", change.secret.id.as_str());
                self.write([warning.with("variables", change.fixed.clone())]);
            }
        }
    }

    pub(super) fn report_restart(&mut self) {
        let record = self.consequence_note("restarted", "was restarted", "");
        self.write([record.with("pid", self.pid.as_raw())]);
    }

    /// Prints that the command was stopped and can't be started again. The trial has printed the
    /// errors.
    pub(super) fn report_failed_restart(&mut self) {
        let ending = ", but can't be started again";
        let note = self.consequence_note("not_restarted", "was stopped", ending);
        let label = Label::Warning;
        self.write([Record { label, ..note }]);
    }

    pub(super) fn report_signal(&mut self, signal: SignalNumber) {
        let record = self.consequence_note("signalled", &format!("got {signal}"), "");
        self.write([record.with("signal", signal.to_string())]);
    }

    pub(super) fn report_exit(&mut self) {
        let status = Status::Temporary as u8;
        let ending = format!("; secrets-exec exits with status {status}");
        let record = self.consequence_note("exiting", "was stopped", &ending);
        self.write([record.with("status", status)]);
    }

    /// Prints why the process of a poll could not be started, or why it ended too early.
    pub(super) fn report_failed_poll(&mut self, why: &str) {
        let warning = failed_poll_warning(&self.command, self.failing_since, &[Record::error(why)]);
        self.print_failed_poll(&terminal::visible_lines([warning]), false);
    }

    /// Prints the lines about a poll that failed, and stores when polls began to fail. If several
    /// polls in a row fail, prints the lines of the first one, and later at most one set of lines
    /// in an hour. The first poll that finds less than the command has (`is_less`) is reported even
    /// within this hour, because someone has to act.
    pub(super) fn print_failed_poll(&mut self, lines: &str, is_less: bool) {
        self.failing_since.get_or_insert_with(SystemTime::now);
        let warned_lately = self.warned_at.is_some_and(|at| at.elapsed() < REPETITION);
        // If these lines are dropped, `warned_at` stays as it is, so the next poll that fails
        // prints its own lines.
        let is_urgent = is_less && !self.has_warned_of_less;
        if (is_urgent || !warned_lately) && self.write_lines(lines) {
            self.warned_at = Some(Instant::now());
            self.has_warned_of_less |= is_less;
        }
    }

    /// Prints the message for an [`Action::Report`](crate::supervise::Action::Report) of the state
    /// machine.
    pub fn report(&mut self, notice: Notice) {
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
            Notice::Ended(status) => self.end_record(status),
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
                let pid = self.pid;
                let text = format!("{command} (process id {pid}) can't be stopped, {not_allowed}");
                let error = Record::error(text).event("not_stopped");
                error.with("pid", pid.as_raw()).help(permission_help)
            }
            Notice::Survived => {
                let text = format!("a process that {command} has left can't be stopped");
                Record::error(text).event("not_stopped")
            }
        };
        self.write([record]);
    }

    /// The note that the command is about to be stopped because of a change.
    fn stopping_note(&self) -> Record {
        let predicate = match self.rotation.on_rotation {
            OnRotation::Restart => "is being restarted",
            OnRotation::Exit | OnRotation::Signal(_) => "is being stopped",
        };
        self.consequence_note("stopping", predicate, "")
    }

    /// Prints that a child besides the command was asked to end because of a change.
    pub(super) fn report_asked(&mut self, child: Pid) {
        let process = noun_with_name("process", &process_name(child));
        let text = format!("the {process} (process id {child}) gets SIGTERM, too");
        let note = Record::note(text).event("also_stopping");
        self.write([note.with("pid", child.as_raw())]);
    }

    /// The record about the end of the command, normally a note for `--verbose`. It is a warning if
    /// the signal of `--on-rotation signal=` killed the command, because that means that the
    /// command doesn't handle the signal.
    ///
    /// SIGTERM is an exception: this process passes a SIGTERM on to the command, so the command has
    /// probably just been asked to end.
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
        match self.rotation.on_rotation {
            OnRotation::Signal(sent) if signal == Some(sent) && sent != SignalNumber::TERM => {
                let help = format!("use a signal that {command} handles, or --on-rotation restart");
                Record {
                    label: Label::Warning,
                    ..record.help(help)
                }
            }
            OnRotation::Signal(_) | OnRotation::Restart | OnRotation::Exit => record.detail(),
        }
    }

    /// The note about what has happened to the command because values have changed, such as
    /// `"node" was stopped, because DB_PASSWORD changed (the secret "prod/db"); secrets-exec exits
    /// with status 75`. In this example, `predicate` is `was stopped`, and `ending` begins with the
    /// semicolon.
    fn consequence_note(&self, event: &'static str, predicate: &str, ending: &str) -> Record {
        let mut labels = Vec::from_iter(self.changed_labels.clone());
        let mut reasons = Vec::new();
        if !labels.is_empty() {
            let secrets = Vec::from_iter(self.changed_secrets.clone());
            reasons.push(format!(
                "{} changed ({})",
                some_of(&labels),
                some_of(&secrets)
            ));
        }
        for (why, gone) in grouped(self.gone.iter().map(|(label, why)| (why, label.clone()))) {
            let verb = if gone.len() == 1 { "is" } else { "are" };
            reasons.push(format!("{} {verb} gone: {why}", some_of(&gone)));
        }
        let reason = reasons.join(", and ");
        labels.extend(self.gone.keys().cloned());
        let text = format!("{} {predicate}, because {reason}{ending}", self.command);
        Record::note(text).event(event).with("variables", labels)
    }

    pub(super) fn report_errors(&mut self, errors: Vec<Problem>) {
        self.write(Report::from(errors).errors());
    }

    /// Prints the records that `--quiet` and `--verbose` allow.
    fn write(&mut self, records: impl IntoIterator<Item = Record>) {
        self.write_lines(&terminal::visible_lines(records));
    }

    /// Writes the rest of a line that an earlier call cut off, and then `lines`. Doesn't wait for
    /// the reader. Returns false if lines were dropped because the reader is behind. In that case,
    /// the next call that writes anything first warns how many lines were dropped.
    pub(super) fn write_lines(&mut self, lines: &str) -> bool {
        if lines.is_empty() {
            return true;
        }

        let mut text = std::mem::take(&mut self.rest_of_line);
        let rest_length = text.len();
        if self.dropped_lines > 0 {
            text += &terminal::visible_lines([dropped_lines_warning(self.dropped_lines)]);
        }
        text += lines;

        // What wasn't printed: the rest of a line that was cut (`rest_length` bytes if nothing was
        // printed), and the whole lines after it.
        let (rest_of_line, dropped) = terminal::print_text_unless_stalled(&text, rest_length);
        self.rest_of_line = rest_of_line.to_owned();
        // In the text, the warning about dropped lines comes before `lines`. So if no more than
        // `lines` was dropped, the warning was written.
        if dropped.len() <= lines.len() {
            self.dropped_lines = 0;
        }
        // Count at most the lines of `lines`, because the warning itself isn't a dropped line.
        self.dropped_lines += dropped.lines().count().min(lines.lines().count());
        self.dropped_lines == 0
    }
}

const UNCHANGEABLE: &str = "can't change variables and files in memory";

fn option_text(signal: SignalNumber) -> String {
    format!(
        "--on-rotation signal={}",
        signal.to_string().trim_start_matches("SIG")
    )
}

/// The note about a secret that has changed: `the secret "prod/db" changed from version 1
/// to version 2, which changes DB_PASSWORD`.
fn change_note(change: &Change<'_>) -> Record {
    let versions = match (change.old_version, change.new_version) {
        (Some(old), Some(new)) if old == new => format!("has a new value in version {new}"),
        (Some(old), Some(new)) => format!("changed from version {old} to version {new}"),
        (None, Some(new)) => format!("exists now, with version {new}"),
        (Some(old), None) => format!("no longer exists; its version was {old}"),
        // A local file doesn't have versions.
        (None, None) => "changed".to_owned(),
    };

    let Secret { name, id, .. } = change.secret;
    let labels = some_of(&change.labels);
    Record::note(format!("{name} {versions}, which changes {labels}"))
        .event("changed")
        .with("secret", id.as_str())
        .with_some("old_version", change.old_version)
        .with_some("new_version", change.new_version)
        .with("variables", change.labels.clone())
        .detail()
}

fn dropped_lines_warning(count: usize) -> Record {
    let lines = counted(count, "line was", "lines were");
    let text = format!("{lines} dropped here, because nobody was reading standard error");
    let warning = Record::warning(text).event("lines_dropped");
    warning.with("lines", count)
}
