//! Signals that would end the process between two steps that belong together: held, and raised again afterwards.

#![allow(unsafe_code, reason = "nix leaves the soundness of a signal handler to its caller")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

/// The signals that end a process by default and may come from outside at any time.
const ENDINGS: [Signal; 4] = [Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// One bit for each signal that came.
static CAUGHT: AtomicU64 = AtomicU64::new(0);

/// Dispositions are the process's, so nobody else may hold them meanwhile.
static HOLDING: Mutex<()> = Mutex::new(());

/// The undoing that a signal must not cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undoing {
    /// Files in memory end with the process.
    Nothing,
    /// Files have to be removed and restored.
    Files,
}

/// Catches TERM, INT, HUP and QUIT while it lives, if there is something to undo.
///
/// When it is dropped, what was in force before is so again, and what came is raised. A signal that was ignored stays
/// ignored, one that was blocked stays pending.
///
/// A handler and not the signal mask: that is each thread's own, and the kernel gives a signal to any thread that takes
/// it, such as one that still waits for a name to be resolved.
///
/// A caught signal must not be lost in execve, which takes the handler away: hence [`Signals::release`], the last thing
/// before it. Between the two, for the few system calls that execve itself needs, a signal ends the process at once and leaves the
/// files there, as it does a moment later when it ends the command. A mask could not close that gap: execve hands it down.
pub struct Signals {
    held: Vec<(Signal, SigAction)>,
    _only: MutexGuard<'static, ()>,
}

impl Signals {
    /// Holds them from now on.
    pub fn hold(undoing: Undoing) -> Self {
        let only = HOLDING.lock().unwrap_or_else(PoisonError::into_inner);
        CAUGHT.store(0, Ordering::Relaxed);
        let endings = match undoing {
            Undoing::Nothing => [].as_slice(),
            Undoing::Files => &ENDINGS,
        };
        // SIGXFSZ comes from our own write: it is to fail (EFBIG) and be told like any other that does.
        // It is the first to be restored, and TERM the last: what still comes until then is seen.
        let held = [Signal::SIGXFSZ].into_iter().chain(endings.iter().copied()).filter_map(hold).collect();
        Self { held, _only: only }
    }

    /// Whether a signal came that asks for the end.
    pub fn caught(&self) -> bool {
        self.endings().next().is_some()
    }

    /// Restores what was in force before, right before execve, unless a signal came until then: that one stays held.
    #[must_use]
    pub fn release(&self) -> bool {
        self.restore();
        // From here on no handler can catch another.
        let is_released = !self.caught();
        if !is_released {
            self.hold_again();
        }
        is_released
    }

    /// Holds them once more: execve has failed, and there is something to undo.
    pub fn hold_again(&self) {
        for (signal, _) in &self.held {
            let _ = hold(*signal);
        }
    }

    fn restore(&self) {
        for (signal, previous) in &self.held {
            // SAFETY: what was in force before, and so sound to have in force again.
            let _ = unsafe { sigaction(*signal, previous) };
        }
    }

