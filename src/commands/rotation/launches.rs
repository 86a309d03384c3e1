//! The launches of one command, one at a time: each is forked with what it has to know, and its messages become events.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::child::{self, KnownValues, Message, Ready};
use super::manager::Manager;
use super::notices::Notices;
use crate::commands::start::Launch;
use crate::deliver::WrittenFiles;
use crate::model::options::{RotationOptions, SignalNumber};
use crate::model::problem::Problem;
use crate::report::Report;
use crate::supervise::process::{LaunchPhase, LaunchProcess, fork};
use crate::supervise::{Event, ExitStatus, PollResult};
use crate::system::{ending, os_error, wait_for};

/// The time after its deadline in which a launch ends by itself.
const GRACE: Duration = Duration::from_secs(5);

pub struct Launches<'a> {
    rotation: &'a RotationOptions,
    launch: Launch<'a>,
    known: KnownValues,
    child: Option<LaunchProcess>,
    /// True if the child is the command, which it has not executed yet.
    is_command: bool,
    /// True if the child has said that it executes the command, and not that this failed.
    is_executing: bool,
    /// The files on disk of the command.
    written: WrittenFiles,
}

impl<'a> Launches<'a> {
    pub fn new(rotation: &'a RotationOptions, launch: Launch<'a>) -> Self {
        Self {
            rotation,
            launch,
            known: KnownValues::default(),
            child: None,
            is_command: false,
            is_executing: false,
            written: WrittenFiles::default(),
        }
    }

    fn fork(&mut self) -> io::Result<()> {
        let options = &self.launch.prepared.options;
        let is_first = self.known.current.is_none();
        let wait = options.wait.filter(|_| is_first).unwrap_or_default();
        let kill_at = Instant::now() + options.timeout + wait + GRACE;
        let Self { launch, known, rotation, .. } = self;
        let run = |gate| child::run(launch, gate, known, rotation);
        self.child = Some(fork(kill_at, run)?);
        Ok(())
    }

    /// Forks the first launch, and waits until it is at the gate. Returns its exit status if it ends before. A termination signal ends
    /// both.
    ///
    /// # Errors
    /// When it cannot be started, or is killed.
    pub fn await_first(&mut self, manager: &Manager) -> Result<Option<ExitCode>, Report> {
        self.fork().map_err(|error| Problem::nothing_resolved(&os_error::no_process(&error)))?;
        let held = ending::signal_descriptor().ok().flatten();
        while self.at_gate().is_none() {
            wait_for(held.iter().map(AsFd::as_fd).chain(self.descriptor()), None, self.time_left());
            if let (Some(signal), Some(child)) = (ending::pending_signal(), &mut self.child) {
                child.end_both_by(signal);
            }
            self.kill_if_overdue();
            let Some(child) = &mut self.child else { break };
            for message in child.receive() {
                match message {
                    Message::Notify(assignments) => manager.send(&assignments),
                    Message::Ready(Ready { key, fingerprint, .. }) => {
                        (self.known.key, self.known.next) = (Some(key), Some(fingerprint));
                        child.phase = LaunchPhase::Waiting;
                    }
                    Message::Placed(_) | Message::Failed => {}
                }
            }
            if child.is_at_end() {
                return match child.wait() {
                    ExitStatus::Exited(status) => Ok(Some(status.into())),
                    ExitStatus::Killed(signal) => {
                        let why = format!("the process that resolves the values was ended by {signal}");
                        Err(Problem::nothing_resolved(&why).into())
                    }
                };
            }
        }
        Ok(None)
    }

    /// The launch at the gate, which is to become the command.
    pub fn at_gate(&self) -> Option<&LaunchProcess> {
        self.child.as_ref().filter(|child| child.phase == LaunchPhase::Waiting)
    }

    /// Opens the gate: from then on the launch is the command.
    pub fn start(&mut self) {
        self.is_command = true;
        self.child.iter_mut().for_each(LaunchProcess::open);
    }

    /// Opens the gate for the files alone. Returns false if no launch waits at it.
    pub fn deliver(&mut self) -> bool {
        self.child.iter_mut().for_each(LaunchProcess::open);
        self.child.is_some()
    }

    /// Begins a poll. A launch that waits at the gate is ended.
    pub fn poll(&mut self, notices: &mut Notices<'_>) -> Option<Event> {
        if self.is_command {
            // The command is not executed yet.
            return Some(Event::Polled(PollResult::Unchanged));
        }
        self.child = None;
        match self.fork() {
            Ok(()) => None,
            Err(error) => Some(self.poll_failed(notices, Some(&os_error::no_process(&error)))),
        }
    }

