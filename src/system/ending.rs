//! The end of this process.
//!
//! A signal, the deadline, a panic on any thread, a wrong command line and the end of a command's work all end the process by [`end`]. It
//! first kills the program that is asked for credentials and refuses systemd's connection, because the reader of the last line may
//! stall. Then it prints, and ends by the signal or the status.
//!
//! The program is a static, as are the connection (`systemd`) and the inherited signals (`signals`), since a panic has nothing else.

#![allow(unsafe_code, reason = "_exit")]

use std::fs::{self, File};
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::libc;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::termios::{SetArg, Termios, tcsetattr};
use nix::unistd::{Pid, getpid};

use super::{systemd, terminal};

/// The way in which this process ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Status(u8),
    /// By a termination signal: as PID 1, for which the kernel discards it, with status 128 + n.
    Signal(Signal),
}

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

/// Ends this process immediately, whatever other threads do. Before `print` it kills the program that is asked for credentials, and
/// refuses systemd's connection unless its value was sent.
///
/// A signal that comes while `print` waits for a reader calls this function again, which changes nothing that is settled.
pub fn end<T>(how: End, print: impl FnOnce() -> T) -> ! {
    kill_program();
    if let Some(connection) = systemd::taken() {
        connection.refuse();
    }

    print();
    // While `print` waited for a reader, another thread may have asked the first program.
    kill_program();

    let status = match how {
        End::Status(status) => status.into(),
        End::Signal(signal) => {
            if getpid().as_raw() != 1 {
                let _ = raise(signal);
                let _ = SigSet::from_iter([signal]).thread_unblock();
            }
            128 + signal as libc::c_int
        }
    };
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(status) }
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
