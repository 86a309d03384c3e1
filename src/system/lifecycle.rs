//! Waits for work to be done, reacts to the signals that end this process, and ends it.
//!
//! The main thread waits in poll(2) while a worker works, so that it can react to a termination
//! signal immediately. Everything that can take long, such as a request, a file on a network, or a
//! write whose reader stalls, runs on its own thread.
//!
//! ```text
//! main thread   while_working ──▶ tick ──▶ poll(2) ──▶ tick ──▶ poll(2) ──▶ … ──▶ the result
//! worker            └─▶ work ───────────────────▶ drops its end of the pipe ──┘
//! ```
//!
//! poll(2) returns when the worker has closed its end of the pipe, a termination signal has
//! arrived, the other end of a connection is closed, or it is time for the next `tick`.
//!
//! Three things must not happen: a signal is lost, a signal ends this process before it has cleaned
//! up, or the command inherits our own signal mask and actions.
//!
//! ```text
//! before main      note the action of SIGPIPE, which Rust replaces; clear the dumpable flag
//!     │
//! block_signals    block the termination signals, unless they were ignored or blocked on entry
//!     │            The main thread polls for them. Each thread inherits the mask, so they don't
//!     │            interrupt the worker. They stay blocked while this process prints, because the
//!     │            kernel drops a signal of PID 1 that is neither blocked nor handled
//!     │            (pid_namespaces(7)).
//!     │
//! restore_signals  put back the inherited mask and actions; a pending signal ends the process here
//!     │
//! execve           the command starts
//! ```
//!
//! A termination signal is *held* if [`block_signals`] blocked it, which happens only on Linux.
//!
//! Everything that ends the process calls [`end`] or [`end_by_signal`]: a signal, the deadline, a
//! panic on any thread, an error, or a subcommand that is done. Whatever prints a message before
//! that first calls [`kill_program`].
//!
//! The inherited signals and the program that we ask for credentials, which has to be killed, are
//! in static variables, because the panic hook can't reach anything else.

#![allow(unsafe_code, reason = "an initializer, and calls that aren't in nix")]

use std::convert::Infallible;
use std::fmt::Display;
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use std::{io, mem, ptr, thread};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use nix::sys::signal::{SigSet, Signal, kill, killpg, raise};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{Pid, getpid};

use super::streams;
use crate::model::message::Status;

const TERMINATION: [Signal; 4] = [SIGQUIT, SIGHUP, SIGINT, SIGTERM];

static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// Set by the first call to [`block_signals`].
static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

