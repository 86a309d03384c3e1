//! The launches of one command, one at a time. Each is forked with the baseline, and its messages become events.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::child::{self, Baseline, Message, Ready};
use super::notices::Notices;
use crate::commands::launch_steps::Launch;
use crate::deliver::WrittenFiles;
use crate::model::options::{OnRotation, SignalNumber};
use crate::model::problem::Problem;
use crate::report::Report;
use crate::supervise::process::{LaunchProcess, Pid, fork};
use crate::supervise::{Event, ExitStatus, PollResult};
use crate::system::ending::{End, end};
use crate::system::waiting::wait_for;
use crate::system::{os_error, signals};

/// The time in which a launch ends by itself: after its deadline, after a termination signal, and once its gate is open.
const TIME_TO_END: Duration = Duration::from_secs(5);

pub struct Launches<'a> {
    launch: Launch<'a>,
    /// The lines about this command. Most of them follow from a launch.
    pub notices: Notices<'a>,
    baseline: Baseline,
    /// `None` before the first launch, and once the launch has executed the command or has ended.
    current: Option<ForkedLaunch>,
    /// The files on disk of the command.
    pub written: WrittenFiles,
}

struct ForkedLaunch {
    process: LaunchProcess,
    phase: LaunchPhase,
}

/// The phase that a launch has reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LaunchPhase {
    /// The launch reads the values, and writes the files under temporary names.
    Resolving,
    /// Values and files are complete, and the launch waits for one byte.
    AtGate,
    /// The gate is open, and the launch puts the files in place. A launch that fails ends in this phase.
    Placing,
    /// The files are in place. The end of the pipe follows: the command is executed, or only files were to be replaced.
    Executed,
}

impl<'a> Launches<'a> {
    pub fn new(launch: Launch<'a>, notices: Notices<'a>) -> Self {
        Self {
            launch,
            notices,
            baseline: Baseline::default(),
            current: None,
            written: WrittenFiles::default(),
        }
    }

