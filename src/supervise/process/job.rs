//! The states of children, the command's process and its group, and the terminal whose foreground job the group becomes.
//!
//! SIGTTOU, which a background process gets for changing the foreground job, is blocked in this process.

#![allow(
    unsafe_code,
    reason = "nix's waitpid(2) fails for a real-time signal after the child is reaped"
)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::signal::killpg;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpgid, getpgrp, getpid, setpgid, tcgetpgrp, tcsetpgrp};

use super::signals::{send, stop_by};
use crate::model::options::SignalNumber;
use crate::supervise::state::{Event, ExitStatus};
use crate::system::terminal::is_foreground;

/// The state that a child changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// The child is reaped.
    Ended(ExitStatus),
    /// Stopped by this signal.
    Suspended(SignalNumber),
    Continued,
}

/// Makes this process the parent of orphaned descendants (PR_SET_CHILD_SUBREAPER), which PID 1 is already. The command does not
/// inherit this.
pub fn adopt_orphans() {
    if getpid().as_raw() != 1 {
        // prctl(2) documents no error for this argument.
        let _ = nix::sys::prctl::set_child_subreaper(true);
    }
}

/// Returns a child with a new state, and reaps it if it ended; `None` without such a child.
pub fn next_state_change() -> Option<(Pid, StateChange)> {
    state_change(-1, libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG)
}

/// Returns the new state of a child, -1 for any, with the options of waitpid(2).
pub fn state_change(target: i32, options: i32) -> Option<(Pid, StateChange)> {
    let mut status = 0;
    // SAFETY: the call only writes to the status.
    let pid = unsafe { libc::waitpid(target, &raw mut status, options) };
    if pid <= 0 {
        return None;
    }
    let change = if libc::WIFEXITED(status) {
        StateChange::Ended(ExitStatus::Exited(
            libc::WEXITSTATUS(status).to_le_bytes()[0],
        ))
    } else if libc::WIFSIGNALED(status) {
        StateChange::Ended(ExitStatus::Killed(SignalNumber(libc::WTERMSIG(status))))
    } else if libc::WIFSTOPPED(status) {
        StateChange::Suspended(SignalNumber(libc::WSTOPSIG(status)))
    } else {
        StateChange::Continued
    };
    Some((Pid::from_raw(pid), change))
}

/// At most one process group.
#[derive(Default)]
pub struct Job {
    /// The leader's process id; `None` once no process of the group is left, when the kernel may reuse it.
    group: Option<Pid>,
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
    /// Makes a child, which is about to become the command, the leader of a process group of its own: the foreground job if this process
    /// is it and standard output is that terminal.
    pub fn begin(&mut self, leader: Pid) {
        // By this process, before the child goes on: no moment is left in which a signal to the group would be lost.
        let _ = setpgid(leader, leader);
        let terminal = Terminal::on_standard_output().filter(|terminal| terminal.give_to(leader));
        *self = Self {
            group: Some(leader),
            terminal,
            ..Self::default()
        };
    }

    /// Sends a signal to the group, and to the command if that has left the group. SIGCONT, by which a shell continues a job, returns the
    /// terminal first.
    pub fn signal(&mut self, signal: SignalNumber) {
        if signal == SignalNumber::CONT && !self.is_reaped {
            self.give_terminal();
        }
        self.is_interrupted |= is_interrupt(signal);
        let Some(leader) = self.group else { return };
        send(-leader.as_raw(), signal);
        if !self.is_reaped && getpgid(Some(leader)) != Ok(leader) {
            send(leader.as_raw(), signal);
        }
    }

    /// True if this child is the command.
    pub fn is_led_by(&self, child: Pid) -> bool {
        self.group == Some(child) && !self.is_reaped
    }

    /// Returns the event of a change of the command's state. At its end, no other child is left to be reaped: a zombie of the group would
    /// count as a process of it.
    pub fn event(&mut self, change: StateChange) -> Event {
        match change {
            StateChange::Ended(status) => self.ended(status),
            StateChange::Suspended(signal) => Event::Suspended(signal),
            StateChange::Continued => Event::Continued,
        }
    }

