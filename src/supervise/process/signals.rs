//! The signals that reach this process, read from a descriptor (signalfd(2)).
//!
//! All signals are blocked on the main thread before any other thread starts, and each thread inherits that, so no handler runs. Blocked
//! signals are queued even for PID 1 and even if their default action is to ignore them. A fault of this process ends it
//! nevertheless: the kernel forces the default action on a blocked SIGSEGV, SIGBUS, SIGFPE or SIGILL.

#![allow(unsafe_code, reason = "nix knows no real-time signals")]

use std::os::fd::{AsFd, BorrowedFd};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpid;

use crate::model::options::{Forwarding, SignalNumber};

/// The number of the last signal.
const LAST: i32 = 64;

/// The descriptor of the blocked signals.
pub struct Signals {
    descriptor: SignalFd,
    inherited: InheritedSignals,
}

/// The state of signals at the start of this process, which the command gets.
pub struct InheritedSignals {
    mask: SigSet,
    /// True if SIGCHLD was ignored, with which the kernel reaps children by itself and loses their status.
    ignores_children: bool,
}

impl Signals {
    /// Blocks all signals but those that are ignored: an ignored signal stays ignored, as by nohup(1).
    ///
    /// # Errors
    /// Without a free descriptor.
    pub fn block() -> Result<Self, Errno> {
        let ignores_children = handler(libc::SIGCHLD) == libc::SIG_IGN;
        if ignores_children {
            set_handler(libc::SIGCHLD, libc::SIG_DFL);
        }
        let blocked = not_ignored();
        let descriptor = SignalFd::with_flags(&blocked, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let mask = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Self { descriptor, inherited: InheritedSignals { mask, ignores_children } })
    }

    /// Returns the next signal to forward, and drops others; `None` if no signal is pending.
    pub fn next(&mut self) -> Option<SignalNumber> {
        loop {
            let received = self.descriptor.read_signal().ok()??;
            let Ok(number) = received.ssi_signo.try_into() else { continue };
            // Raised by a call of this process: SIGXFSZ by a write, SIGABRT by abort(3).
            let is_own = received.ssi_code <= 0 && received.ssi_pid == getpid().as_raw().unsigned_abs();
            let signal = SignalNumber(number);
            let is_forwarded = match signal.forwarding() {
                Forwarding::Always => true,
                Forwarding::IfSent => received.ssi_code <= 0,
                Forwarding::Never => false,
            };
            if is_forwarded && !is_own {
                return Some(signal);
            }
        }
    }

    pub fn inherited(&self) -> &InheritedSignals {
        &self.inherited
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl InheritedSignals {
    /// Restores the dispositions and the mask, in the child, right before execve. Async-signal-safe.
    ///
    /// A signal that came since the fork finds no handler of this process, but its default action.
    pub fn restore(&self) {
        for number in 1..=LAST {
            if !matches!(handler(number), libc::SIG_DFL | libc::SIG_IGN) {
                set_handler(number, libc::SIG_DFL);
            }
        }
        if self.ignores_children {
            set_handler(libc::SIGCHLD, libc::SIG_IGN);
        }
        let _ = self.mask.thread_set_mask();
    }
}

/// The processes that a signal stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// This process.
    Alone,
    /// All of its group, the job of a shell, as by the terminal: a shell takes a job for stopped only if all of it is.
    Group,
}

/// Stops this process by a signal, until SIGCONT comes, which stays pending. Returns false if it was not stopped: the kernel discards the
/// signal for PID 1, and in an orphaned process group, in which no shell could continue it.
pub fn stop_by(signal: SignalNumber, stopped: Stopped) -> bool {
    // SIGSTOP would stop an orphaned group as well, and so all of a container or a service.
    let signal = if signal == SignalNumber::STOP { libc::SIGTSTP } else { signal.0 };
    let target = match stopped {
        Stopped::Alone => getpid().as_raw(),
        // kill(2): the group of the caller.
        Stopped::Group => 0,
    };
    // SAFETY: all-zero is a valid set, and the calls access no other memory. No handler is installed.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::kill(target, signal);
        // Every other thread blocks it, so this one takes it before the call returns.
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut());
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut());
        // The stop signal removed any SIGCONT from before (signal(7)).
        libc::sigpending(&raw mut set);
        libc::sigismember(&raw const set, libc::SIGCONT) == 1
    }
}

fn not_ignored() -> SigSet {
    // SAFETY: all-zero is a valid set, and the calls write to it alone.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut set);
        for number in (1..=LAST).filter(|number| handler(*number) == libc::SIG_IGN) {
            libc::sigdelset(&raw mut set, number);
        }
        SigSet::from_sigset_t_unchecked(set)
    }
}

/// Returns the disposition of a signal. Async-signal-safe.
fn handler(number: i32) -> libc::sighandler_t {
    // SAFETY: all-zero is a valid `sigaction`, and with a null new action the call only writes the present one to it.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(number, ptr::null(), &raw mut present);
        present.sa_sigaction
    }
}

/// Sets SIG_DFL or SIG_IGN. Async-signal-safe.
fn set_handler(number: i32, handler: libc::sighandler_t) {
    // SAFETY: all-zero is a valid `sigaction` with an empty mask, and neither value is a handler.
    unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigaction(number, &raw const action, ptr::null_mut());
    }
}
