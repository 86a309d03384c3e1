//! How this process waits, the signals that end it, and how it ends.
//!
//! The main thread waits in poll(2) while a worker works. Everything that can take a long time,
//! such as a request, a file on a network, or a write whose reader stalls, runs on its own thread.
//! So the main thread can react to a termination signal immediately.
//!
//! ```text
//! main thread   while_working ──▶ tick ──▶ poll(2): the worker's pipe, held signals, a connection, a limit ──▶ tick ──▶ …
//! worker            └─▶ work ───────────────────────────────────────────▶ drops its end of the pipe: the work is done
//! ```
//!
//! The command gets the signal mask and the signal actions as this process inherited them. Three
//! things must not happen: a signal is lost, a signal ends this process before it has cleaned up,
//! or the command inherits our settings.
//!
//! ```text
//! before main      note the action of SIGPIPE, which Rust's runtime ignores; clear the dumpable flag
//!     │
//! block_signals    block the termination signals, unless they were ignored or blocked on entry
//!     │            The main thread polls for them. Each thread inherits the mask, so they don't interrupt the worker.
//!     │            They stay blocked while this process prints, because the kernel drops a signal of PID 1 that is neither
//!     │            blocked nor handled (pid_namespaces(7)).
//!     │
//! restore_signals  put back the inherited mask and actions. A pending signal ends the process here.
//!     │
//! execve           the command starts
//! ```
//!
//! We call a termination signal *held* if [`block_signals`] has blocked it: the signal doesn't end
//! this process before the main thread has seen it. On systems other than Linux, no signal is held.
//!
//! Everything that ends the process calls [`end`]: a signal, the deadline, a panic on any thread,
//! an error, or a subcommand that has done its work.
//!
//! The program that is asked for credentials and the inherited signals are in static variables,
//! because the panic hook can't reach anything else.

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
use crate::model::problem::Status;

/// The signals that a terminal, a service manager or a user sends to end a process.
const TERMINATION: [Signal; 4] = [SIGQUIT, SIGHUP, SIGINT, SIGTERM];

static SIGPIPE_WAS_DEFAULT: AtomicBool = AtomicBool::new(false);

/// The signal mask and actions that this process has inherited and that the command gets. The first
/// call of [`block_signals`] stores them here.
static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