#[used]
// SAFETY: this section holds C functions, which the C runtime calls once before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Runs before `main`. Later would be too late: Rust's runtime replaces the action of SIGPIPE, and
/// another process that has already opened /proc/PID/mem could keep reading our memory.
///
/// Without the dumpable flag, the kernel writes no core file, and the user's other processes can't
/// read this one's memory. `execve` sets the flag again.
extern "C" fn before_main() {
    SIGPIPE_WAS_DEFAULT.store(has_action(libc::SIGPIPE, libc::SIG_DFL), Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Holds the termination signals until [`restore_signals`]. Must be called before other threads
/// start.
///
/// - SIGTTOU is blocked, so printing from the background doesn't stop this process (`stty tostop`).
/// - SIGXFSZ is blocked and SIGPIPE is ignored, so a write beyond the file size limit or to a pipe
///   without a reader fails instead of ending this process.
/// - SIGCHLD gets its default action, so a child's exit status isn't lost.
pub fn block_signals() {
    let inherited = INHERITED.get_or_init(InheritedSignals::current);
    if inherited.ignores_children {
        set_action(Signal::SIGCHLD, libc::SIG_DFL);
    }
    set_action(Signal::SIGPIPE, libc::SIG_IGN);

    let mut mask = inherited.mask;
    mask.extend(inherited.to_hold.iter());
    mask.add(Signal::SIGTTOU);
    mask.add(Signal::SIGXFSZ);
    let _ = mask.thread_set_mask();
    inherited.set_actions_of_pid_1(libc::SIG_DFL);
}

/// Restores the inherited signal mask and actions, so that the command gets them.
///
/// If a held signal is pending, it ends the process here. In PID 1, the kernel would drop a
/// termination signal that has no handler, so these signals first get one. execve(2) removes it.
///
/// Makes only async-signal-safe calls, because a child calls it between fork and execve.
pub fn restore_signals() {
    if SIGPIPE_WAS_DEFAULT.load(Ordering::Relaxed) {
        set_action(Signal::SIGPIPE, libc::SIG_DFL);
    }
    if has_action(libc::SIGXFSZ, libc::SIG_DFL) {
        // Ignoring a signal discards it if it is pending.
        set_action(Signal::SIGXFSZ, libc::SIG_IGN);
        set_action(Signal::SIGXFSZ, libc::SIG_DFL);
    }
    if let Some(inherited) = INHERITED.get() {
        if inherited.ignores_children {
            set_action(Signal::SIGCHLD, libc::SIG_IGN);
        }
        inherited.set_actions_of_pid_1(exit_by_signal as *const () as libc::sighandler_t);
        let _ = inherited.mask.thread_set_mask();
    }
}

/// A held signal that has arrived, if any. It stays pending.
pub fn held_signal() -> Option<Signal> {
    let pending = pending_signals();
    INHERITED
        .get()?
        .to_hold
        .iter()
        .find(|signal| pending.contains(*signal))
}

/// A descriptor that is readable while a held signal is pending (signalfd(2)). Only for polling:
/// don't read from it.
pub fn signal_descriptor() -> Result<Option<OwnedFd>, Errno> {
    #[cfg(target_os = "linux")]
    if let Some(InheritedSignals { to_hold, .. }) = INHERITED.get() {
        use nix::sys::signalfd::{SfdFlags, SignalFd};

        let descriptor = SignalFd::with_flags(to_hold, SfdFlags::SFD_CLOEXEC)?;
        return Ok(Some(descriptor.into()));
    }
    Ok(None)
}

struct InheritedSignals {
    mask: SigSet,
    /// The termination signals that were neither ignored nor blocked at the start.
    ///
    /// An ignored signal, such as SIGHUP after nohup(1), must not be blocked: the kernel would
    /// queue it, so [`held_signal`] would return it.
    to_hold: SigSet,
    /// True if SIGCHLD was ignored at the start. The kernel would then reap our children by itself,
    /// and their exit status would be lost.
    ignores_children: bool,
}

impl InheritedSignals {
    fn current() -> Self {
        // Reading the mask can't fail (pthread_sigmask(3)).
        let mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
        let mut to_hold = SigSet::empty();
        for signal in TERMINATION {
            // Only Linux has signalfd(2).
            if cfg!(target_os = "linux")
                && !mask.contains(signal)
                && !has_action(signal as libc::c_int, libc::SIG_IGN)
            {
                to_hold.add(signal);
            }
        }
        Self {
            mask,
            to_hold,
            ignores_children: has_action(libc::SIGCHLD, libc::SIG_IGN),
        }
    }

    /// Sets the actions of the held signals in PID 1, where the kernel would drop an unblocked
    /// signal that has no handler.
    fn set_actions_of_pid_1(&self, action: libc::sighandler_t) {
        if getpid().as_raw() == 1 {
            for signal in &self.to_hold {
                set_action(signal, action);
            }
        }
    }
}

/// The pending blocked signals (sigpending(2)).
pub fn pending_signals() -> SigSet {
    // SAFETY: all-zero is a valid set, and the call writes only to it.
    unsafe {
        let mut pending: libc::sigset_t = mem::zeroed();
        libc::sigpending(&raw mut pending);
        SigSet::from_sigset_t_unchecked(pending)
    }
}

/// `action` is SIG_DFL, SIG_IGN or a handler.
pub fn has_action(signal: libc::c_int, action: libc::sighandler_t) -> bool {
    // SAFETY: all-zero is a valid `sigaction`, and the call only writes to it.
    unsafe {
        let mut present: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut present);
        present.sa_sigaction == action
    }
}

fn set_action(signal: Signal, action: libc::sighandler_t) {
    // SAFETY: the only handler is async-signal-safe.
    unsafe { libc::signal(signal as libc::c_int, action) };
}

/// The handler of the termination signals in PID 1. Their default action wouldn't end PID 1.
extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: _exit is async-signal-safe.
    unsafe { libc::_exit(128 + signal) };
}

