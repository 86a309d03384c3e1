//! The states of children and orphans, which waitid(2) reports and reaps, and signals to a process group.

#![allow(unsafe_code, reason = "nix's calls fail for a real-time signal, its waitid(2) after the child is reaped")]

use std::mem;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::killpg;
use nix::unistd::{Pid, getpid};

use crate::model::options::SignalNumber;
use crate::supervise::event::ExitStatus;

/// The state that a child changed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
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
///
/// The children of other threads are theirs to wait for (`__WNOTHREAD`). Orphans become children of the main thread, the caller.
pub fn next_change() -> Option<(Pid, Change)> {
    loop {
        let options = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::__WNOTHREAD;
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
            libc::CLD_EXITED => Change::Ended(ExitStatus::Exited(status.to_le_bytes()[0])),
            libc::CLD_KILLED | libc::CLD_DUMPED => Change::Ended(ExitStatus::Killed(SignalNumber(status))),
            libc::CLD_STOPPED => Change::Suspended(SignalNumber(status)),
            libc::CLD_CONTINUED => Change::Continued,
            // CLD_TRAPPED, which only a debugger gets.
            _ => continue,
        };
        return Some((Pid::from_raw(pid), change));
    }
}

/// Sends a signal to a process group.
pub fn signal_group(leader: Pid, signal: SignalNumber) {
    // SAFETY: kill(2) accesses no memory.
    unsafe { libc::kill(-leader.as_raw(), signal.0) };
}

/// Sends a signal to this process's group. [`Signals`](super::signals::Signals) drops those of this process itself.
pub fn signal_own_group(signal: SignalNumber) {
    // SAFETY: kill(2) accesses no memory.
    unsafe { libc::kill(0, signal.0) };
}

/// Sends a signal to a child that is not reaped.
pub fn signal_process(child: Pid, signal: SignalNumber) {
    // SAFETY: kill(2) accesses no memory.
    unsafe { libc::kill(child.as_raw(), signal.0) };
}

/// True if no process is left in the group, zombies included.
pub fn is_empty(group: Pid) -> bool {
    killpg(group, None) == Err(Errno::ESRCH)
}