#[used]
// SAFETY: this section is an array of pointers to C functions, which the C runtime calls once
// before `main`.
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Notes the inherited action of SIGPIPE, because Rust's runtime ignores SIGPIPE right before
/// `main`. Also clears the dumpable flag (PR_SET_DUMPABLE), so that no core file is written, and no
/// other process of the user can read the memory.
///
/// The flag has to be cleared early, because a process that has already opened /proc/PID/mem keeps
/// its access. `execve` sets the flag again.
extern "C" fn before_main() {
    SIGPIPE_WAS_DEFAULT.store(has_action(libc::SIGPIPE, libc::SIG_DFL), Ordering::Relaxed);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Holds the termination signals that would end this process: blocks them until
/// [`restore_signals`]. The main thread has to call this function before it starts other threads.
///
/// Also blocks SIGTTOU, so that printing to a terminal (`stty tostop`) doesn't stop a background
/// job, and SIGXFSZ, so that a write beyond the file size limit fails instead of ending the
/// process. Ignores SIGPIPE, so that a write without a reader fails, too. Sets the default action
/// for SIGCHLD, so that no child's status is lost, and for the signals for which
/// [`restore_signals`] has installed a handler.
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

/// Restores the inherited mask and actions, which execve(2) passes on. A termination signal that
/// has arrived since [`block_signals`] ends the process here. [`block_signals`] can be called again
/// afterwards.
///
/// In PID 1, the termination signals first get a handler, which execve(2) resets. Without a
/// handler, the kernel would drop a signal that arrives before execve(2).
///
/// This function only makes async-signal-safe calls, because a child runs it between fork and
/// execve.
pub fn restore_signals() {
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

/// A termination signal that has arrived, but is held: [`block_signals`] has blocked it. The signal
/// stays pending. `None` if no such signal has arrived.
pub fn held_signal() -> Option<Signal> {
    let pending = pending_signals();
    INHERITED
        .get()?
        .to_hold
        .iter()
        .find(|signal| pending.contains(*signal))
}

/// A descriptor that is readable while a signal that [`block_signals`] has blocked is pending
/// (signalfd(2)). It is only polled, never read. `None` before [`block_signals`], and on systems
/// other than Linux.
///
/// # Errors
/// If this process has no free descriptor.
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
    /// The termination signals to hold, which are those that were neither ignored nor blocked. An
    /// ignored signal, such as SIGHUP after nohup(1), must not be blocked: the kernel queues a
    /// blocked signal even if it is ignored, so [`held_signal`] would return it.
    to_hold: SigSet,
    /// True if SIGCHLD was ignored. The kernel then reaps children by itself, and their status is
    /// lost.
    ignores_children: bool,
}

impl InheritedSignals {
    /// Reads the mask and the actions that this process has now.
    fn current() -> Self {
        // Reading the mask can't fail (pthread_sigmask(3)).
        let mask = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
        let mut to_hold = SigSet::empty();
        for signal in TERMINATION {
            // Only Linux has signalfd(2), so no signal is held on other systems.
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

    /// If this process is PID 1, sets the action of each signal in `to_hold` ([`restore_signals`]
    /// says why).
    fn set_actions_of_pid_1(&self, action: libc::sighandler_t) {
        if getpid().as_raw() == 1 {
            for signal in &self.to_hold {
                set_action(signal, action);
            }
        }
    }
}

/// The blocked signals that are pending (sigpending(2)).
pub fn pending_signals() -> SigSet {
    // SAFETY: all-zero is a valid set, and the call writes only to this set.
    unsafe {
        let mut pending: libc::sigset_t = mem::zeroed();
        libc::sigpending(&raw mut pending);
        SigSet::from_sigset_t_unchecked(pending)
    }
}

/// True if the signal has this action at present: SIG_DFL, SIG_IGN or a handler.
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

/// The handler that PID 1 gets for termination signals, because the kernel drops a signal to PID 1
/// if the signal has its default action.
extern "C" fn exit_by_signal(signal: libc::c_int) {
    // SAFETY: _exit can be called at any time, and is async-signal-safe.
    unsafe { libc::_exit(128 + signal) };
}

/// Does `work` on its own thread and returns its result. While the main thread waits, it calls
/// `tick` before each sleep. The result of `tick` is the longest time to sleep, or `None` if there
/// is no limit.
///
/// When a termination signal is held, calls `interrupted`, which has to end this process.
/// `connection` is this process's end of a pipe or connection. If the other end closes, this
/// process ends with status 75 and prints nothing, because only a trial's parent closes its end,
/// and it does so on purpose.
///
/// # Errors
/// If the kernel doesn't provide a thread or a descriptor. In that case, `work` hasn't run.
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
            // Close the pipe, so that poll(2) reports to the main thread that the work is done.
            drop(writer);
            result
        })?;

        loop {
            let limit = tick();

            // The pipe is the first of the files, and the connection is the last.
            let mut files = vec![PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
            if let Some(signals) = &held_signals {
                files.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
            }
            if let Some(connection) = connection {
                // No event is requested here: poll(2) always reports POLLHUP.
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
                // The only error is a panic, and the panic hook has already ended the process.
                return Ok(worker
                    .join()
                    .unwrap_or_else(|_| end(End::Status(Status::Bug as u8), || ())));
            }
            if is_closed {
                end(End::Status(Status::Temporary as u8), || ());
            }
        }
    })
}

/// Does `work`, such as a write whose reader can stall, and waits until it is done. On the main
/// thread, a termination signal ends the process during the work. On any other thread, `work`
/// simply runs, because the main thread is waiting for signals.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let holds_signals = cfg!(target_os = "linux") && INHERITED.get().is_some();
    // std gives this name to the first thread of the process.
    let is_main_thread = thread::current().name() == Some("main");
    // If no signal is blocked, a signal ends the process during the work anyway.
    if !holds_signals || !is_main_thread {
        return work();
    }
    let done = while_working(
        &work,
        None,
        || None,
        |signal| end(End::Signal(signal), || ()),
    );
    // If a thread can't be started, this thread does the work, and a signal has to wait.
    done.unwrap_or_else(|_| work())
}

/// Sleeps until one of the descriptors is readable or at its end, until the time is up, or until
/// poll(2) is interrupted.
pub fn wait_for<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>, limit: Option<Duration>) {
    let mut polled: Vec<PollFd<'_>> = files
        .into_iter()
        .map(|file| PollFd::new(file, PollFlags::POLLIN))
        .collect();
    sleep(&mut polled, limit);
}