/// Runs `work` on its own thread while the main thread waits.
///
/// - `tick` runs before each sleep, and returns the longest time to sleep.
/// - `interrupted` is called when a held signal has arrived, and has to end this process.
/// - If the other end of `connection`, a pipe or socket, closes, nobody wants the result any more,
///   so this process exits with status 75 and without a message.
pub fn while_working<T: Send>(
    work: impl FnOnce() -> T + Send,
    connection: Option<BorrowedFd<'_>>,
    mut tick: impl FnMut() -> Option<Duration>,
    interrupted: impl Fn(Signal) -> Infallible,
) -> io::Result<T> {
    let held_signals = signal_descriptor()?;
    let (reader, writer) = io::pipe()?;
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, move || {
            let result = work();
            // Wakes the main thread.
            drop(writer);
            result
        })?;

        loop {
            let limit = tick();

            // The pipe comes first and the connection last, as `is_done` and `is_closed` expect.
            let mut files = vec![PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            if let Some(signals) = &held_signals {
                files.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
            }
            if let Some(connection) = connection {
                // poll(2) reports POLLHUP even if no event is requested.
                files.push(PollFd::new(connection, PollFlags::empty()));
            }
            sleep(&mut files, limit);

            let has_event = |file: Option<&PollFd>| file.and_then(PollFd::any) == Some(true);
            let is_done = has_event(files.first());
            let is_closed = connection.is_some() && has_event(files.last());
            if let Some(signal) = held_signal() {
                match interrupted(signal) {}
            }
            if is_done {
                // After a panic, the panic hook has already ended the process.
                return Ok(worker.join().unwrap_or_else(|_| end(Status::Bug as u8)));
            }
            if is_closed {
                end(Status::Temporary as u8);
            }
        }
    })
}

/// Runs work that may never end, such as a write whose reader stalls. A termination signal can
/// still end the process. On any thread but the main one, just runs `work`, because the main thread
/// is already waiting for signals.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let holds_signals = cfg!(target_os = "linux") && INHERITED.get().is_some();
    // std names the first thread of the process `main`.
    let is_main_thread = thread::current().name() == Some("main");
    // An unblocked signal can end the process during the work anyway.
    if !holds_signals || !is_main_thread {
        return work();
    }
    let done = while_working(&work, None, || None, |signal| end_by_signal(signal));
    // If no thread can be started, a signal has to wait for the work.
    done.unwrap_or_else(|_| work())
}

/// Sleeps until one of `files` is readable or closed, `limit` has passed, or a signal interrupts
/// poll(2).
pub fn wait_for<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>, limit: Option<Duration>) {
    let mut polled: Vec<PollFd<'_>> = files
        .into_iter()
        .map(|file| PollFd::new(file, PollFlags::POLLIN))
        .collect();
    sleep(&mut polled, limit);
}

