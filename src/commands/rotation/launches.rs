//! The launches of one command. There is at most one at any time. Each is forked with a copy of the
//! baseline, and its messages become events for the state machine.

use std::mem::replace;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::child::{self, Baseline, Message, Ready};
use super::notices::Notices;
use crate::commands::launch::Launch;
use crate::deliver::{PlacedFile, remove_files};
use crate::model::options::{OnRotation, SignalNumber};
use crate::model::problem::Problem;
use crate::report::Report;
use crate::supervise::{Event, ExitStatus, LaunchProcess, Pid, PollResult, fork};
use crate::system::ending::{End, end};
use crate::system::os_error::io_error_text;
use crate::system::signals;
use crate::system::waiting::wait_for;

/// The time in which a launch is expected to end: after its deadline, after a termination signal,
/// and once its gate is open.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// The launch that is under way, and what earlier ones have found.
pub struct Launches<'a> {
    launch: Launch<'a>,
    /// The lines about this command. Most of them are about a launch.
    pub notices: Notices<'a>,
    baseline: Baseline,
    /// The launch that is under way. `None` before the first one, and once a launch has executed
    /// the command or has ended.
    process: Option<LaunchProcess>,
    /// The phase of the last launch. It isn't read before the first launch.
    phase: LaunchPhase,
    /// The command's files on disk, which are removed when it ends.
    pub placed: Vec<PlacedFile>,
}

/// The phase of a launch. A later phase is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum LaunchPhase {
    /// The launch reads the values and writes the files under temporary names.
    Resolving,
    /// Values and files are complete, and the launch waits for one byte.
    AtGate,
    /// The gate is open, and the launch is renaming the files.
    Open,
    /// The files have their own names. The launch closes the pipe next, because it executes the
    /// command, or because it only had to replace files.
    Placed,
    /// The launch couldn't rename its files or execute the command.
    Failed,
}

impl<'a> Launches<'a> {
    /// Returns the launches of a command that hasn't been started. No launch has been forked yet.
    pub fn new(launch: Launch<'a>, notices: Notices<'a>) -> Self {
        Self {
            launch,
            notices,
            baseline: Baseline::default(),
            process: None,
            // `fork_launch` sets the phase.
            phase: LaunchPhase::Resolving,
            placed: Vec::new(),
        }
    }

