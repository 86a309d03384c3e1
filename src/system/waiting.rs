//! How this process waits, and how it ends.
//!
//! It waits in poll(2): for descriptors, and in the main thread while a worker works. Everything
//! that may take a long time, such as a request, a file on a network, or a write whose reader
//! stalls, runs on its own thread. So the main thread can react to a termination signal
//! immediately.
//!
//! ```text
//! main thread   while_working ──▶ poll(2): the worker's pipe, held signals, the other end, a time limit ──▶ react ──▶ …
//! worker            └─▶ work ───────────────────────────────────────────▶ drops its end of the pipe: the work is done
//! ```
//!
//! Everything that ends the process calls [`end`]: a signal, the deadline, a panic on any thread,
//! an invalid command line, or a command that has done its work. The order of its steps matters,
//! because the reader of the last line may stall:
//!
//! ```text
//! kill the program that is asked for credentials ─▶ refuse systemd's connection ─▶ print the last line ─▶ end by the signal or the status
//! ```
//!
//! The program is in a static variable, like systemd's connection (`systemd`) and the inherited
//! signals (`signals`), because the panic hook can't reach anything else.

#![allow(unsafe_code, reason = "_exit")]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill, killpg, raise};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{Pid, getpid};

use super::{signals, systemd};

/// The size of the worker's stack in bytes. Only the part that the worker uses takes up memory.
/// MiniJinja recurses for each operator: a template of 16 KiB needs 6 MB, and 15 MB in a build
/// without optimization.
const STACK_SIZE: usize = 32 * 1024 * 1024;

/// Something that the main thread reacts to while it waits.
pub enum WaitEvent {
    /// The main thread is about to sleep.
    Sleep,
    /// A held signal has arrived. It stays pending.
    Signal(Signal),
    /// The other end of the pipe or connection was closed.
    OtherEndClosed,
}

/// Does `work` on its own thread and returns its result. The main thread waits and calls `react`
/// for each event. For [`WaitEvent::Sleep`], `react` returns the longest time to sleep. For other
/// events, it may end this process, and its result is ignored. `connection` is this process's end
/// of a pipe or connection. When the other end closes, `react` gets [`WaitEvent::OtherEndClosed`].
///
/// # Errors
/// If the kernel doesn't provide a thread or a descriptor. In that case, the work has not been
/// done.
pub fn while_working<T: Send>(
    work: impl FnOnce() -> T + Send,
    connection: Option<BorrowedFd<'_>>,
    mut react: impl FnMut(WaitEvent) -> Option<Duration>,
) -> io::Result<T> {
    let held_signals = signals::descriptor()?;
    let (done, not_done) = io::pipe()?;
    thread::scope(|scope| {
        let work_to_end = move || {
            let result = work();
            // From now on, poll(2) reports that `done` has ended.
            drop(not_done);
            result
        };
        let builder = thread::Builder::new().stack_size(STACK_SIZE);
        let worker = builder.spawn_scoped(scope, work_to_end)?;

        loop {
            let limit = react(WaitEvent::Sleep);
            let mut files = vec![PollFd::new(done.as_fd(), PollFlags::POLLIN)];
            let watched = held_signals.iter().map(AsFd::as_fd);
            files.extend(watched.map(|file| PollFd::new(file, PollFlags::POLLIN)));
            // No event is requested here: poll(2) always reports POLLHUP.
            files.extend(connection.map(|file| PollFd::new(file, PollFlags::empty())));
            sleep(&mut files, limit);

            if let Some(signal) = signals::held_signal() {
                react(WaitEvent::Signal(signal));
            }
            if files.first().and_then(PollFd::any) == Some(true) {
                // The only error is a panic, and the panic hook has already ended the process.
                let joined = worker.join();
                return Ok(joined.unwrap_or_else(|_| end(End::Status(70), || ())));
            }
            if connection.is_some() && files.last().and_then(PollFd::any) == Some(true) {
                react(WaitEvent::OtherEndClosed);
            }
        }
    })
}

/// Does `work`, such as a write whose reader may stall, and waits until it is done. If the main
/// thread calls this, a held signal ends the process during the work. If another thread calls it,
/// the main thread is waiting for signals anyway.
pub fn interruptibly<T: Send>(work: impl Fn() -> T + Sync) -> T {
    // std gives this name to the first thread of the process.
    let is_main_thread = thread::current().name() == Some("main");
    // If no signals are held, the kernel ends the process. On another thread, the main thread
    // reacts to them.
    if !signals::are_held() || !is_main_thread {
        return work();
    }
    let done = while_working(&work, None, |event| match event {
        WaitEvent::Signal(signal) => end(End::Signal(signal), || ()),
        WaitEvent::Sleep | WaitEvent::OtherEndClosed => None,
    });
    // If a thread can't be started, this thread does the work, and a signal has to wait.
    done.unwrap_or_else(|_| work())
}

