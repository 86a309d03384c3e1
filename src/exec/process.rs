//! What the kernel keeps about this process: signals, whether its memory can be read, how much it may pass on.

#![allow(unsafe_code, reason = "nix leaves the soundness of a signal handler to its caller")]

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};
use nix::unistd::{SysconfVar, getpid, sysconf};

use crate::model::environment::Limits;

/// Whether SIGPIPE was at its default when the process began.
static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// Runs before `main`, and so before Rust's own start-up ignores SIGPIPE: nobody after it can tell what was inherited.
#[used]
// SAFETY: the section holds pointers to functions that the C runtime calls once, before `main`, on the only thread.
#[unsafe(link_section = ".init_array")]
static REMEMBER_SIGPIPE: extern "C" fn() = remember_sigpipe;

extern "C" fn remember_sigpipe() {
    SIGPIPE_WAS_DEFAULT.store(disposition(Signal::SIGPIPE) == libc::SIG_DFL, Ordering::Relaxed);
}

/// Calls `action` with SIGPIPE as it was inherited, and ignores it again when `action` returns.
pub fn with_inherited_sigpipe<T>(action: impl FnOnce() -> T) -> T {
    if !SIGPIPE_WAS_DEFAULT.load(Ordering::Relaxed) {
        return action();
    }
    // SAFETY: SIG_DFL and SIG_IGN run no code of ours.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    let result = action();
    // SAFETY: as above.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    result
}

/// As PID 1, makes TERM, INT, HUP and QUIT end the process with 128 + n: the kernel drops what PID 1 has no handler for.
///
/// Any other process dies of them by itself, which is what its parent is to see. One that is ignored stays ignored, one
/// that is blocked stays pending, and `execve` takes the handlers away again.
pub fn die_of_signals() {
    if getpid().as_raw() != 1 {
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        if disposition(signal) == libc::SIG_DFL {
            let action = SigAction::new(SigHandler::Handler(exit_by_signal), SaFlags::empty(), SigSet::empty());
            // SAFETY: the handler calls nothing but `_exit`, which is async-signal-safe.
            let _ = unsafe { sigaction(signal, &action) };
        }
    }
}

/// What is done about a signal at present.
fn disposition(signal: Signal) -> libc::sighandler_t {
    // SAFETY: asks and changes nothing; all-zero is a valid `sigaction` to write into.
    unsafe {
        let mut present: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal as libc::c_int, std::ptr::null(), &raw mut present);
        present.sa_sigaction
    }
}

extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(128 + signal) }
}

/// Makes the process's memory unreadable to others of the same user, and leaves no core file. `execve` undoes it.
pub fn hide_memory() {
    // It cannot fail with this argument; where it did, nothing would be gained by not starting.
    let _ = prctl::set_dumpable(false);
}

/// What execve takes at most (execve(2), "Limits on size of arguments and environment").
pub fn limits() -> Limits {
    let page =
        sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| usize::try_from(size).ok()).unwrap_or(4096);
    let stack = match getrlimit(Resource::RLIMIT_STACK) {
        Ok((RLIM_INFINITY, _)) | Err(_) => usize::MAX,
        Ok((soft, _)) => usize::try_from(soft).unwrap_or(usize::MAX),
    };
    let largest = 6 * 1024 * 1024;
    let smallest = 128 * 1024;
    Limits { string: 32 * page, total: (stack / 4).min(largest).max(smallest) }
}