    /// Returns a descriptor that is readable when the launch has sent a message, or has closed its
    /// end of the pipe. The result is `None` if there isn't a launch, and once that end was
    /// noticed.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref()?.descriptor()
    }

    /// Forks the first launch and waits for it. Returns `None` once it is at its gate, or its exit
    /// status if it has ended.
    ///
    /// A termination signal first ends the launch, which reports what it was waiting for, and then
    /// this process.
    ///
    /// # Errors
    /// If the launch can't be started or is killed.
    pub fn await_first(&mut self) -> Result<Option<u8>, Report> {
        self.fork_launch()
            .map_err(|why| Problem::nothing_resolved(&why))?;

        let held = signals::descriptor().ok().flatten();
        while self.pid_at_gate().is_none() {
            wait_for(held.iter().map(AsFd::as_fd).chain(self.descriptor()), None);
            if let Some(signal) = signals::held_signal() {
                if let Some(process) = &mut self.process {
                    process.terminate(signal);
                }
                self.await_end();
                end(End::Signal(signal), || ());
            }

            self.receive();
            if let Some(process) = &self.process
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

    /// Starts a poll, unless the last launch is still on its way to becoming the command. Returns
    /// `None` if a launch was forked: its result arrives later. Otherwise returns the result. If
    /// the launch can't be forked, also prints why.
    pub fn start_poll(&mut self) -> Option<Event> {
        if self.process.is_some() {
            // A launch is still on its way to becoming the command. It has only just read the
            // values, so a poll wouldn't find anything newer.
            return Some(Event::Polled(PollResult::Unchanged));
        }
        self.baseline.failing_since = self.notices.failing.as_ref().map(|failing| failing.since);
        match self.fork_launch() {
            Ok(()) => None,
            Err(why) => {
                self.notices.report_failed_poll(&why);
                Some(Event::Polled(PollResult::Failed))
            }
        }
    }

    /// Forks a launch. SIGALRM ends it if it isn't at its gate a few seconds after its deadline.
    ///
    /// # Errors
    /// The message that says why there isn't a process.
    fn fork_launch(&mut self) -> Result<(), String> {
        let (baseline, rotation) = (&self.baseline, self.notices.rotation);
        let options = &self.launch.prepared.options;
        // `--wait` doesn't apply to a poll, because the next one follows anyway.
        let wait = match baseline.command_values {
            None => options.wait.unwrap_or_default(),
            Some(_) => Duration::ZERO,
        };
        let limit = options.timeout + wait + TIME_TO_END;

        let run = |gate| child::run_launch(&mut self.launch, gate, baseline, rotation);
        let process = fork(limit, run)
            .map_err(|error| format!("no process can be started ({})", io_error_text(&error)))?;
        (self.process, self.phase) = (Some(process), LaunchPhase::Resolving);
        Ok(())
    }

    /// Receives the messages of the launch that have arrived, and acts on them: passes
    /// notifications on, prints lines, removes files that the new launch no longer has, and forgets
    /// a launch that has ended. Returns the event that follows, if there is one. Doesn't wait.
    pub fn receive(&mut self) -> Option<Event> {
        let mut event = None;
        let messages = self.process.as_mut()?.receive();
        for message in messages {
            match message {
                Message::Notify(assignments) => self.notices.service_manager.send(&assignments),
                Message::Ready(ready) => event = self.note_ready(ready),
                Message::Placed(files) => {
                    self.phase = LaunchPhase::Placed;
                    let earlier = replace(&mut self.placed, files);
                    self.notices.report_errors(remove_files(earlier));
                }
                Message::Failed => self.phase = LaunchPhase::Failed,
                Message::PollFailed(lines) => self.notices.print_failed_poll(&lines),
            }
        }

        // The end of a launch whose gate is closed is noticed when it is reaped (`note_reaped`).
        if self.descriptor().is_some() || !self.is_open() {
            return event;
        }
        self.process = None;
        self.note_end(self.phase == LaunchPhase::Placed)
    }

    /// True if there is a launch whose gate has been opened.
    fn is_open(&self) -> bool {
        self.process.is_some() && self.phase >= LaunchPhase::Open
    }

    /// Notes that the launch has reached its gate. Prints the lines about what has changed. If its
    /// values are those of the command, the launch is ended. Returns the result of the poll, or
    /// `None` for the first launch.
    fn note_ready(&mut self, ready: Ready) -> Option<Event> {
        self.phase = LaunchPhase::AtGate;
        self.baseline.latest_values = Some(ready.fingerprint);
        self.notices.failing = None;
        self.notices.write_lines(&ready.lines);
        // This is `None` for the first launch, which isn't a poll, so no event follows.
        self.baseline.command_values.as_ref()?;

        match ready.changed {
            None => {
                self.process = None;
                self.baseline.adopt_latest_values();
                Some(Event::Polled(PollResult::Unchanged))
            }
            Some(changed) => {
                self.notices.changed = changed;
                Some(Event::Polled(PollResult::Changed))
            }
        }
    }

    /// Returns the process id of the launch that waits at the gate, or `None` if there isn't one.
    pub fn pid_at_gate(&self) -> Option<Pid> {
        let process = self.process.as_ref()?;
        (self.phase == LaunchPhase::AtGate).then_some(process.pid)
    }

    /// Opens the gate. The launch becomes the command or, with `signal=NAME`, replaces its files.
    pub fn open_gate(&mut self) {
        self.phase = LaunchPhase::Open;
        if let Some(process) = &mut self.process {
            process.open_gate();
        }
    }

    /// Acts on the end of a launch whose gate was opened: prints the line about it and, if the
    /// launch has succeeded, notes that the command has its values. `has_placed` is true if the
    /// files have their own names and nothing has failed since. Returns the event that follows if
    /// the launch was only meant to replace files.
    fn note_end(&mut self, has_placed: bool) -> Option<Event> {
        let is_first = self.baseline.command_values.is_none();
        if let OnRotation::Signal(signal) = self.notices.rotation.on_rotation
            && !is_first
        {
            if !has_placed {
                return Some(Event::NotDelivered);
            }
            self.baseline.adopt_latest_values();
            self.notices.report_signal(signal);
            return Some(Event::Delivered);
        }

        // The launch was meant to become the command.
        self.baseline.adopt_latest_values();
        match (is_first, has_placed) {
            (true, true) => self.notices.report_start(),
            (false, true) => self.notices.report_restart(),
            (false, false) => self.notices.report_failed_restart(),
            // The first launch has printed the error itself.
            (true, false) => {}
        }
        None
    }

    /// Acts on the end of a child that was reaped. Returns the event that follows if the child was
    /// the launch, and `None` for any other child.
    ///
    /// First receives the launch's last messages, because they may say how it ended: its values are
    /// unchanged or, with `signal=NAME`, it has replaced the files or failed to. In these cases,
    /// the messages decide the event. Otherwise the launch ended before its gate was opened, so the
    /// poll has failed, even if the launch had reported a change.
    pub fn note_reaped(&mut self, child: Pid, status: ExitStatus) -> Option<Event> {
        if self.process.as_ref()?.pid != child {
            return None;
        }
        let event = self.receive();
        if self.process.is_none() {
            return event;
        }
        self.give_up_poll(status);
        Some(Event::Polled(PollResult::Failed))
    }

    /// Forgets a launch that has ended before its gate was opened, and the values that it has read.
    /// Prints why the launch has ended, with two exceptions: a launch that exits has reported the
    /// reason itself, and SIGTERM or SIGINT is meant to stop the whole service.
    fn give_up_poll(&mut self, status: ExitStatus) {
        self.process = None;
        // The command doesn't get these values. If the next poll reads them again, that poll has to
        // print the lines about the change again.
        self.baseline.latest_values = None;
        let why = match status {
            ExitStatus::Exited(_) | ExitStatus::Killed(SignalNumber::TERM | SignalNumber::INT) => {
                return;
            }
            ExitStatus::Killed(SignalNumber::ALRM) => "it took too long".to_owned(),
            ExitStatus::Killed(signal) => format!("its process was killed by {signal}"),
        };
        self.notices.report_failed_poll(&why);
    }

    /// Ends the launch, if there is one. Waits for a launch that is replacing files, for at most
    /// [`TIME_TO_END`], so that it doesn't leave a temporary file behind.
    pub fn end_launch(&mut self) {
        if self.is_open() {
            self.await_end();
        }
        // Dropping the process closes the gate, which ends a launch that is still waiting or
        // resolving.
        self.process = None;
    }

    /// Waits until the launch has ended, for at most [`TIME_TO_END`], and acts on its messages.
    ///
    /// A launch that a file system holds up doesn't end in this time. It has already received a
    /// signal, or gets one when this process ends (PR_SET_PDEATHSIG), and removes its temporary
    /// files as soon as the system call returns.
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