    /// Ends a launch that is not the command. One that replaces files is awaited, so that it leaves no part of them.
    pub fn cancel(&mut self, notices: &mut Notices<'_>) {
        match &self.child {
            Some(_) if self.is_command => {}
            Some(child) if child.phase == LaunchPhase::Open => {
                child.wait();
                self.receive(notices);
                self.child = None;
            }
            Some(_) | None => self.child = None,
        }
    }

    /// Receives the messages of the launch.
    pub fn receive(&mut self, notices: &mut Notices<'_>) -> Option<Event> {
        let mut event = None;
        let child = self.child.as_mut()?;
        for message in child.receive() {
            match message {
                // Only the first launch sends it, before its gate.
                Message::Notify(_) => {}
                Message::Placed(files) => {
                    notices.remains(self.written.replace(WrittenFiles::open(files)));
                    self.is_executing = true;
                }
                Message::Failed => self.is_executing = false,
                Message::Ready(Ready { fingerprint, changed, lines, .. }) => {
                    child.phase = LaunchPhase::Waiting;
                    self.known.last_poll_failed = false;
                    self.known.next = Some(fingerprint);
                    notices.write(&lines);
                    event = Some(if changed.is_empty() { PollResult::Unchanged } else { PollResult::Changed });
                    notices.changed = if changed.is_empty() { std::mem::take(&mut notices.changed) } else { changed };
                }
            }
        }
        if self.is_command && child.is_at_end() {
            self.child = None;
            self.executed(notices);
        }
        if event == Some(PollResult::Unchanged) {
            // This closes the gate.
            self.child = None;
            self.known.adopt();
        }
        event.map(Event::Polled)
    }

    /// Tells that the command was executed, or that it was not.
    fn executed(&mut self, notices: &mut Notices<'_>) {
        self.is_command = false;
        let is_first = self.known.current.is_none();
        self.known.adopt();
        match (std::mem::take(&mut self.is_executing), is_first) {
            (true, true) => notices.started(),
            (true, false) => notices.restarted(),
            (false, true) => {}
            (false, false) => notices.not_restarted(),
        }
    }

    /// Turns the end of a launch into an event; the end of any other child is none.
    pub fn ended(&mut self, child: i32, status: ExitStatus, notices: &mut Notices<'_>) -> Option<Event> {
        if self.child.as_ref()?.id() != child {
            return None;
        }
        let event = self.receive(notices);
        let Some(child) = self.child.take() else { return event };
        Some(match (child.phase, status) {
            (LaunchPhase::Open, ExitStatus::Exited(0)) => {
                self.known.adopt();
                notices.signalled();
                Event::Delivered
            }
            (LaunchPhase::Open, _) => {
                self.known.last_poll_failed = true;
                Event::NotDelivered
            }
            // It has told why.
            (_, ExitStatus::Exited(_)) => self.poll_failed(notices, None),
            (LaunchPhase::Killed, _) => self.poll_failed(notices, Some("it was not over in time")),
            // A stop of the whole service.
            (_, ExitStatus::Killed(SignalNumber::TERM | SignalNumber::INT)) => self.poll_failed(notices, None),
            (_, ExitStatus::Killed(signal)) => {
                self.poll_failed(notices, Some(&format!("its process was ended by {signal}")))
            }
        })
    }

    fn poll_failed(&mut self, notices: &mut Notices<'_>, why: Option<&str>) -> Event {
        self.known.next = None;
        let had_failed = std::mem::replace(&mut self.known.last_poll_failed, true);
        if let (Some(why), false) = (why, had_failed) {
            notices.poll_ended(why);
        }
        Event::Polled(PollResult::Failed)
    }

    /// A descriptor that is readable while the launch has a message.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.child.as_ref()?.descriptor()
    }

    /// The time until [`Self::kill_if_overdue`] kills the launch.
    pub fn time_left(&self) -> Option<Duration> {
        self.child.as_ref()?.time_left()
    }

    pub fn kill_if_overdue(&mut self) {
        self.child.iter_mut().for_each(LaunchProcess::kill_if_overdue);
    }

    /// Removes the files of the command.
    pub fn remove_files(&mut self, notices: &mut Notices<'_>) {
        notices.remains(std::mem::take(&mut self.written).remove());
    }
}
