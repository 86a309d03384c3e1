//! The signals that reach this process, read from a descriptor (signalfd(2)).
//!
//! Blocked signals are queued even for PID 1 and even if their default action is to ignore them. A fault of this process ends it
//! nevertheless: the kernel forces the default action on a blocked SIGSEGV, SIGBUS, SIGFPE or SIGILL.

#![allow(unsafe_code, reason = "nix knows no real-time signals")]

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpid;

use crate::model::options::{Forwarding, SignalNumber};
use crate::system::signals::{has_action, pending};

/// The descriptor of the blocked signals.
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks all signals except ignored ones, which stay ignored (nohup(1)).
    ///
    /// # Errors
    /// Without a free descriptor.
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

    /// Returns the next signal to forward, and drops others; `None` if no signal is pending.
    pub fn next(&mut self) -> Option<SignalNumber> {
        loop {
            let received = self.0.read_signal().ok()??;
            let Ok(number) = received.ssi_signo.try_into() else {
                continue;
            };
            // Raised by a call of this process: SIGXFSZ by a write, SIGABRT by abort(3).
            let is_self_sent =
                received.ssi_code <= 0 && received.ssi_pid == getpid().as_raw().unsigned_abs();
            let signal = SignalNumber(number);
            let is_forwarded = match signal.forwarding() {
                Forwarding::Always => true,
                Forwarding::IfSent => received.ssi_code <= 0,
                Forwarding::Never => false,
            };
            if is_forwarded && !is_self_sent {
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

/// Stops this process by a signal, until SIGCONT comes, which stays pending; with `is_job` all of its group, as the terminal does: a shell
/// takes a job for stopped only if all of it is. Returns false if it was not stopped: the kernel discards the
/// signal for PID 1, and in an orphaned process group, in which no shell could continue it.
pub fn stop_by(signal: SignalNumber, is_job: bool) -> bool {
    // SIGSTOP would stop an orphaned group as well, and so all of a container or a service.
    let signal = if signal == SignalNumber::STOP {
        SignalNumber(libc::SIGTSTP)
    } else {
        signal
    };
    // 0: the group of the caller (kill(2)).
    send(if is_job { 0 } else { getpid().as_raw() }, signal);
    // This is the only thread, so it takes the signal before the call returns.
    let stopping = Signal::try_from(signal.0).map(|signal| SigSet::from_iter([signal]));
    let _ = stopping.and_then(|stopping| {
        stopping
            .thread_unblock()
            .and_then(|()| stopping.thread_block())
    });
    // The stop signal removed any SIGCONT from before (signal(7)).
    pending().contains(Signal::SIGCONT)
}

/// Calls kill(2), also for real-time signals: a negative target is a process group, 0 the group of this process.
pub fn send(target: i32, signal: SignalNumber) {
    // SAFETY: kill(2) accesses no memory.
    unsafe { libc::kill(target, signal.0) };
}