    fn endings(&self) -> impl Iterator<Item = Signal> {
        let caught = CAUGHT.load(Ordering::Relaxed);
        let held = self.held.iter().map(|(signal, _)| *signal);
        held.filter(move |signal| ENDINGS.contains(signal) && caught & bit(*signal as c_int) != 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.restore();
        for signal in self.endings() {
            let _ = raise(signal);
        }
    }
}

/// What was in force before, unless it was to ignore the signal; then it is so again.
fn hold(signal: Signal) -> Option<(Signal, SigAction)> {
    let action = SigAction::new(SigHandler::Handler(remember), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler only sets a bit of an atomic, which is async-signal-safe.
    let previous = unsafe { sigaction(signal, &action) }.ok()?;
    if matches!(previous.handler(), SigHandler::SigIgn) {
        // SAFETY: what was in force a moment ago.
        let _ = unsafe { sigaction(signal, &previous) };
        return None;
    }
    Some((signal, previous))
}

extern "C" fn remember(signal: c_int) {
    CAUGHT.fetch_or(bit(signal), Ordering::Relaxed);
}

/// The numbers of these five are all below 32.
fn bit(signal: c_int) -> u64 {
    1 << (signal & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::testing::Child;
    use crate::deliver::testing::in_child;
    use crate::deliver::testing::passed;
    use nix::sys::signal::kill;
    use nix::unistd::getpid;
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    #[test]
    fn a_signal_waits_for_the_end_and_then_ends_the_process() {
        let test = "deliver::signals::tests::a_signal_waits_for_the_end_and_then_ends_the_process";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32), "{output:?}");
            return assert!(String::from_utf8_lossy(&output.stdout).contains("held"), "{output:?}");
        }
        let signals = Signals::hold(Undoing::Files);
        assert!(!signals.caught());
        raise(Signal::SIGINT).unwrap();
        assert!(signals.caught());
        println!("held");
        drop(signals);
    }

    #[test]
    fn a_signal_that_came_before_the_release_keeps_all_of_them_held() {
        let test = "deliver::signals::tests::a_signal_that_came_before_the_release_keeps_all_of_them_held";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            assert_eq!(output.status.signal(), Some(Signal::SIGTERM as i32), "{output:?}");
            return assert!(String::from_utf8_lossy(&output.stdout).contains("held"), "{output:?}");
        }
        let signals = Signals::hold(Undoing::Files);
        raise(Signal::SIGTERM).unwrap();
        assert!(!signals.release());
        raise(Signal::SIGTERM).unwrap();
        println!("held");
        drop(signals);
    }

    #[test]
    fn a_signal_after_the_release_ends_the_process_until_they_are_held_again() {
        let test = "deliver::signals::tests::a_signal_after_the_release_ends_the_process_until_they_are_held_again";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            assert_eq!(output.status.signal(), Some(Signal::SIGHUP as i32), "{output:?}");
            return assert!(String::from_utf8_lossy(&output.stdout).contains("held again"), "{output:?}");
        }
        let signals = Signals::hold(Undoing::Files);
        assert!(signals.release());
        signals.hold_again();
        raise(Signal::SIGHUP).unwrap();
        assert!(signals.caught());
        CAUGHT.store(0, Ordering::Relaxed);
        println!("held again");
        assert!(signals.release());
        raise(Signal::SIGHUP).unwrap();
    }

    #[test]
    fn a_signal_is_held_though_another_thread_gets_it() {
        let test = "deliver::signals::tests::a_signal_is_held_though_another_thread_gets_it";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            return assert_eq!(output.status.signal(), Some(Signal::SIGQUIT as i32), "{output:?}");
        }
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        SigSet::all().thread_block().unwrap();
        let signals = Signals::hold(Undoing::Files);
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
        let signals = Signals::hold(Undoing::Files);
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
        let signals = Signals::hold(Undoing::Files);
        raise(Signal::SIGTERM).unwrap();
        assert!(!signals.caught());
        drop(signals);
        assert_eq!(blocked.wait(), Ok(Signal::SIGTERM));
    }

    extern "C" fn leave(_: c_int) {
        // SAFETY: ends the process at once.
        unsafe { nix::libc::_exit(143) }
    }

    #[test]
    fn a_handler_from_before_is_in_force_again_and_called() {
        let test = "deliver::signals::tests::a_handler_from_before_is_in_force_again_and_called";
        if let Some(Child { output, .. }) = in_child(test, &[], ":") {
            return assert_eq!(output.status.code(), Some(143), "{output:?}");
        }
        let action = SigAction::new(SigHandler::Handler(leave), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler only ends the process.
        unsafe { sigaction(Signal::SIGTERM, &action) }.unwrap();
        let signals = Signals::hold(Undoing::Files);
        raise(Signal::SIGTERM).unwrap();
        drop(signals);
    }
}
