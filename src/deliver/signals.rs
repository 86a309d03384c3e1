//! Termination signals, held while files are delivered and raised again afterwards.

#![allow(unsafe_code, reason = "installing a signal handler is unsafe")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise};

use crate::system::signals::{Disposition, Handlers, TERMINATION, disposition};

/// The signals that were caught, one bit each.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// Serializes holders: dispositions and [`CAUGHT`] belong to the process.
static HOLDING: Mutex<()> = Mutex::new(());

/// A handler for termination signals, installed while the value lives.
///
/// Dropping the value restores the previous actions and raises the signals that came. A signal that was ignored stays
/// ignored, and a blocked one stays pending.
///
/// A signal mask does not suffice: each thread has its own, and the kernel delivers a signal to any thread that does not block it,
/// such as one that still resolves a host name.
///
/// execve resets handlers, so a signal caught before it would be lost: hence [`Signals::release`] right before it. Between the
/// two, a signal ends the process and leaves the files in place, as one after execve does. A mask could not close that gap, since
/// execve preserves it.
pub struct Signals {
    handlers: Handlers,
    _only: MutexGuard<'static, ()>,
}

impl Signals {
    /// Installs the handlers. Files in memory need none for `termination`, since they end with the process.
    pub fn hold(termination: &[Signal]) -> Self {
        let only = HOLDING.lock().unwrap_or_else(PoisonError::into_inner);
        CAUGHT.store(0, Ordering::Relaxed);
        // SIGXFSZ comes from our own write: with a handler, the write fails with EFBIG, which is reported like any other error.
        let signals = [Signal::SIGXFSZ].into_iter().chain(termination.iter().copied());
        let signals = signals.filter(|signal| disposition(*signal) != Disposition::Ignored);
        let action = SigAction::new(SigHandler::Handler(note), SaFlags::SA_RESTART, SigSet::empty());
        // SAFETY: the handler only sets a bit of an atomic, which is async-signal-safe.
        let handlers = unsafe { Handlers::install(action, signals) };
        Self { handlers, _only: only }
    }

    /// True if a termination signal came.
    pub fn caught(&self) -> bool {
        self.caught_signals().next().is_some()
    }

    /// Restores the previous actions right before execve. Returns false if a signal came until then.
    #[must_use]
    pub fn release(&self) -> bool {
        self.handlers.restore();
        // CAUGHT is final now: the handler is not installed any more.
        !self.caught()
    }

    fn caught_signals(&self) -> impl Iterator<Item = Signal> {
        let caught = CAUGHT.load(Ordering::Relaxed);
        let held = self.handlers.signals();
        held.filter(move |signal| TERMINATION.contains(signal) && caught & bit(*signal as c_int) != 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handlers.restore();
        for signal in self.caught_signals() {
            let _ = raise(signal);
        }
    }
}

extern "C" fn note(signal: c_int) {
    CAUGHT.fetch_or(bit(signal), Ordering::Relaxed);
}

/// The bit of a signal in [`CAUGHT`]. The numbers of the held signals are below 32.
fn bit(signal: c_int) -> u64 {
    1 << (signal & 63)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use nix::sys::signal::{kill, sigaction};
    use nix::unistd::getpid;

    use super::*;
    use crate::deliver::testing::{Child, in_child, passed};

    #[test]
    fn a_held_signal_ends_the_process_when_released() {
        let test = "deliver::signals::tests::a_held_signal_ends_the_process_when_released";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32), "{output:?}");
            return assert!(String::from_utf8_lossy(&output.stdout).contains("held"), "{output:?}");
        }
        let signals = Signals::hold(&TERMINATION);
        assert!(!signals.caught());
        raise(Signal::SIGINT).unwrap();
        assert!(signals.caught());
        println!("held");
        drop(signals);
    }

    #[test]
    fn a_signal_that_came_before_the_release_ends_the_process_when_dropped() {
        let test = "deliver::signals::tests::a_signal_that_came_before_the_release_ends_the_process_when_dropped";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
            return assert!(String::from_utf8_lossy(&output.stdout).contains("held"), "{output:?}");
        }
        let signals = Signals::hold(&TERMINATION);
        raise(Signal::SIGTERM).unwrap();
        assert!(!signals.release());
        println!("held");
        drop(signals);
    }

    #[test]
    fn a_signal_after_the_release_ends_the_process() {
        let test = "deliver::signals::tests::a_signal_after_the_release_ends_the_process";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            return assert_eq!(output.status.signal(), Some(Signal::SIGHUP as i32), "{output:?}");
        }
        let signals = Signals::hold(&TERMINATION);
        assert!(signals.release());
        raise(Signal::SIGHUP).unwrap();
    }

    #[test]
    fn a_signal_to_another_thread_is_held() {
        let test = "deliver::signals::tests::a_signal_to_another_thread_is_held";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            return assert_eq!(output.status.signal(), Some(Signal::SIGQUIT as i32), "{output:?}");
        }
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        SigSet::all().thread_block().unwrap();
        let signals = Signals::hold(&TERMINATION);
        kill(getpid(), Signal::SIGQUIT).unwrap();
        while !signals.caught() {
            std::thread::yield_now();
        }
        SigSet::all().thread_unblock().unwrap();
        drop(signals);
    }

    #[test]
    fn a_signal_that_was_ignored_stays_ignored() {
        let test = "deliver::signals::tests::a_signal_that_was_ignored_stays_ignored";
        if let Some(child) = in_child(test, &[], "trap '' HUP TERM") {
            return passed(&child);
        }
        let signals = Signals::hold(&TERMINATION);
        raise(Signal::SIGHUP).unwrap();
        raise(Signal::SIGTERM).unwrap();
        assert!(!signals.caught());
        drop(signals);
        raise(Signal::SIGHUP).unwrap();
    }

    #[test]
    fn a_signal_that_was_blocked_stays_pending() {
        let test = "deliver::signals::tests::a_signal_that_was_blocked_stays_pending";
        if let Some(child) = in_child(test, &[], ":") {
            return passed(&child);
        }
        let mut blocked = SigSet::empty();
        blocked.add(Signal::SIGTERM);
        blocked.thread_block().unwrap();
        let signals = Signals::hold(&TERMINATION);
        raise(Signal::SIGTERM).unwrap();
        assert!(!signals.caught());
        drop(signals);
        assert_eq!(blocked.wait(), Ok(Signal::SIGTERM));
    }

    extern "C" fn leave(_: c_int) {
        // SAFETY: _exit has no preconditions and is async-signal-safe.
        unsafe { nix::libc::_exit(143) }
    }

    #[test]
    fn an_earlier_handler_is_restored_and_called() {
        let test = "deliver::signals::tests::an_earlier_handler_is_restored_and_called";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            return assert_eq!(output.status.code(), Some(143), "{output:?}");
        }
        let action = SigAction::new(SigHandler::Handler(leave), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler calls only _exit, which is async-signal-safe.
        unsafe { sigaction(Signal::SIGTERM, &action) }.unwrap();
        let signals = Signals::hold(&TERMINATION);
        raise(Signal::SIGTERM).unwrap();
        drop(signals);
    }
}