/// Sleeps until one of the descriptors is readable or at its end, or until the time is up.
pub fn wait_for<'a>(files: impl IntoIterator<Item = BorrowedFd<'a>>, limit: Option<Duration>) {
    let files = files.into_iter();
    let mut polled = Vec::from_iter(files.map(|file| PollFd::new(file, PollFlags::POLLIN)));
    sleep(&mut polled, limit);
}

/// Calls poll(2). The only error that can happen is EINTR, and then no descriptor has an event.
fn sleep(files: &mut [PollFd<'_>], limit: Option<Duration>) {
    let _ = poll(files, limit.map_or(PollTimeout::NONE, timeout));
}

/// Converts a duration for poll(2), rounded up to milliseconds so that the time is up when poll(2)
/// returns. The longest timeout is about 24 days.
fn timeout(limit: Duration) -> PollTimeout {
    let milliseconds = limit.as_micros().div_ceil(1000);
    PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX)
}

/// The way in which this process ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Status(u8),
    /// By a termination signal. PID 1 exits with 128 + n instead, because the kernel discards the
    /// signal.
    Signal(Signal),
}

/// A program that is asked for credentials (`credential_process`).
pub struct AskedProgram {
    /// `None` from before fork(2) until execve(2) is known to have succeeded. The program may
    /// already be running.
    pub child: Option<Child>,
    /// The terminal on which the program may ask for a password, and its modes before the program
    /// was started.
    pub terminal: Option<(File, Termios)>,
}

/// The program that is asked for credentials, until [`kill_program`] takes it. Only the holder of
/// the lock may reap it, so that nobody kills another process that has been given the same id.
static PROGRAM: Mutex<Option<AskedProgram>> = Mutex::new(None);

/// Ends this process immediately, whatever other threads are doing. Before it calls `print`, it
/// kills the program that is asked for credentials, and refuses systemd's connection unless the
/// value was sent.
///
/// If a signal arrives while `print` waits for a reader, this function is called again, which is
/// safe at any point.
pub fn end<T>(how: End, print: impl FnOnce() -> T) -> ! {
    kill_program();
    if let Some(connection) = systemd::CONNECTION.get() {
        connection.refuse();
    }

    print();
    // Another thread may have started a program while `print` waited for its reader.
    kill_program();

    let status = match how {
        End::Status(status) => status.into(),
        End::Signal(signal) => {
            if getpid().as_raw() != 1 {
                // A held signal is blocked, so it ends the process when it is unblocked.
                let _ = raise(signal);
                let _ = SigSet::from_iter([signal]).thread_unblock();
            }
            128 + signal as libc::c_int
        }
    };
    // SAFETY: _exit can be called at any time.
    unsafe { libc::_exit(status) }
}

/// Locks the variable for the program that is asked for credentials, and returns the guard. Before
/// you start such a program, put it there, so that [`kill_program`] finds it even if this process
/// ends at that moment.
pub fn locked_program() -> MutexGuard<'static, Option<AskedProgram>> {
    PROGRAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True while a program may be asking the user on the terminal.
pub fn asks_on_terminal() -> bool {
    let is_on_terminal = |program: &AskedProgram| program.terminal.is_some();
    locked_program().as_ref().is_some_and(is_on_terminal)
}

/// Kills the program that is asked for credentials, and its descendants, unless the program has
/// ended. If it has a session of its own, also kills what it has left behind in its process group.
/// If this process is in the foreground of the terminal, also restores the terminal's modes, which
/// the program may have changed to ask for a password. From the background, the change would stop
/// this process (SIGTTOU).
///
/// Returns the program, so that the caller can wait for it to end. The result is `None` if there
/// isn't a program, or if it is just being started.
pub fn kill_program() -> Option<Child> {
    let mut program = locked_program().take()?;
    let child = program.child.as_mut();
    let id = child
        .as_ref()
        .map(|child| Pid::from_raw(child.id().cast_signed()));
    // If there isn't a child, the program is just being started.
    if child.is_none_or(|child| matches!(child.try_wait(), Ok(None))) {
        let processes = match id {
            Some(id) => with_descendants(id),
            // This process, the first in the list, has only one child: the program.
            None => with_descendants(getpid()).split_off(1),
        };
        // If a descendant has just ended, the kernel may have given its number to another process.
        // Then the wrong process is killed. A pidfd is opened by number as well, so it wouldn't
        // close this gap.
        for process in processes {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    if program.terminal.is_none()
        && let Some(id) = id
    {
        let _ = killpg(id, Signal::SIGKILL);
    }

    if let Some((terminal, modes)) = program.terminal
        && signals::is_foreground(&terminal)
    {
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &modes);
    }
    program.child
}

/// Returns the processes to kill: `process` itself, which is the first one, and, on Linux, its
/// descendants. `sh` runs most commands as a child. If only `sh` were killed, the child would keep
/// reading from the terminal.
fn with_descendants(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    // Every thread can have children.
    for task in tasks.into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for id in children.split_whitespace().flat_map(str::parse) {
            found.extend(with_descendants(Pid::from_raw(id)));
        }
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
