//! The signals that end a launch.
//!
//! They are blocked before the first thread starts, which each thread inherits, so no handler runs anywhere: the main thread polls for
//! them and ends the process in ordinary code. On systems other than Linux they keep their default action.

#![allow(unsafe_code, reason = "an initializer before `main`, and dispositions, for which nix has no query")]

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::getpid;

/// The signals that a terminal, a service manager or a user sends to end a process, which is their default action.
pub const TERMINATION: [Signal; 4] = [Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];

/// True if SIGPIPE had its default action when the process began.
static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// An initializer that runs before `main`.
#[used]
// SAFETY: this section is an array of pointers to functions with the C ABI, which the C runtime calls once before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Notes the inherited action of SIGPIPE, which Rust's runtime ignores right before `main`, and clears the dumpable flag
/// (PR_SET_DUMPABLE): no core file, and no other process of the user reads the memory. A process that opened /proc/PID/mem before the
/// flag is cleared keeps its access. `execve` sets the flag again; macOS has no counterpart that `execve` would undo.
extern "C" fn before_main() {
    SIGPIPE_WAS_DEFAULT.store(has_action(libc::SIGPIPE, libc::SIG_DFL), Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

/// The state of signals at the start of this process, which the command gets.
struct InheritedSignals {
    mask: SigSet,
    /// The termination signals that were neither ignored nor blocked: a blocked signal is queued even if it is ignored, so an ignored
    /// one is left alone (`nohup`).
    watched: SigSet,
    /// True if SIGCHLD was ignored, with which the kernel reaps children by itself and loses their status.
    ignores_children: bool,
}

impl InheritedSignals {
    fn look() -> Self {
        let mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
        let is_watched = |signal: &Signal| {
            cfg!(target_os = "linux") && !mask.contains(*signal) && !has_action(*signal as libc::c_int, libc::SIG_IGN)
        };
        Self {
            mask,
            watched: TERMINATION.into_iter().filter(is_watched).collect(),
            ignores_children: has_action(libc::SIGCHLD, libc::SIG_IGN),
        }
    }
}

/// Blocks the termination signals that would end this process, until [`release`] or [`restore`]. To be called on the main thread before
/// it starts another.
///
/// SIGTTOU is blocked as well, so that a line on a terminal (`stty tostop`) does not stop a background job, and SIGXFSZ, so that a write
/// beyond the limit on the size of files fails instead. SIGCHLD gets its default action.
pub fn hold() {
    let InheritedSignals { mask, watched, ignores_children } = INHERITED.get_or_init(InheritedSignals::look);
    if *ignores_children {
        set_action(Signal::SIGCHLD, libc::SIG_DFL);
    }
    set_action(Signal::SIGPIPE, libc::SIG_IGN);
    let mut held = *mask;
    held.extend(watched.iter());
    held.add(Signal::SIGTTOU);
    held.add(Signal::SIGXFSZ);
    let _ = held.thread_set_mask();
}

/// Returns a held signal that came. It stays pending.
pub fn held() -> Option<Signal> {
    let pending = pending();
    INHERITED.get()?.watched.iter().find(|signal| pending.contains(*signal))
}

/// The signals that are blocked and came (sigpending(2)).
pub fn pending() -> SigSet {
    // SAFETY: all-zero is a valid set, to which alone the call writes.
    unsafe {
        let mut pending: libc::sigset_t = mem::zeroed();
        libc::sigpending(&raw mut pending);
        SigSet::from_sigset_t_unchecked(pending)
    }
}

/// Returns a descriptor that is readable while a held signal is pending (signalfd(2)). It is polled, not read. `None` where no signal is
/// held.
///
/// # Errors
/// Without a free descriptor.
pub fn descriptor() -> Result<Option<OwnedFd>, Errno> {
    #[cfg(target_os = "linux")]
    if let Some(InheritedSignals { watched, .. }) = INHERITED.get() {
        use nix::sys::signalfd::{SfdFlags, SignalFd};

        return SignalFd::with_flags(watched, SfdFlags::SFD_CLOEXEC).map(|descriptor| Some(descriptor.into()));
    }
    Ok(None)
}

/// Ends the process if a held signal came, and else lets the termination signals end it by themselves, until [`hold`].
pub fn release() {
    if let Some(signal) = held() {
        end_by(signal);
    }
    if let Some(InheritedSignals { watched, .. }) = INHERITED.get() {
        let _ = watched.thread_unblock();
    }
}

/// Ends this process by a termination signal: as PID 1, for which the kernel discards it (pid_namespaces(7)), with status 128 + n.
pub fn end_by(signal: Signal) -> ! {
    if getpid().as_raw() != 1 {
        let _ = raise(signal);
        let _ = SigSet::from_iter([signal]).thread_unblock();
    }
    exit(128 + signal as libc::c_int)
}

/// Ends this process at once (_exit(2)), whatever other threads do.
pub fn exit(status: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Restores the inherited mask and dispositions, which execve(2) keeps; a held signal that is pending ends the process here.
/// Async-signal-safe, since a child calls it between fork and execve. [`hold`] reverts it.
pub fn restore() {
    if SIGPIPE_WAS_DEFAULT.load(Ordering::Relaxed) {
        set_action(Signal::SIGPIPE, libc::SIG_DFL);
    }
    let Some(InheritedSignals { mask, ignores_children, .. }) = INHERITED.get() else { return };
    if *ignores_children {
        set_action(Signal::SIGCHLD, libc::SIG_IGN);
    }
    let _ = mask.thread_set_mask();
}

/// True if a signal, by its number, has this action (SIG_DFL or SIG_IGN).
pub fn has_action(signal: libc::c_int, action: libc::sighandler_t) -> bool {
    // SAFETY: all-zero is a valid `sigaction`, and with a null new action the call only writes the present one to it.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut present);
        present.sa_sigaction == action
    }
}

/// Sets SIG_DFL or SIG_IGN.
fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: neither action is a handler, so no code runs in signal context.
    unsafe { libc::signal(signal as libc::c_int, action) };
}
