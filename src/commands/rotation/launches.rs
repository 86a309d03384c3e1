//! The launches of one command, one at a time. Each is forked with the baseline, and its messages become events.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::child::{self, Baseline, Message, Ready};
use super::notices::Notices;
use crate::commands::launch_steps::Launch;
use crate::deliver::WrittenFiles;
use crate::model::options::{OnRotation, RotationOptions, SignalNumber};
use crate::model::problem::Problem;
use crate::report::Report;
use crate::supervise::process::{LaunchProcess, Pid, fork};
use crate::supervise::{Event, ExitStatus, PollResult};
use crate::system::{ending, os_error, wait_for};

/// The time in which a launch ends by itself: after its deadline, after a termination signal, and once its gate is open.
const GRACE: Duration = Duration::from_secs(5);

pub struct Launches<'a> {
    rotation: &'a RotationOptions,
    launch: Launch<'a>,
    baseline: Baseline,
    /// The launch, until it has executed the command or ended.
    pub process: Option<LaunchProcess>,
    /// The phase of `process`.
    phase: LaunchPhase,
    /// The files on disk of the command.
    pub written: WrittenFiles,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LaunchPhase {
    /// It reads the values, and writes the files under temporary names.
    Resolving,
    /// Values and files are complete, and it waits for one byte.
    AtGate,
    /// The gate is open, and it puts the files in place. A launch that fails ends in this phase.
    Placing,
    /// The files are in place. The end of the pipe follows: the command is executed, or only files were to be replaced.
    Executed,
}

impl<'a> Launches<'a> {
    pub fn new(rotation: &'a RotationOptions, launch: Launch<'a>) -> Self {
        let (baseline, written) = (Baseline::default(), WrittenFiles::default());
        Self {
            rotation,
            launch,
            baseline,
            process: None,
            phase: LaunchPhase::Resolving,
            written,
        }
    }

    /// Forks the first launch, and waits until it is at the gate. Returns its exit status if it ends before. A termination signal ends
    /// both, after the launch has told what it waited for.
    ///
    /// # Errors
    /// When it cannot be started, or is killed.
    pub fn await_first(&mut self, notices: &mut Notices<'_>) -> Result<Option<ExitCode>, Report> {
        self.fork().map_err(|why| Problem::nothing_resolved(&why))?;
        let held = ending::signal_descriptor().ok().flatten();
        while let Some(process) = &mut self.process
            && self.phase != LaunchPhase::AtGate
        {
            wait_for(
                held.iter().map(AsFd::as_fd).chain(process.descriptor()),
                None,
                process.time_left(),
            );
            if let Some(signal) = ending::pending_signal() {
                process.terminate(signal);
                self.await_end(notices);
                ending::by_signal(signal);
            }
            self.receive(notices);
            if let Some(process) = &self.process
                && process.descriptor().is_none()
            {
                return match process.wait() {
                    ExitStatus::Exited(status) => Ok(Some(status.into())),
                    ExitStatus::Killed(signal) => {
                        let why =
                            format!("the process that resolves the values was ended by {signal}");
                        Err(Problem::nothing_resolved(&why).into())
                    }
                };
            }
        }
        Ok(None)
    }

    /// Begins a poll.
    pub fn poll(&mut self, notices: &mut Notices<'_>) -> Option<Event> {
        if self.process.is_some() {
            // The command is not executed yet.
            return Some(Event::Polled(PollResult::Unchanged));
        }
        self.baseline.failing_since = notices.failing.as_ref().map(|failing| failing.since);
        match self.fork() {
            Ok(()) => None,
            Err(why) => {
                notices.poll_ended(&why);
                Some(Event::Polled(PollResult::Failed))
            }
        }
    }

    /// Forks a launch. The error is a message.
    fn fork(&mut self) -> Result<(), String> {
        let Self {
            launch,
            baseline,
            rotation,
            ..
        } = self;
        let options = &launch.prepared.options;
        let wait = if baseline.current.is_none() {
            options.wait.unwrap_or_default()
        } else {
            Duration::ZERO
        };
        let limit = options.timeout + wait + GRACE;
        let process = fork(limit, |gate| child::run(launch, gate, baseline, rotation));
        self.process = Some(
            process
                .map_err(|error| format!("cannot start a process: {}", os_error::text(&error)))?,
        );
        self.phase = LaunchPhase::Resolving;
        Ok(())
    }

