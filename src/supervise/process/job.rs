//! The command's process and its group, with the terminal.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::unistd::{Pid, getpgid};

use super::reaper::{Change, is_empty, next_change, signal_group, signal_own_group, signal_process};
use super::signals::{Signals, Stopped, stop_by};
use super::spawn::{Attributes, spawn};
use super::terminal::Terminal;
use crate::model::options::SignalNumber;
use crate::supervise::event::{Event, ExitStatus, Group};
use crate::system::os_error::SpawnError;

/// At most one process group.
#[derive(Default)]
pub struct Job {
    /// The leader's process id; `None` once no process of the group is left, when the kernel may reuse it.
    group: Option<Pid>,
    /// The leader's process id, in use or not.
    leader: i32,
    /// True once the leader is reaped: the kernel may reuse its id as soon as the group is empty.
    is_reaped: bool,
    /// The terminal that the group got.
    terminal: Option<Terminal>,
    /// True once SIGTTIN or SIGTTOU stopped the command.
    needs_terminal: bool,
    /// True once this process sent the command SIGINT or SIGQUIT, which so may not be the terminal's.
    is_interrupted: bool,
}

impl Job {
    /// Starts the command as [`spawn`] does, as the foreground job if this process is it and standard output is that terminal.
    ///
    /// # Errors
    /// When it is not executed.
    pub fn start(
        &mut self,
        signals: &Signals,
        parent_death_signal: SignalNumber,
        execute: impl FnOnce() -> Errno,
    ) -> Result<(), SpawnError> {
        let terminal = Terminal::on_standard_output();
        let attributes = Attributes {
            signals: signals.inherited(),
            parent_death_signal,
            terminal: terminal.as_ref().map(Terminal::as_fd),
        };
        let started = spawn(&attributes, execute);
        if let (Err(_), Some(terminal)) = (&started, &terminal) {
            // From a process that is gone.
            terminal.take_from(None);
        }
        let leader = started?;
        *self = Self { group: Some(leader), leader: leader.as_raw(), terminal, ..Self::default() };
        Ok(())
    }

    /// The process id of the last command, for messages: it may be that of another process now.
    pub fn process_id(&self) -> i32 {
        self.leader
    }

    /// Sends a signal to the group, and to the command if that has left the group.
    pub fn signal(&mut self, signal: SignalNumber) {
        self.is_interrupted |= is_interrupt(signal);
        let Some(leader) = self.group else { return };
        signal_group(leader, signal);
        if !self.is_reaped && getpgid(Some(leader)) != Ok(leader) {
            signal_process(leader, signal);
        }
    }

    /// Reaps all children that have ended, orphans included, and returns what happened to the command.
    pub fn changes(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut end = None;
        while let Some((pid, change)) = next_change() {
            match change {
                _ if self.group != Some(pid) => {}
                Change::Ended(status) => end = Some(status),
                Change::Suspended(signal) => events.push(Event::Suspended(signal)),
                Change::Continued => events.push(Event::Continued),
            }
        }
        match end {
            // After the loop, since zombies of the group are reaped by now. A stop before the end stops nothing any more.
            Some(status) => vec![self.ended(status)],
            None => events,
        }
    }

    fn ended(&mut self, status: ExitStatus) -> Event {
        self.is_reaped = true;
        if let Some(terminal) = self.terminal.take() {
            let was_foreground = terminal.take_from(self.group);
            if let ExitStatus::Killed(signal) = status {
                terminal.restore_modes();
                if was_foreground && is_interrupt(signal) && !self.is_interrupted {
                    signal_own_group(signal);
                }
            }
        }
        let group = if self.forget_empty_group() { Group::Empty } else { Group::Alive };
        Event::Ended { status, group }
    }

    /// True if no process of the group is left.
    pub fn forget_empty_group(&mut self) -> bool {
        self.group = self.group.filter(|group| !is_empty(*group));
        self.group.is_none()
    }

    /// Makes the command the foreground job, if this process is it: on standard output's terminal, or on any if the command was
    /// stopped because it uses one. Returns false if this process is not the foreground job.
    pub fn give_terminal(&mut self) -> bool {
        let Some(group) = self.group else { return false };
        if self.terminal.is_none() {
            let controlling = || if self.needs_terminal { Terminal::controlling() } else { None };
            self.terminal = Terminal::on_standard_output().or_else(controlling);
        }
        self.terminal.as_ref().is_some_and(|terminal| terminal.give_to(group))
    }

    /// Stops this process as the command is stopped, until it is continued. If it need not or cannot stop, continues the command.
    pub fn suspend(&mut self, signal: SignalNumber) {
        self.needs_terminal = matches!(signal, SignalNumber::TTIN | SignalNumber::TTOU);
        if !self.needs_terminal || !self.give_terminal() {
            if self.stop_with_command(signal) {
                return;
            }
            // SIGSTOP is meant for the command alone, and without the terminal the command would be stopped again.
            let may_continue = if self.needs_terminal { self.give_terminal() } else { signal != SignalNumber::STOP };
            if !may_continue {
                return;
            }
        }
        self.signal(SignalNumber::CONT);
    }

    /// Returns false if this process was not stopped.
    fn stop_with_command(&self, signal: SignalNumber) -> bool {
        if let Some(terminal) = &self.terminal {
            terminal.take_from(self.group);
        }
        // SIGSTOP is sent to one process, the others by the terminal to a job.
        let is_of_job = signal != SignalNumber::STOP && Terminal::is_there();
        stop_by(signal, if is_of_job { Stopped::Group } else { Stopped::Alone })
    }
}

/// True for the signals of Ctrl-C and Ctrl-\\. The terminal sends them to the foreground job alone: with the command in a group of its
/// own, the rest of a pipeline and a shell's script get them from this process.
fn is_interrupt(signal: SignalNumber) -> bool {
    matches!(signal, SignalNumber::INT | SignalNumber::QUIT)
}
