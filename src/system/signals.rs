//! Signal dispositions: the termination signals, a query, and handlers that are restored when dropped.

#![allow(unsafe_code, reason = "nix leaves the soundness of a signal handler to its caller")]

use std::{mem, ptr};

use nix::libc;
use nix::sys::signal::{SigAction, SigSet, SigmaskHow, Signal, sigaction};

/// The signals that a terminal, a service manager or a user sends to end a process, which is their default action.
pub const TERMINATION: [Signal; 4] = [Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// The action that is in force for a signal (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// SIG_DFL
    Default,
    /// SIG_IGN
    Ignored,
    /// A handler of this process.
    Handled,
}

/// Returns the disposition of a signal. May be called before `main`.
pub fn disposition(signal: Signal) -> Disposition {
    // SAFETY: all-zero is a valid `sigaction`, and with a null new action the call only writes the present one to it.
    let handler = unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(signal as libc::c_int, ptr::null(), &raw mut present);
        present.sa_sigaction
    };
    match handler {
        libc::SIG_DFL => Disposition::Default,
        libc::SIG_IGN => Disposition::Ignored,
        _ => Disposition::Handled,
    }
}

/// Blocks every signal on the calling thread, so that the kernel delivers those of the process to another.
pub fn block_signals() {
    let _ = SigSet::all().thread_block();
}

/// Calls `action` with every signal blocked, which a thread that it starts inherits.
pub fn with_blocked_signals<T>(action: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let result = action();
    let _ = before.and_then(|mask| mask.thread_set_mask());
    result
}

/// An action that is installed for some signals. Dropping the value restores the previous actions.
pub struct Handlers {
    previous: Vec<(Signal, SigAction)>,
}

impl Handlers {
    /// Installs `action` for each of `signals`.
    ///
    /// # Safety
    /// A handler in `action` must call only async-signal-safe functions (signal-safety(7)).
    pub unsafe fn install(action: SigAction, signals: impl IntoIterator<Item = Signal>) -> Self {
        let install = |signal| {
            // SAFETY: the handler is async-signal-safe by this function's own contract.
            let previous = unsafe { sigaction(signal, &action) }.ok()?;
            Some((signal, previous))
        };
        Self { previous: signals.into_iter().filter_map(install).collect() }
    }

    /// Returns the signals that the action was installed for.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        self.previous.iter().map(|(signal, _)| *signal)
    }

    /// Restores the previous actions, in the order in which they were replaced.
    pub fn restore(&self) {
        for (signal, previous) in &self.previous {
            // SAFETY: this action was in force before, so its handler, if any, was installed as sound.
            let _ = unsafe { sigaction(*signal, previous) };
        }
    }
}

impl Drop for Handlers {
    fn drop(&mut self) {
        self.restore();
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{SaFlags, SigHandler};

    use super::*;

    extern "C" fn do_nothing(_: libc::c_int) {}

    #[test]
    fn handlers_are_in_force_until_they_are_restored_or_dropped() {
        // No other test uses this signal.
        let signal = Signal::SIGUSR2;
        let action = SigAction::new(SigHandler::Handler(do_nothing), SaFlags::empty(), SigSet::empty());
        assert_eq!(disposition(signal), Disposition::Default);
        // SAFETY: the handler does nothing.
        let handlers = unsafe { Handlers::install(action, [signal]) };
        assert_eq!(disposition(signal), Disposition::Handled);
        handlers.restore();
        assert_eq!(disposition(signal), Disposition::Default);
        // SAFETY: the handler does nothing.
        let handlers = unsafe { Handlers::install(action, [signal]) };
        drop(handlers);
        assert_eq!(disposition(signal), Disposition::Default);
    }

    #[test]
    fn an_ignored_signal_has_the_disposition_ignored() {
        // Rust's runtime ignores it before `main`.
        assert_eq!(disposition(Signal::SIGPIPE), Disposition::Ignored);
    }
}
