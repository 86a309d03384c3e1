//! The mask and the dispositions of signals, which the command gets as this process inherited them.
//!
//! The termination signals are blocked ([`hold`]) before the first thread starts, which each thread inherits, so no handler runs while
//! values are resolved: the main thread polls for the signals. They stay blocked while this process prints, since the kernel drops a
//! signal of PID 1 that is neither blocked nor handled (pid_namespaces(7)). For the same reason PID 1 has a handler from [`restore`] to
//! execve(2). On systems other than Linux the signals keep their default action.

#![allow(
    unsafe_code,
    reason = "an initializer before `main`, the query of dispositions, which nix does not offer, and a signal handler"
)]

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::getpid;

/// The signals that a terminal, a service manager or a user sends to end a process, which is their default action.
pub const TERMINATION: [Signal; 4] = [
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
];

/// True if SIGPIPE had its default action when the process began.
static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// The inherited state, from the first call of [`hold`] on.
static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

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

/// Blocks the termination signals that would end this process, until [`restore`]. To be called on the main thread before it starts
/// another.
///
/// It also blocks SIGTTOU, so that a line on a terminal (`stty tostop`) does not stop a background job, and SIGXFSZ, so that a write beyond
/// the limit on the size of files fails instead. SIGCHLD gets its default action, and so do the signals for which [`restore`] has
/// installed a handler.
pub fn hold() {
    let inherited = INHERITED.get_or_init(InheritedSignals::look);
    if inherited.ignores_children {
        set_action(Signal::SIGCHLD, libc::SIG_DFL);
    }
    set_action(Signal::SIGPIPE, libc::SIG_IGN);
    let mut held = inherited.mask;
    held.extend(inherited.watched.iter());
    held.add(Signal::SIGTTOU);
    held.add(Signal::SIGXFSZ);
    let _ = held.thread_set_mask();
    inherited.set_actions_of_pid_1(libc::SIG_DFL);
}

/// Restores the inherited mask and dispositions, which execve(2) keeps; a held signal that is pending ends the process here. [`hold`]
/// reverts it. Async-signal-safe, since a child calls it between fork and execve.
///
/// In PID 1 a watched signal gets a handler first, which execve(2) resets: the kernel drops a signal of PID 1 that is neither blocked nor
/// handled, so a signal that comes before execve(2) would be lost.
pub fn restore() {
    if SIGPIPE_WAS_DEFAULT.load(Ordering::Relaxed) {
        set_action(Signal::SIGPIPE, libc::SIG_DFL);
    }
    if let Some(inherited) = INHERITED.get() {
        if inherited.ignores_children {
            set_action(Signal::SIGCHLD, libc::SIG_IGN);
        }
        inherited.set_actions_of_pid_1(exit_by_signal as *const () as libc::sighandler_t);
        let _ = inherited.mask.thread_set_mask();
    }
}

/// True once termination signals are held, which only Linux does.
pub fn are_held() -> bool {
    cfg!(target_os = "linux") && INHERITED.get().is_some()
}

/// Returns a held signal that came. It stays pending.
pub fn held_signal() -> Option<Signal> {
    let pending = pending();
    INHERITED
        .get()?
        .watched
        .iter()
        .find(|signal| pending.contains(*signal))
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

        return SignalFd::with_flags(watched, SfdFlags::SFD_CLOEXEC)
            .map(|descriptor| Some(descriptor.into()));
    }
    Ok(None)
}

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
            cfg!(target_os = "linux")
                && !mask.contains(*signal)
                && !has_action(*signal as libc::c_int, libc::SIG_IGN)
        };
        Self {
            mask,
            watched: TERMINATION.into_iter().filter(is_watched).collect(),
            ignores_children: has_action(libc::SIGCHLD, libc::SIG_IGN),
        }
    }

    /// Sets the action of the watched signals if this process is PID 1, and does nothing in any other.
    fn set_actions_of_pid_1(&self, action: libc::sighandler_t) {
        if getpid().as_raw() == 1 {
            for signal in &self.watched {
                set_action(signal, action);
            }
        }
    }
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

/// True if a signal, by its number, has this action (SIG_DFL or SIG_IGN).
pub fn has_action(signal: libc::c_int, action: libc::sighandler_t) -> bool {
    // SAFETY: all-zero is a valid `sigaction`, and with a null new action the call only writes the present one to it.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut present);
        present.sa_sigaction == action
    }
}

/// Sets SIG_DFL, SIG_IGN or [`exit_by_signal`].
fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: the only handler is async-signal-safe.
    unsafe { libc::signal(signal as libc::c_int, action) };
}

/// A signal handler that ends this process at once with status 128 + n.
extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: _exit has no preconditions, and is async-signal-safe.
    unsafe { libc::_exit(128 + signal) };
}
