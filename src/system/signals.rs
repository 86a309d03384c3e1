//! Signals, and the terminal or pipe that this process writes to.
//!
//! The command gets the signal mask and the signal actions as this process inherited them. Three
//! things must not happen: a signal is lost, a signal ends this process before it has cleaned
//! up, or the command inherits our settings.
//!
//! ```text
//! before main   note the action of SIGPIPE, which Rust's runtime ignores; clear the dumpable flag
//!     │
//!   hold        block the termination signals, unless they were ignored or blocked on entry
//!     │         The main thread polls for them. Each thread inherits the mask, so no handler runs while values are resolved.
//!     │         They stay blocked while this process prints, because the kernel drops a signal of PID 1 that is neither
//!     │         blocked nor handled (pid_namespaces(7)).
//!     │
//!   restore     put back the inherited mask and actions. A pending signal ends the process here.
//!     │         For the reason above, PID 1 has a handler for the moment until execve(2).
//!     │
//!   execve      the command starts
//! ```
//!
//! We call a signal *held* if [`hold`] has blocked it: the signal doesn't end this process before
//! the main thread has seen it. On systems other than Linux, signals keep their default action.
//!
//! A terminal sends signals to its foreground job, and stops a background job that writes to it. A
//! pipe whose reader has stalled blocks a write. The functions at the end ask about both.

#![allow(
    unsafe_code,
    reason = "an initializer before `main`, the query of dispositions, which nix doesn't offer, and a signal handler"
)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{getpgrp, getpid, tcgetpgrp, write};

/// The signals that a terminal, a service manager or a user sends to end a process. Their default
/// action is also to end the process.
const TERMINATION: [Signal; 4] = [
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGTERM,
];

/// True if SIGPIPE had its default action when the process started.
static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// The inherited state. It is set by the first call of [`hold`].
static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