    /// Receives the messages of the launch. One that is overdue is killed.
    pub fn receive(&mut self, notices: &mut Notices<'_>) -> Option<Event> {
        let process = self.process.as_mut()?;
        process.kill_if_overdue();
        let mut event = None;
        for message in process.receive() {
            match message {
                Message::Notify(assignments) => notices.service_manager.send(&assignments),
                Message::Ready(ready) => event = self.reach_gate(ready, notices),
                Message::Placed(files) => {
                    self.phase = LaunchPhase::Executed;
                    notices.remains(self.written.replace(WrittenFiles::open(files)));
                }
                Message::Failed => self.phase = LaunchPhase::Placing,
                Message::PollFailed(lines) => notices.poll_failed(&lines),
            }
        }
        let is_at_end = self
            .process
            .as_ref()
            .is_some_and(|process| process.descriptor().is_none());
        if is_at_end && matches!(self.phase, LaunchPhase::Placing | LaunchPhase::Executed) {
            return self.finish(notices);
        }
        event
    }

    /// Takes the values of a launch that has reached the gate. One that would change nothing is ended.
    fn reach_gate(&mut self, ready: Ready, notices: &mut Notices<'_>) -> Option<Event> {
        self.phase = LaunchPhase::AtGate;
        self.process
            .iter_mut()
            .for_each(|process| process.kill_at = None);
        self.baseline.next = Some(ready.fingerprint);
        notices.failing = None;
        notices.write_lines(&ready.lines);
        match ready.changed {
            // The first launch, which has nothing to compare its values with.
            _ if self.baseline.current.is_none() => None,
            None => {
                self.process = None;
                self.baseline.adopt();
                Some(Event::Polled(PollResult::Unchanged))
            }
            Some(changed) => {
                notices.changed = changed;
                Some(Event::Polled(PollResult::Changed))
            }
        }
    }

    /// The process id of the launch at the gate.
    pub fn at_gate(&self) -> Option<Pid> {
        self.process
            .as_ref()
            .filter(|_| self.phase == LaunchPhase::AtGate)
            .map(|process| process.pid)
    }

    /// Opens the gate: the launch becomes the command, or with `signal=NAME` replaces its files.
    pub fn open(&mut self) {
        self.phase = LaunchPhase::Placing;
        self.process.iter_mut().for_each(LaunchProcess::open);
    }

    /// Notes the end of the pipe of a launch whose gate was opened.
    fn finish(&mut self, notices: &mut Notices<'_>) -> Option<Event> {
        self.process = None;
        let has_succeeded = self.phase == LaunchPhase::Executed;
        let is_first = self.baseline.current.is_none();
        if let OnRotation::Signal(signal) = self.rotation.on_rotation
            && !is_first
        {
            if !has_succeeded {
                return Some(Event::NotDelivered);
            }
            self.baseline.adopt();
            notices.signalled(signal);
            return Some(Event::Delivered);
        }
        self.baseline.adopt();
        match (has_succeeded, is_first) {
            (true, true) => notices.started(),
            (true, false) => notices.restarted(),
            (false, true) => {}
            (false, false) => notices.not_restarted(),
        }
        None
    }

    /// Turns the end of the launch into an event; returns `None` for any other child.
    pub fn ended(
        &mut self,
        child: Pid,
        status: ExitStatus,
        notices: &mut Notices<'_>,
    ) -> Option<Event> {
        if self.process.as_ref()?.pid != child {
            return None;
        }
        let event = self.receive(notices);
        let Some(process) = self.process.take() else {
            return event;
        };
        let is_overdue = self.phase == LaunchPhase::Resolving && process.kill_at.is_none();
        let why = match status {
            ExitStatus::Killed(_) if is_overdue => Some("it was not over in time".to_owned()),
            // It has told why, or the whole service is stopped.
            ExitStatus::Exited(_) | ExitStatus::Killed(SignalNumber::TERM | SignalNumber::INT) => {
                None
            }
            ExitStatus::Killed(signal) => Some(format!("its process was ended by {signal}")),
        };
        self.baseline.next = None;
        if let Some(why) = why {
            notices.poll_ended(&why);
        }
        Some(Event::Polled(PollResult::Failed))
    }

    /// Ends the launch. A launch that replaces files is awaited, so that it leaves no temporary file.
    pub fn cancel(&mut self, notices: &mut Notices<'_>) {
        if matches!(self.phase, LaunchPhase::Placing | LaunchPhase::Executed) {
            self.await_end(notices);
        }
        self.process = None;
    }

    /// Waits for the end of the launch. One that a file system holds up is left: it has a signal, or gets one at the end of this process
    /// (PR_SET_PDEATHSIG), and removes its temporary files once the call returns.
    fn await_end(&mut self, notices: &mut Notices<'_>) {
        let end = Instant::now() + GRACE;
        while let Some(descriptor) = self.process.as_ref().and_then(LaunchProcess::descriptor)
            && let Some(left) = end.checked_duration_since(Instant::now())
        {
            wait_for([descriptor], None, Some(left));
            self.receive(notices);
        }
    }
}