    fn ended(&mut self, status: ExitStatus) -> Event {
        self.is_reaped = true;
        if let Some(terminal) = self.terminal.take() {
            let was_foreground = terminal.take_from(self.group);
            if let ExitStatus::Killed(signal) = status
                && was_foreground
                && is_interrupt(signal)
                && !self.is_interrupted
            {
                // This process, which gets it as well, does not hand it on.
                send(0, signal);
            }
        }
        Event::Ended {
            status,
            is_group_empty: self.forget_empty_group(),
        }
    }

    /// True if no process of the group is left, zombies included.
    pub fn forget_empty_group(&mut self) -> bool {
        self.group = self
            .group
            .filter(|group| killpg(*group, None) != Err(Errno::ESRCH));
        self.group.is_none()
    }

    /// Makes the command the foreground job, if this process is it: on standard output's terminal, or on any if the command was
    /// stopped because it uses one. Returns false if this process is not the foreground job.
    fn give_terminal(&mut self) -> bool {
        let Some(group) = self.group else {
            return false;
        };
        if self.terminal.is_none() {
            self.terminal = Terminal::on_standard_output();
        }
        if self.terminal.is_none() && self.needs_terminal {
            self.terminal = Terminal::controlling().filter(|terminal| is_foreground(&terminal.0));
        }
        self.terminal
            .as_ref()
            .is_some_and(|terminal| terminal.give_to(group))
    }

    /// Stops this process as the command is stopped, until it is continued. If it need not or cannot stop, continues the command.
    pub fn suspend(&mut self, signal: SignalNumber) {
        self.needs_terminal = matches!(signal, SignalNumber::TTIN | SignalNumber::TTOU);
        if !self.needs_terminal || !self.give_terminal() {
            if self.stop_with_command(signal) {
                return;
            }
            // SIGSTOP is meant for the command alone, and without the terminal the command would be stopped again.
            let may_continue = if self.needs_terminal {
                self.give_terminal()
            } else {
                signal != SignalNumber::STOP
            };
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
        stop_by(
            signal,
            signal != SignalNumber::STOP && Terminal::controlling().is_some(),
        )
    }
}

/// True for the signals of Ctrl-C and Ctrl-\\. The terminal sends them to the foreground job alone: with the command in a group of its
/// own, the rest of a pipeline and a shell's script get them from this process.
fn is_interrupt(signal: SignalNumber) -> bool {
    matches!(signal, SignalNumber::INT | SignalNumber::QUIT)
}

/// A terminal of which this process's group was the foreground job.
struct Terminal(OwnedFd);

impl Terminal {
    /// Returns the terminal on standard output, if this process's group is its foreground job.
    fn on_standard_output() -> Option<Self> {
        let output = io::stdout();
        if !is_foreground(&output) {
            return None;
        }
        output.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// Returns the controlling terminal. A process without one is not a job of a shell.
    fn controlling() -> Option<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
        open("/dev/tty", flags, Mode::empty()).ok().map(Self)
    }

    /// Makes `group` the foreground job, if this process's group is it. Returns false if it is not.
    fn give_to(&self, group: Pid) -> bool {
        is_foreground(&self.0) && tcsetpgrp(&self.0, group).is_ok()
    }

    /// Makes this process's group the foreground job again, if that is `group` or a group that is gone. Another one may be the job
    /// of a shell that has stopped this process meanwhile. Returns false then.
    fn take_from(&self, group: Option<Pid>) -> bool {
        let Ok(foreground) = tcgetpgrp(&self.0) else {
            return false;
        };
        let is_free = Some(foreground) == group || killpg(foreground, None) == Err(Errno::ESRCH);
        is_free && tcsetpgrp(&self.0, getpgrp()).is_ok()
    }
}