    /// A descriptor that is readable while there is a message of the launch; `None` without a launch, and after the end of its pipe.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.current.as_ref()?.process.descriptor()
    }

    /// Puts the launch into another phase. Nothing changes without a launch.
    fn advance(&mut self, phase: LaunchPhase) {
        if let Some(current) = &mut self.current {
            current.phase = phase;
        }
    }

    /// Forks the first launch, and waits until it is at the gate. Returns its exit status if it ends before. A termination signal ends
    /// both, after the launch has told what it waited for.
    ///
    /// # Errors
    /// When it cannot be started, or is killed.
    pub fn await_first(&mut self) -> Result<Option<u8>, Report> {
        self.fork().map_err(|why| Problem::nothing_resolved(&why))?;
        let held = signals::descriptor().ok().flatten();
        while self.at_gate().is_none() {
            wait_for(held.iter().map(AsFd::as_fd).chain(self.descriptor()), None);
            if let Some(signal) = signals::held_signal() {
                if let Some(current) = &mut self.current {
                    current.process.terminate(signal);
                }
                self.await_end();
                end(End::Signal(signal), || ());
            }
            self.receive();
            if let Some(ForkedLaunch { process, .. }) = &self.current
                && process.descriptor().is_none()
            {
                return match process.wait() {
                    ExitStatus::Exited(status) => Ok(Some(status)),
                    ExitStatus::Killed(signal) => {
                        let why =
                            format!("the process that reads the values was killed by {signal}");
                        Err(Problem::nothing_resolved(&why).into())
                    }
                };
            }
        }
        Ok(None)
    }

    /// Begins a poll.
    pub fn poll(&mut self) -> Option<Event> {
        if self.current.is_some() {
            // The command is not executed yet.
            return Some(Event::Polled(PollResult::Unchanged));
        }
        self.baseline.failing_since = self.notices.failing.as_ref().map(|failing| failing.since);
        match self.fork() {
            Ok(()) => None,
            Err(why) => {
                self.notices.poll_ended(&why);
                Some(Event::Polled(PollResult::Failed))
            }
        }
    }

    /// Forks a launch. The error is a message.
    fn fork(&mut self) -> Result<(), String> {
        let Self {
            launch,
            baseline,
            notices,
            ..
        } = self;
        let rotation = notices.rotation;
        let options = &launch.prepared.options;
        let wait = if baseline.current.is_none() {
            options.wait.unwrap_or_default()
        } else {
            Duration::ZERO
        };
        let limit = options.timeout + wait + TIME_TO_END;
        let process = fork(limit, |gate| child::run(launch, gate, baseline, rotation))
            .map_err(|error| format!("no process can be started ({})", os_error::text(&error)))?;
        self.current = Some(ForkedLaunch {
            process,
            phase: LaunchPhase::Resolving,
        });
        Ok(())
    }

    /// Receives the messages of the launch. Returns the event that follows, if there is one.
    pub fn receive(&mut self) -> Option<Event> {
        let mut event = None;
        for message in self.current.as_mut()?.process.receive() {
            match message {
                Message::Notify(assignments) => self.notices.service_manager.send(&assignments),
                Message::Ready(ready) => event = self.reach_gate(ready),
                Message::Placed(files) => {
                    self.advance(LaunchPhase::Executed);
                    self.notices
                        .remains(self.written.replace(WrittenFiles::open(files)));
                }
                Message::Failed => self.advance(LaunchPhase::Placing),
                Message::PollFailed(lines) => self.notices.poll_failed(&lines),
            }
        }

        if self.descriptor().is_some() {
            return event;
        }
        match self.current.as_ref().map(|current| current.phase) {
            Some(phase @ (LaunchPhase::Placing | LaunchPhase::Executed)) => {
                self.current = None;
                self.finish(phase == LaunchPhase::Executed)
            }
            // Its end is reaped as that of a child.
            Some(LaunchPhase::Resolving | LaunchPhase::AtGate) | None => event,
        }
    }

    /// Records that the launch has reached its gate, and ends it if it would change nothing. Returns the result of the poll, or `None` for the
    /// first launch, which has nothing to compare its values with.
    fn reach_gate(&mut self, ready: Ready) -> Option<Event> {
        self.advance(LaunchPhase::AtGate);
        self.baseline.next = Some(ready.fingerprint);
        self.notices.failing = None;
        self.notices.write_lines(&ready.lines);
        match ready.changed {
            _ if self.baseline.current.is_none() => None,
            None => {
                self.current = None;
                self.baseline.adopt();
                Some(Event::Polled(PollResult::Unchanged))
            }
            Some(changed) => {
                self.notices.changed = changed;
                Some(Event::Polled(PollResult::Changed))
            }
        }
    }

    /// The process id of the launch at the gate; `None` unless one waits there.
    pub fn at_gate(&self) -> Option<Pid> {
        let current = self.current.as_ref()?;
        (current.phase == LaunchPhase::AtGate).then_some(current.process.pid)
    }

    /// Opens the gate: the launch becomes the command, or with `signal=NAME` replaces its files.
    pub fn open(&mut self) {
        self.advance(LaunchPhase::Placing);
        if let Some(current) = &mut self.current {
            current.process.open();
        }
    }

    /// Prints what has become of a launch whose gate was opened and whose pipe has ended. Returns an event if the launch was only to replace
    /// files.
    fn finish(&mut self, has_succeeded: bool) -> Option<Event> {
        let is_first = self.baseline.current.is_none();
        if let OnRotation::Signal(signal) = self.notices.rotation.on_rotation
            && !is_first
        {
            if !has_succeeded {
                return Some(Event::NotDelivered);
            }
            self.baseline.adopt();
            self.notices.signalled(signal);
            return Some(Event::Delivered);
        }
        self.baseline.adopt();
        match (has_succeeded, is_first) {
            (true, true) => self.notices.started(),
            (true, false) => self.notices.restarted(),
            (false, true) => {}
            (false, false) => self.notices.not_restarted(),
        }
        None
    }

    /// Turns the end of the launch into an event; returns `None` for any other child.
    pub fn ended(&mut self, child: Pid, status: ExitStatus) -> Option<Event> {
        if self.current.as_ref()?.process.pid != child {
            return None;
        }
        let event = self.receive();
        if self.current.take().is_none() {
            return event;
        }
        let why = match status {
            // It has told why, or the whole service is stopped.
            ExitStatus::Exited(_) | ExitStatus::Killed(SignalNumber::TERM | SignalNumber::INT) => {
                None
            }
            ExitStatus::Killed(SignalNumber::ALRM) => Some("it took too long".to_owned()),
            ExitStatus::Killed(signal) => Some(format!("its process was killed by {signal}")),
        };
        self.baseline.next = None;
        if let Some(why) = why {
            self.notices.poll_ended(&why);
        }
        Some(Event::Polled(PollResult::Failed))
    }

    /// Ends the launch. A launch that replaces files is awaited, so that it leaves no temporary file.
    pub fn cancel(&mut self) {
        let phase = self.current.as_ref().map(|current| current.phase);
        if let Some(LaunchPhase::Placing | LaunchPhase::Executed) = phase {
            self.await_end();
        }
        self.current = None;
    }

    /// Waits for the end of the launch. One that a file system holds up is left: it has a signal, or gets one at the end of this process
    /// (PR_SET_PDEATHSIG), and removes its temporary files once the call returns.
    fn await_end(&mut self) {
        let end = Instant::now() + TIME_TO_END;
        while let Some(descriptor) = self.descriptor()
            && let Some(left) = end.checked_duration_since(Instant::now())
        {
            wait_for([descriptor], Some(left));
            self.receive();
        }
    }
}