/// An initializer that runs before `main`.
#[used]
// SAFETY: this section is an array of pointers to C functions, which the C runtime calls once
// before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Notes the inherited action of SIGPIPE, because Rust's runtime ignores SIGPIPE right before
/// `main`. Also clears the dumpable flag (PR_SET_DUMPABLE), so that there won't be a core file and
/// no other process of the user can read the memory.
///
/// This has to happen early: a process that has already opened /proc/PID/mem keeps its access.
/// `execve` sets the flag again. macOS doesn't have a flag that `execve` would reset.
extern "C" fn before_main() {
    SIGPIPE_WAS_DEFAULT.store(has_action(libc::SIGPIPE, libc::SIG_DFL), Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Holds the termination signals: blocks those that would end this process, until [`restore`]. The
/// main thread has to call this before it starts another thread.
///
/// Also blocks SIGTTOU, so that printing to a terminal (`stty tostop`) doesn't stop a background
/// job, and SIGXFSZ, so that a write beyond the file size limit fails instead of ending the
/// process. Ignores SIGPIPE. SIGCHLD gets its default action, and so do the signals for which
/// [`restore`] has installed a handler.
pub fn hold() {
    let inherited = INHERITED.get_or_init(InheritedSignals::current);
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

/// Restores the inherited mask and actions, which execve(2) passes on. A held signal that is
/// pending ends the process here. [`hold`] can be called again afterwards.
///
/// In PID 1, the watched signals first get a handler, which execve(2) resets. Without it, the
/// kernel would drop a signal that arrives before execve(2).
///
/// This function only makes async-signal-safe calls, because a child runs it between fork and
/// execve.
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

/// True once termination signals are held. Always false on systems other than Linux.
pub fn are_held() -> bool {
    cfg!(target_os = "linux") && INHERITED.get().is_some()
}

/// Returns a held signal that is pending, or `None` if there isn't one. The signal stays pending.
pub fn held_signal() -> Option<Signal> {
    let pending = pending_signals();
    let mut watched = INHERITED.get()?.watched.iter();
    watched.find(|signal| pending.contains(*signal))
}

/// Returns a descriptor that is readable while a held signal is pending (signalfd(2)). It is only
/// polled, never read. Returns `None` if no signals are held.
///
/// # Errors
/// If this process has no free descriptor.
pub fn descriptor() -> Result<Option<OwnedFd>, Errno> {
    #[cfg(target_os = "linux")]
    if let Some(InheritedSignals { watched, .. }) = INHERITED.get() {
        use nix::sys::signalfd::{SfdFlags, SignalFd};

        return SignalFd::with_flags(watched, SfdFlags::SFD_CLOEXEC)
            .map(|descriptor| Some(descriptor.into()));
    }
    Ok(None)
}

/// The state of signals when this process started. The command starts with the same state.
struct InheritedSignals {
    mask: SigSet,
    /// The termination signals that were neither ignored nor blocked. Ignored ones must not be
    /// blocked (`nohup`), because the kernel queues a blocked signal even if it is ignored.
    watched: SigSet,
    /// True if SIGCHLD was ignored. The kernel then reaps children by itself, and their status is
    /// lost.
    ignores_children: bool,
}

impl InheritedSignals {
    /// Returns the signal state of this process now: the signals that are blocked, the termination
    /// signals to watch, and whether SIGCHLD is ignored.
    fn current() -> Self {
        // Reading the mask can't fail (pthread_sigmask(3)).
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

    /// Sets the action of the watched signals if this process is PID 1. Does nothing otherwise.
    fn set_actions_of_pid_1(&self, action: libc::sighandler_t) {
        if getpid().as_raw() == 1 {
            for signal in &self.watched {
                set_action(signal, action);
            }
        }
    }
}

/// Returns the blocked signals that are pending (sigpending(2)).
pub fn pending_signals() -> SigSet {
    // SAFETY: all-zero is a valid set, and the call writes only to this set.
    unsafe {
        let mut pending: libc::sigset_t = mem::zeroed();
        libc::sigpending(&raw mut pending);
        SigSet::from_sigset_t_unchecked(pending)
    }
}

/// True if a signal, given by its number, has this action (SIG_DFL or SIG_IGN).
pub fn has_action(signal: libc::c_int, action: libc::sighandler_t) -> bool {
    // SAFETY: all-zero is a valid `sigaction`. Because the new action is null, the call only writes
    // the current one to it.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut present);
        present.sa_sigaction == action
    }
}

/// Sets the action of a signal: SIG_DFL, SIG_IGN or [`exit_by_signal`].
fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: the only handler is async-signal-safe.
    unsafe { libc::signal(signal as libc::c_int, action) };
}

/// A signal handler that ends this process with status 128 + n.
extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: _exit can be called at any time, and is async-signal-safe.
    unsafe { libc::_exit(128 + signal) };
}

/// The number of bytes that a writable pipe accepts without blocking (pipe(7)).
pub const PIPE_BUF: usize = libc::PIPE_BUF;

/// The control characters that move to the start of the line and erase it.
pub const ERASE_LINE: &str = "\r\x1b[K";

/// Writes all bytes, waiting as long as the reader doesn't read, even if the pipe is non-blocking.
/// (A command that shares the pipe may have set O_NONBLOCK.)
///
/// # Errors
/// The error of the kernel.
pub fn write_all(stream: BorrowedFd<'_>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match write(stream, text) {
            Ok(length) => text = text.get(length..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => {
                wait_until_writable(stream, PollTimeout::NONE);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Returns the width of a terminal in columns, or 80 if it is unknown.
pub fn columns(terminal: impl AsFd) -> usize {
    terminal_size::terminal_size_of(terminal).map_or(80, |(columns, _)| columns.0.into())
}

/// True if this process's group is the foreground job of the terminal.
pub fn is_foreground(terminal: impl AsFd) -> bool {
    tcgetpgrp(terminal) == Ok(getpgrp())
}

/// True unless the terminal belongs to another job or is stopped (Ctrl-S).
pub fn may_write(terminal: impl AsFd) -> bool {
    let terminal = terminal.as_fd();
    // ENOTTY: it isn't the controlling terminal, so it doesn't have jobs.
    let is_ours = tcgetpgrp(terminal).map_or(true, |foreground| foreground == getpgrp());
    is_ours && is_writable(terminal)
}

/// True if a write of up to [`PIPE_BUF`] bytes to the descriptor would not block.
pub fn is_writable(descriptor: BorrowedFd<'_>) -> bool {
    wait_until_writable(descriptor, PollTimeout::ZERO)
}

/// Waits until a write would not block, for at most `limit`. Returns false if the time is up or a
/// signal arrives.
fn wait_until_writable(descriptor: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    let mut files = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let ready = poll(&mut files, limit) == Ok(1);
    let events = files[0].revents().unwrap_or(PollFlags::empty());
    ready && events.contains(PollFlags::POLLOUT)
}
