//! The states of children, and the command's process group, which may become the foreground job of
//! the terminal on standard output.
//!
//! This process blocks SIGTTOU. Otherwise the kernel would stop it when it changes the foreground
//! job from the background.

#![allow(
    unsafe_code,
    reason = "nix's waitpid(2) fails for a real-time signal after the child is reaped"
)]

use std::io;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::signal::killpg;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpgid, getpgrp, getpid, setpgid, tcgetpgrp, tcsetpgrp};

use super::signal_queue::{send, stop_by};
use crate::model::options::SignalNumber;
use crate::supervise::state::{Event, ExitStatus};
use crate::system::streams::is_foreground;

/// A change of a child's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// The child has ended, and was reaped.
    Ended(ExitStatus),
    /// This signal has stopped the child.
    Suspended(SignalNumber),
    Continued,
}

/// Makes this process the parent of each descendant whose own parent ends (PR_SET_CHILD_SUBREAPER),
/// so that this process can reap it. Until it is reaped, a zombie is a process of the command's
/// group, and the group isn't empty.
///
/// Does nothing in PID 1, which adopts orphans anyway. The command doesn't inherit the setting
/// (prctl(2)), so this process also adopts the orphans of the command.
pub fn adopt_orphans() {
    if getpid().as_raw() != 1 {
        // prctl(2) documents no error for this argument.
        let _ = nix::sys::prctl::set_child_subreaper(true);
    }
}

/// Returns a child whose state has changed, and the change. Reaps the child if it has ended.
/// Returns `None` if no child's state has changed. Doesn't wait.
pub fn next_state_change() -> Option<(Pid, StateChange)> {
    state_change(-1, libc::WUNTRACED | libc::WCONTINUED | libc::WNOHANG)
}

/// Calls waitpid(2) for a child, or for any child if `target` is -1, with these options. Returns
/// `None` if no state has changed, or if there isn't such a child.
pub fn state_change(target: i32, options: i32) -> Option<(Pid, StateChange)> {
    let mut status = 0;
    // SAFETY: the call only writes to the status.
    let pid = unsafe { libc::waitpid(target, &raw mut status, options) };
    if pid <= 0 {
        return None;
    }
    let change = if libc::WIFEXITED(status) {
        let [code, ..] = libc::WEXITSTATUS(status).to_le_bytes();
        StateChange::Ended(ExitStatus::Exited(code))
    } else if libc::WIFSIGNALED(status) {
        StateChange::Ended(ExitStatus::Killed(SignalNumber(libc::WTERMSIG(status))))
    } else if libc::WIFSTOPPED(status) {
        StateChange::Suspended(SignalNumber(libc::WSTOPSIG(status)))
    } else {
        StateChange::Continued
    };
    Some((Pid::from_raw(pid), change))
}

/// The command's process group, if there is one.
#[derive(Default)]
pub struct Job {
    /// The process id of the leader. `None` once no process of the group is left, because the
    /// kernel may then use the id again.
    group: Option<Pid>,
    /// True once the leader was reaped. The kernel may use its id again as soon as the group is
    /// empty.
    is_reaped: bool,
}

impl Job {
    /// Makes a child the leader of a new process group. The child is about to become the command.
    /// If this process is part of the foreground job of the terminal on standard output, the new
    /// group becomes the foreground job instead.
    pub fn start_group(&mut self, leader: Pid) {
        // The parent moves the child before the child goes on, so that a signal to the group is
        // never lost.
        let _ = setpgid(leader, leader);
        self.group = Some(leader);
        self.is_reaped = false;
        self.give_terminal();
    }

    /// Sends a signal to the group, and also to the command if it has left the group. Before
    /// SIGCONT, with which a shell continues a job, the group becomes the foreground job again.
    /// Does nothing if no process of the group is left.
    pub fn signal(&self, signal: SignalNumber) {
        if signal == SignalNumber::CONT && !self.is_reaped {
            self.give_terminal();
        }
        let Some(leader) = self.group else { return };
        send(-leader.as_raw(), signal);
        if !self.is_reaped && getpgid(Some(leader)) != Ok(leader) {
            send(leader.as_raw(), signal);
        }
    }

    /// True if this child is the command, and hasn't been reaped yet.
    pub fn is_led_by(&self, child: Pid) -> bool {
        self.group == Some(child) && !self.is_reaped
    }

    /// Returns the event for a change of the command's state. If the command has ended, also takes
    /// the terminal back.
    ///
    /// Before the end of the command is passed to this function, all other children must have been
    /// reaped, because a zombie would count as a process of the group.
    pub fn event(&mut self, change: StateChange) -> Event {
        match change {
            StateChange::Ended(status) => {
                self.is_reaped = true;
                self.take_terminal();
                Event::Ended {
                    status,
                    is_group_empty: self.forget_empty_group(),
                }
            }
            StateChange::Suspended(signal) => Event::Suspended(signal),
            StateChange::Continued => Event::Continued,
        }
    }

    /// True if no process of the group is left, not even a zombie. In that case, the group is
    /// forgotten, because the kernel may use its id again.
    pub fn forget_empty_group(&mut self) -> bool {
        let has_members = |group: &Pid| killpg(*group, None) != Err(Errno::ESRCH);
        self.group = self.group.filter(has_members);
        self.group.is_none()
    }

    /// Makes the command's group the foreground job of the terminal on standard output, if this
    /// process's group is that job.
    fn give_terminal(&self) {
        let terminal = io::stdout();
        if let Some(group) = self.group
            && is_foreground(&terminal)
        {
            let _ = tcsetpgrp(&terminal, group);
        }
    }

    /// Makes this process's group the foreground job again, if the command's group is the
    /// foreground job. Otherwise, the foreground job may be a shell that has stopped this process,
    /// and keeps the terminal.
    fn take_terminal(&self) {
        let terminal = io::stdout();
        if self.group.is_some() && tcgetpgrp(&terminal).ok() == self.group {
            let _ = tcsetpgrp(&terminal, getpgrp());
        }
    }

    /// Stops this process, too, after `signal` has stopped the command, and returns when SIGCONT
    /// has come. Takes the terminal back first, so that the shell can use it.
    ///
    /// PID 1 and a process in an orphaned group can't be stopped. In that case, this returns at
    /// once, and continues the command, because no shell would. The command stays stopped in two
    /// cases: after SIGTTIN and SIGTTOU, because it would only stop again at the terminal, and
    /// after SIGSTOP, because someone has stopped the command itself on purpose.
    pub fn suspend(&self, signal: SignalNumber) {
        self.take_terminal();
        // A user sends SIGSTOP to a single process, while the terminal sends the other stop signals
        // to a whole job.
        let is_job = signal != SignalNumber::STOP && has_controlling_terminal();
        let stays_stopped = matches!(
            signal,
            SignalNumber::STOP | SignalNumber::TTIN | SignalNumber::TTOU
        );
        if !stop_by(signal, is_job) && !stays_stopped {
            self.signal(SignalNumber::CONT);
        }
    }
}

/// True if this process has a controlling terminal, so that it may be a job of a shell.
fn has_controlling_terminal() -> bool {
    open("/dev/tty", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).is_ok()
}