/// Waits in poll(2). Ignores an error, which is usually EINTR: no file then has an event, and the
/// caller checks everything again.
fn sleep(files: &mut [PollFd<'_>], limit: Option<Duration>) {
    let _ = poll(files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Rounds up to milliseconds, so poll(2) never returns too early.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

/// A program that we ask for AWS credentials: a profile's `credential_process`, or the AWS CLI.
pub struct AskedProgram {
    /// The children that this process had before, such as a sidecar that a script started before it
    /// became secrets-exec.
    pub earlier: Vec<Pid>,
    /// `None` from before fork(2) until we know that execve(2) has succeeded. During this time, the
    /// program may already be running.
    pub child: Option<Child>,
    /// The terminal where the program may ask for a password, and its modes before the program
    /// started. `None` if the program has no access to the terminal.
    pub terminal: Option<(File, Termios)>,
}

/// The program that we have asked, while it may be running. A thread may reap the program only
/// while holding this lock, or after taking the program out of this variable. Otherwise, we could
/// kill another process that has since got the same id.
static PROGRAM: Mutex<Option<AskedProgram>> = Mutex::new(None);

/// The children of `process`, which is an id or `self`, in any order. Empty if there is no /proc.
pub fn children(process: impl Display) -> Vec<Pid> {
    let mut found = Vec::new();
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    // Each thread can have its own children.
    for task in tasks.into_iter().flatten().flatten() {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for id in listed.split_whitespace().flat_map(str::parse) {
            found.push(Pid::from_raw(id));
        }
    }
    found
}

/// The name of a process, which the kernel cuts off after 15 bytes. Empty if the process is gone or
/// its name isn't UTF-8.
#[cfg(target_os = "linux")]
pub fn process_name(process: Pid) -> String {
    let line = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    line.trim_end().to_owned()
}

/// Ends this process immediately, whatever other threads are doing. Also kills a program that
/// another thread has started since [`kill_program`] was last called. Safe to call at any point.
pub fn end(status: u8) -> ! {
    kill_program();
    // SAFETY: as in `exit_by_signal`.
    unsafe { libc::_exit(status.into()) }
}

/// Ends this process by a signal, as [`end`] does. PID 1 instead exits with status 128 plus the
/// signal's number, because the kernel would drop the signal.
pub fn end_by_signal(signal: Signal) -> ! {
    kill_program();
    if getpid().as_raw() != 1 {
        // A held signal is blocked, so `raise` only makes it pending, and unblocking it ends this
        // process.
        let _ = raise(signal);
        let _ = SigSet::from_iter([signal]).thread_unblock();
    }
    end(128 + signal as u8)
}

/// Our mutexes are never poisoned, because a panic on any thread ends the process.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks [`PROGRAM`]. Store an [`AskedProgram`] there before starting it, so that [`kill_program`]
/// finds the program even while it is starting.
pub fn locked_program() -> MutexGuard<'static, Option<AskedProgram>> {
    locked(&PROGRAM)
}

/// True while a program that we asked for credentials may be prompting the user.
pub fn asks_on_terminal() -> bool {
    locked_program()
        .as_ref()
        .is_some_and(|program| program.terminal.is_some())
}

/// Kills the program that we asked for credentials, and its descendants. Call this before printing
/// the last message, because printing may have to wait for its reader.
///
/// Returns the program, so that the caller can wait until it has ended. Restores the terminal's
/// modes, which the program may have changed to ask for a password.
pub fn kill_program() -> Option<Child> {
    let mut program = locked_program().take()?;
    let id = program
        .child
        .as_ref()
        .map(|child| Pid::from_raw(child.id().cast_signed()));

    let is_running = match &mut program.child {
        Some(child) => matches!(child.try_wait(), Ok(None)),
        // The program is just being started.
        None => true,
    };
    if is_running {
        // If the program's id isn't known yet, the program is this process's only new child.
        let mut started = id.map_or_else(|| children("self"), |id| vec![id]);
        started.retain(|child| !program.earlier.contains(child));
        // If a descendant has just ended and its id has been reused, this kills the wrong process.
        // A pidfd wouldn't close this gap, because it is opened by id as well.
        for process in started.into_iter().flat_map(with_descendants) {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    // A program with its own session leads its own process group.
    let has_own_session = program.terminal.is_none();
    if has_own_session && let Some(id) = id {
        let _ = killpg(id, Signal::SIGKILL);
    }

    if let Some((terminal, modes)) = program.terminal
        && streams::is_foreground(&terminal)
    {
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &modes);
    }
    program.child
}

/// A process, its children, their children, and so on. Without /proc, only the process itself. `sh`
/// runs most commands as a child: if we killed only `sh`, the child would keep reading from the
/// terminal.
fn with_descendants(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    found.extend(children(process).into_iter().flat_map(with_descendants));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_so_that_no_wait_ends_too_early() {
        assert_eq!(timeout(Duration::ZERO), PollTimeout::ZERO);
        assert_eq!(timeout(Duration::from_micros(1)), PollTimeout::from(1_u8));
        assert_eq!(
            timeout(Duration::from_micros(2001)),
            PollTimeout::from(3_u8)
        );
        assert_eq!(timeout(Duration::MAX), PollTimeout::MAX);
    }
}
