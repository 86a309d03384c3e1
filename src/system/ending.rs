//! The end of this process.
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
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;
use nix::sys::signal::{SigSet, Signal, kill, killpg, raise};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{Pid, getpid};

use super::{streams, systemd};

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
    if let Some(connection) = systemd::connection() {
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
    let is_running = match &mut program.child {
        Some(child) => matches!(child.try_wait(), Ok(None)),
        // The program is just being started.
        None => true,
    };
    if is_running {
        let processes = match &program.child {
            Some(child) => with_descendants(Pid::from_raw(child.id().cast_signed())),
            // This process, the first in the list, has only one child: the program.
            None => with_descendants(getpid()).split_off(1),
        };
        // If a descendant has just ended, the kernel may have given its number to another process.
        // In that case, the wrong process is killed. A pidfd is opened by number as well, so it
        // wouldn't close this gap.
        for process in processes {
            let _ = kill(process, Signal::SIGKILL);
        }
    }

    if program.terminal.is_none()
        && let Some(child) = &program.child
    {
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    }

    if let Some((terminal, modes)) = program.terminal
        && streams::is_foreground(&terminal)
    {
        let _ = tcsetattr(terminal, SetArg::TCSANOW, &modes);
    }
    program.child
}

/// Returns the processes to kill: this one, which comes first, and, on Linux, its descendants. `sh`
/// runs most commands as a child. If only `sh` were killed, the child would keep reading from the
/// terminal.
fn with_descendants(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return found;
    };
    // Every thread can have children.
    for task in tasks.flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for id in children.split_whitespace() {
            if let Ok(id) = id.parse() {
                found.extend(with_descendants(Pid::from_raw(id)));
            }
        }
    }
    found
}
