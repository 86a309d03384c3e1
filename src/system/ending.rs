//! The end of this process, and what has to be settled before it.
//!
//! A signal, the deadline, a panic on any thread and a wrong command line end the process at different places. All of them call
//! [`settle`], which kills the program that is asked for credentials and refuses the connection of systemd, then print, and end by
//! [`by_signal`] or [`exit`]. What they settle is a static, since a panic has nothing else.
//!
//! The termination signals are blocked before the first thread starts, which each thread inherits, so no handler runs while values are
//! resolved: the main thread polls for the signals. They stay blocked while it prints ([`interruptibly`]), since the kernel drops a signal of
//! PID 1 that is neither blocked nor handled (pid_namespaces(7)). For the same reason PID 1 has a handler from [`restore_signals`] to
//! execve(2). On systems other than Linux the signals keep their default action.

#![allow(unsafe_code, reason = "_exit")]

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::{io, thread};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{Pid, getpid};

use super::connection::CredentialConnection;
use super::signals::{self, InheritedSignals};
use super::terminal;

/// A program that is asked for credentials.
pub struct AskedProgram {
    /// `None` from before fork(2) until execve(2) is known to have succeeded: the program may run by then.
    pub child: Option<Child>,
    /// The terminal on which the program may ask for a password, and the modes from before.
    pub terminal: Option<(File, Termios)>,
}

/// The program that is asked for credentials, until [`kill_program`]. Whoever has the lock may reap it: nobody kills another process that
/// got its id.
static PROGRAM: Mutex<Option<AskedProgram>> = Mutex::new(None);

static CONNECTION: OnceLock<CredentialConnection> = OnceLock::new();

static INHERITED: OnceLock<InheritedSignals> = OnceLock::new();

/// Kills the program that is asked for credentials, and refuses the connection unless its value was sent. A second call changes nothing.
///
/// Comes before the last line is printed, whose reader may stall.
pub fn settle() {
    kill_program();
    if let Some(connection) = connection() {
        connection.refuse();
    }
}

/// Ends this process at once (_exit(2)), whatever other threads do.
pub fn exit(status: i32) -> ! {
    settle();
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
}

/// Ends this process by a termination signal: as PID 1, for which the kernel discards it, with status 128 + n.
pub fn by_signal(signal: Signal) -> ! {
    settle();
    if getpid().as_raw() != 1 {
        let _ = raise(signal);
        let _ = SigSet::from_iter([signal]).thread_unblock();
    }
    exit(128 + signal as libc::c_int)
}

/// Takes the connection of systemd's LoadCredential= from standard input, if that is one; with `is_expected` any stream connection.
/// Termination signals are held from then on, so that the connection is refused before a signal ends this process.
///
/// Must be called before anything is printed.
///
/// # Errors
/// When a descriptor cannot be replaced: the connection is refused, and nothing may be printed.
pub fn take_connection(is_expected: bool) -> Result<(), Errno> {
    if !CredentialConnection::is_standard_input(is_expected) {
        return Ok(());
    }
    hold_signals();
    let connection = CredentialConnection::take()?;
    let _ = CONNECTION.set(connection);
    Ok(())
}

/// Returns the connection that [`take_connection`] has taken.
pub fn connection() -> Option<&'static CredentialConnection> {
    CONNECTION.get()
}

/// Blocks the termination signals that would end this process, until [`restore_signals`]. To be called on the main thread before it
/// starts another.
pub fn hold_signals() {
    INHERITED.get_or_init(InheritedSignals::look).hold();
}

/// Restores the inherited mask and dispositions, which execve(2) keeps. A held signal that is pending ends the process here. In PID 1, so
/// does one that arrives later, but before execve(2). Async-signal-safe, since a child calls it between fork and execve. [`hold_signals`] reverts it.
pub fn restore_signals() {
    signals::restore_pipe_signal();
    if let Some(inherited) = INHERITED.get() {
        inherited.restore();
    }
}

/// Returns a held signal that came. It stays pending.
pub fn pending_signal() -> Option<Signal> {
    let pending = signals::pending();
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
pub fn signal_descriptor() -> Result<Option<OwnedFd>, Errno> {
    #[cfg(target_os = "linux")]
    if let Some(InheritedSignals { watched, .. }) = INHERITED.get() {
        use nix::sys::signalfd::{SfdFlags, SignalFd};

        return SignalFd::with_flags(watched, SfdFlags::SFD_CLOEXEC)
            .map(|descriptor| Some(descriptor.into()));
    }
    Ok(None)
}

/// Does `work`, such as a write whose reader may stall, on a thread of its own. A held signal that comes meanwhile ends this process.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let (Ok(Some(signals)), Ok((done, end))) = (signal_descriptor(), io::pipe()) else {
        return work();
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().spawn_scoped(scope, || {
            let _end = end;
            work()
        });
        let Ok(worker) = worker else { return work() };
        loop {
            let mut awaited =
                [&done.as_fd(), &signals.as_fd()].map(|file| PollFd::new(*file, PollFlags::POLLIN));
            let _ = poll(&mut awaited, PollTimeout::NONE);
            if let Some(signal) = pending_signal() {
                by_signal(signal);
            }
            if awaited[0].any() == Some(true) {
                // An error is a panic, whose hook has already ended the process.
                return worker.join().unwrap_or_else(|_| exit(70));
            }
        }
    })
}

/// Returns the program that is asked for credentials, to be set before it is started.
pub fn program() -> MutexGuard<'static, Option<AskedProgram>> {
    PROGRAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True while a program may ask on the terminal.
pub fn asks_on_terminal() -> bool {
    program()
        .as_ref()
        .is_some_and(|program| program.terminal.is_some())
}

/// Kills the program that is asked for credentials, unless it has ended, and its descendants. Restores the terminal's modes, which the
/// program may have changed to ask for a password. Returns the program, which is not reaped yet.
pub fn kill_program() -> Option<Child> {
    let AskedProgram {
        mut child,
        terminal,
    } = program().take()?;
    let has_ended = child
        .as_mut()
        .is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
    if !has_ended {
        let processes = match &child {
            Some(child) => descendants(Pid::from_raw(child.id().cast_signed())),
            // It is being started, and this process has no other child.
            None => descendants(getpid()).split_off(1),
        };
        // The kernel may have given the number of a descendant that has ended since to another process, which is killed then. A pidfd
        // would be opened by number, too, and leave the same gap.
        for process in processes {
            let _ = kill(process, Signal::SIGKILL);
        }
    }
    if let Some((terminal, modes)) = terminal
        && terminal::is_foreground(&terminal)
    {
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &modes);
    }
    child
}

/// Returns a process and, on Linux, its descendants: `sh` runs most commands as a child, which would go on reading from the terminal.
fn descendants(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    // Any thread may have children.
    for task in fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .map(Pid::from_raw);
        found.extend(children.flat_map(descendants));
    }
    found
}