/// Waits until one of `files` has an event, until `limit` is over, or until a signal handler has
/// run (poll(2)). Ignores an error, which is usually EINTR: no file has an event then, and callers
/// look at everything again.
fn sleep(files: &mut [PollFd<'_>], limit: Option<Duration>) {
    let _ = poll(files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Converts a duration for poll(2), rounded up to milliseconds so that the time is up when poll(2)
/// returns.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_nanos().div_ceil(1_000_000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

#[derive(Clone, Copy, Debug)]
pub enum End {
    Status(u8),
    /// The process is ended by a termination signal. PID 1 exits with status 128 plus the signal's
    /// number instead, because the kernel discards the signal.
    Signal(Signal),
}

/// A program that is asked for credentials (`credential_process`).
pub struct AskedProgram {
    /// `None` from before fork(2) until execve(2) is known to have succeeded. The program may
    /// already be running.
    pub child: Option<Child>,
    /// The terminal on which the program may ask for a password, and its modes before the program
    /// was started. `None` if the program doesn't have the terminal.
    pub terminal: Option<(File, Termios)>,
}

/// The program that is asked for credentials, until [`kill_program`] takes it. A thread may reap
/// the program only while it holds the lock, or after it has taken the program. Otherwise, a
/// different process that has been given the same id could be killed.
static PROGRAM: Mutex<Option<AskedProgram>> = Mutex::new(None);

/// The children of a process, in any order. `process` is its id, or `self` for this process. Empty
/// if the system doesn't list them, for example without /proc.
pub fn children(process: impl Display) -> Vec<Pid> {
    let mut found = Vec::new();
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    // Look at each thread of the process, because each can have children.
    for task in tasks.into_iter().flatten().flatten() {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for id in listed.split_whitespace().flat_map(str::parse) {
            found.push(Pid::from_raw(id));
        }
    }
    found
}

/// The name of a process, which is at most 15 bytes long. Empty if the process is gone, or if its
/// name isn't UTF-8.
#[cfg(target_os = "linux")]
pub fn process_name(process: Pid) -> String {
    let line = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    line.trim_end().to_owned()
}

/// Ends this process immediately, whatever other threads are doing. Before it calls `print`, whose
/// reader can stall, it kills the program that is asked for credentials.
///
/// If a signal arrives while `print` waits for a reader, this function is called again, which is
/// safe at any point.
pub fn end<T>(how: End, print: impl FnOnce() -> T) -> ! {
    kill_program();
    print();
    // Another thread may have started a program while `print` waited for its reader.
    kill_program();

    let status = match how {
        End::Status(status) => status.into(),
        End::Signal(signal) => {
            if getpid().as_raw() != 1 {
                // A held signal is blocked, so `raise` only makes it pending. Unblocking it then
                // ends this process. PID 1 exits below instead ([`End::Signal`]).
                let _ = raise(signal);
                let _ = SigSet::from_iter([signal]).thread_unblock();
            }
            128 + signal as libc::c_int
        }
    };
    // SAFETY: _exit can be called at any time.
    unsafe { libc::_exit(status) }
}

/// Locks a mutex. It is never poisoned, because a panic on any thread ends the process.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks the variable for the program that is asked for credentials, and returns the guard. Before
/// you start such a program, put an [`AskedProgram`] there, so that [`kill_program`] finds it even
/// if this process ends at that moment.
pub fn locked_program() -> MutexGuard<'static, Option<AskedProgram>> {
    locked(&PROGRAM)
}

/// True while a program that is asked for credentials may be prompting the user on the terminal.
pub fn asks_on_terminal() -> bool {
    locked_program()
        .as_ref()
        .is_some_and(|program| program.terminal.is_some())
}

/// Takes the program that is asked for credentials out of its variable. Unless it has ended, kills
/// it and its descendants. If it has a session of its own, also kills what is left in its process
/// group. If this process is in the foreground of the terminal, also restores the terminal's modes,
/// which the program may have changed to ask for a password. (In the background, the modes are
/// those of a different job.)
///
/// Returns the program, so that the caller can wait for it to end. The result is `None` if there is
/// no such program, or if it is just being started.
pub fn kill_program() -> Option<Child> {
    let mut program = locked_program().take()?;
    let id = program
        .child
        .as_ref()
        .map(|child| Pid::from_raw(child.id().cast_signed()));

    let is_running = match &mut program.child {
        Some(child) => matches!(child.try_wait(), Ok(None)),
        // The program is just being started, so it hasn't ended.
        None => true,
    };
    if is_running {
        let processes = match id {
            Some(id) => with_descendants(id),
            // This process, the first in the list, has only one child: the program.
            None => with_descendants(getpid()).split_off(1),
        };
        // If a descendant has just ended, the kernel may have given its id to another process. Then
        // the wrong process is killed. A pidfd is opened by id as well, so it wouldn't close this
        // gap.
        for process in processes {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    // A program without the terminal has a session of its own, and so a process group.
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

/// `process` itself, which is the first in the list, and, on Linux, its descendants. `sh` runs most
/// commands as a child. If only `sh` were killed, the child would keep reading from the terminal.
fn with_descendants(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    for child in children(process) {
        found.extend(with_descendants(child));
    }
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
