//! Process attributes around execve: signal dispositions, the dumpable flag, and the limits on arguments and environment.

#![allow(unsafe_code, reason = "an initializer before `main`, and signal handlers")]

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{SysconfVar, sysconf};

use crate::model::environment::Limits;
use crate::system::signals::{Disposition, disposition};
use crate::system::termination;

/// True if SIGPIPE had its default action when the process began.
static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// An initializer that runs before `main`: Rust's runtime ignores SIGPIPE right before `main`, which hides the inherited action.
#[used]
// SAFETY: this section is an array of pointers to functions with the C ABI, which the C runtime calls once before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static REMEMBER_SIGPIPE: extern "C" fn() = remember_sigpipe;

extern "C" fn remember_sigpipe() {
    SIGPIPE_WAS_DEFAULT.store(disposition(Signal::SIGPIPE) == Disposition::Default, Ordering::Relaxed);
}

/// Calls `action` with the inherited disposition of SIGPIPE, and ignores the signal again when `action` returns.
pub fn with_inherited_sigpipe<T>(action: impl FnOnce() -> T) -> T {
    if !SIGPIPE_WAS_DEFAULT.load(Ordering::Relaxed) {
        return action();
    }
    // SAFETY: SIG_DFL is no handler, so no code runs in signal context.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    let result = action();
    // SAFETY: SIG_IGN is no handler either.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    result
}

/// Lets termination signals end the process, also as PID 1, with a line on standard error while something is awaited.
pub fn die_of_signals() {
    termination::install();
}

/// Clears the dumpable flag (PR_SET_DUMPABLE): no core file, and other processes of the user cannot read the memory. `execve`
/// sets it again. macOS has no counterpart that `execve` would undo.
pub fn hide_memory() {
    // prctl(2) documents no error for this argument; on one, the command is started nevertheless.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Returns the limits of execve(2), "Limits on size of arguments and environment", in bytes.
pub fn limits() -> Limits {
    if cfg!(target_os = "macos") {
        // One limit on all of them (ARG_MAX).
        let total = sysconf(SysconfVar::ARG_MAX).ok().flatten().and_then(|size| usize::try_from(size).ok());
        let total = total.unwrap_or(1024 * 1024);
        return Limits { string: total, total };
    }
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
