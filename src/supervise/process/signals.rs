//! The signals that reach this process, read from a descriptor (signalfd(2)).
//!
//! Blocked signals are queued even for PID 1 and even if their default action is to ignore them. A fault of this process ends it
//! nevertheless: the kernel forces the default action on a blocked SIGSEGV, SIGBUS, SIGFPE or SIGILL.

#![allow(unsafe_code, reason = "nix knows no real-time signals")]

use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpid;

use super::reaper::send;
use crate::model::options::{Forwarding, SignalNumber};
use crate::system::signals::{has_action, pending};

/// The number of the last signal.
const LAST: i32 = 64;

/// The descriptor of the blocked signals.
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks all signals except ignored ones, which stay ignored (nohup(1)).
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn block() -> Result<Self, Errno> {
        let blocked = not_ignored();
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

fn not_ignored() -> SigSet {
    // SAFETY: all-zero is a valid set, and the calls write to it alone.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut set);
        for number in (1..=LAST).filter(|number| has_action(*number, libc::SIG_IGN)) {
            libc::sigdelset(&raw mut set, number);
        }
        SigSet::from_sigset_t_unchecked(set)
    }
}
