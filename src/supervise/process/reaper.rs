//! The states of children and orphans, which waitid(2) reports and reaps, and signals to a process group.

#![allow(
    unsafe_code,
    reason = "nix's calls fail for a real-time signal, its waitid(2) after the child is reaped"
)]

use std::mem;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::killpg;
use nix::unistd::{Pid, getpid};

use crate::model::options::SignalNumber;
use crate::supervise::event::ExitStatus;

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

/// Returns a child with a new state, and reaps it if it ended; `None` if there is none.
pub fn next_state_change() -> Option<(Pid, StateChange)> {
    loop {
        let options = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG;
        // SAFETY: all-zero is a valid `siginfo_t`, to which alone the call writes.
        let (result, found) = unsafe {
            let mut found: libc::siginfo_t = mem::zeroed();
            (libc::waitid(libc::P_ALL, 0, &raw mut found, options), found)
        };
        // SAFETY: the kernel fills these fields for a child; without one they are zero.
        let (pid, status) = unsafe { (found.si_pid(), found.si_status()) };
        if result != 0 || pid == 0 {
            return None;
        }
        let change = match found.si_code {
            libc::CLD_EXITED => StateChange::Ended(ExitStatus::Exited(status.to_le_bytes()[0])),
            libc::CLD_KILLED | libc::CLD_DUMPED => {
                StateChange::Ended(ExitStatus::Killed(SignalNumber(status)))
            }
            libc::CLD_STOPPED => StateChange::Suspended(SignalNumber(status)),
            libc::CLD_CONTINUED => StateChange::Continued,
            // CLD_TRAPPED, which only a debugger gets.
            _ => continue,
        };
        return Some((Pid::from_raw(pid), change));
    }
}

/// Calls kill(2), also for real-time signals: a negative target is a process group, 0 the group of this process.
pub fn send(target: i32, signal: SignalNumber) {
    // SAFETY: kill(2) accesses no memory.
    unsafe { libc::kill(target, signal.0) };
}

/// True if no process is left in the group, zombies included.
pub fn is_empty(group: Pid) -> bool {
    killpg(group, None) == Err(Errno::ESRCH)
}
