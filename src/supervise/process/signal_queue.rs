//! The signals that reach this process. They are blocked, and read from a descriptor (signalfd(2)).
//!
//! The kernel queues blocked signals even for PID 1, and even if their default action is to ignore
//! them. A fault of this process ends it nevertheless: for a blocked SIGSEGV, SIGBUS, SIGFPE or
//! SIGILL, the kernel forces the default action.

#![allow(unsafe_code, reason = "nix doesn't support real-time signals")]

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpid;

use crate::model::options::{Forwarding, SignalNumber};
use crate::system::signals::{has_action, pending};

/// The descriptor from which the blocked signals are read.
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks all signals except those that are ignored, which stay ignored (nohup(1)). From then
    /// on, signals that come can be read from the returned value.
    ///
    /// # Errors
    /// If there is no free descriptor. In that case, no signal was blocked.
    pub fn block() -> Result<Self, Errno> {
        let mut blocked = SigSet::all();
        for signal in Signal::iterator() {
            if has_action(signal as libc::c_int, libc::SIG_IGN) {
                blocked.remove(signal);
            }
        }
        let descriptor =
            SignalFd::with_flags(&blocked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        blocked.thread_block()?;
        Ok(Self(descriptor))
    }

    /// Reads pending signals up to the first one that is to be forwarded, and returns that one.
    /// Drops the signals before it: those that are only for this process, such as SIGCHLD, and
    /// those that this process has raised itself. Returns `None` if no other signal is pending, or
    /// if the descriptor can't be read. Doesn't wait.
    pub fn next_to_forward(&mut self) -> Option<SignalNumber> {
        loop {
            let received = self.0.read_signal().ok()??;
            let Ok(number) = received.ssi_signo.try_into() else {
                continue;
            };
            let signal = SignalNumber(number);

            // The code is positive if the kernel has raised the signal. Otherwise, a process has
            // sent it (sigaction(2), "si_code").
            let is_sent = received.ssi_code <= 0;
            // If a line of the log exceeds the limit for file sizes, the kernel raises SIGXFSZ as
            // if this process had sent it.
            let is_own = is_sent && received.ssi_pid == getpid().as_raw().unsigned_abs();

            let is_forwarded = match signal.forwarding() {
                Forwarding::Always => true,
                Forwarding::IfSent => is_sent,
                Forwarding::Never => false,
            };
            if is_forwarded && !is_own {
                return Some(signal);
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Stops this process with a signal, and returns when SIGCONT has continued it. SIGCONT stays
/// pending. SIGTSTP is sent instead of SIGSTOP. With `is_job`, the whole process group is stopped,
/// as when the terminal stops a job, because a shell only treats a job as stopped if all its
/// processes are.
///
/// Returns false if this process was not stopped: the kernel discards the signal for PID 1, and in
/// an orphaned process group, where no shell could continue the processes.
pub fn stop_by(signal: SignalNumber, is_job: bool) -> bool {
    // SIGSTOP would also stop an orphaned group, which nobody would continue, as in a container or
    // a service.
    let stop_signal = if signal == SignalNumber::STOP {
        SignalNumber(libc::SIGTSTP)
    } else {
        signal
    };
    // 0 stands for the process group of this process (kill(2)).
    send(if is_job { 0 } else { getpid().as_raw() }, stop_signal);

    // This process has only one thread, which gets the signal before the call that unblocks it
    // returns.
    if let Ok(stop_signal) = Signal::try_from(stop_signal.0) {
        let unblocked = SigSet::from_iter([stop_signal]);
        let _ = unblocked
            .thread_unblock()
            .and_then(|()| unblocked.thread_block());
    }
    // The stop signal discarded any earlier SIGCONT (signal(7)). So a pending one means that this
    // process was stopped and then continued.
    pending().contains(Signal::SIGCONT)
}

/// Calls kill(2), and ignores an error. A negative target is a process group, and 0 is the group of
/// this process. Unlike nix, this function supports real-time signals.
pub fn send(target: i32, signal: SignalNumber) {
    // SAFETY: kill(2) doesn't access memory.
    unsafe { libc::kill(target, signal.0) };
}
