//! The start of the command in a process group of its own.

#![allow(unsafe_code, reason = "a fork, after which only async-signal-safe functions are called")]

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, pipe2, read, setpgid, tcsetpgrp, write};

use super::signals::InheritedSignals;
use crate::model::options::SignalNumber;
use crate::system::os_error::SpawnError;

/// The state of the process that becomes the command.
pub struct Attributes<'a> {
    pub signals: &'a InheritedSignals,
    /// The signal that it gets when this process ends before it (PR_SET_PDEATHSIG). The kernel forgets it when a program with a set-uid
    /// bit or capabilities is executed.
    pub parent_death_signal: SignalNumber,
    /// The terminal of which the command becomes the foreground job.
    pub terminal: Option<BorrowedFd<'a>>,
}

/// Starts a process, which calls `execute`. Returns once a program is executed, or nothing has started.
///
/// The caller is the main thread: the parent-death signal comes at the end of the thread that forked.
///
/// # Errors
/// When there is no new process, or `execute` returned.
pub fn spawn(attributes: &Attributes<'_>, execute: impl FnOnce() -> Errno) -> Result<Pid, SpawnError> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(SpawnError::NoProcess)?;
    let parent = getpid();
    // SAFETY: the child calls only async-signal-safe functions, by the contract of `execute` as well, and ends with _exit.
    match unsafe { fork() }.map_err(SpawnError::NoProcess)? {
        ForkResult::Child => {
            let errno = become_command(attributes, parent, execute);
            let _ = write(&writer, &(errno as i32).to_ne_bytes());
            // SAFETY: _exit has no preconditions.
            unsafe { libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            // In both processes, since either may be the first to need it. EACCES after execve.
            let _ = setpgid(child, child);
            drop(writer);
            match read_errno(&reader) {
                None => Ok(child),
                Some(errno) => {
                    let _ = waitpid(child, None);
                    Err(SpawnError::NotExecuted(errno))
                }
            }
        }
    }
}

/// Runs in the child. Signals are blocked until the last step.
fn become_command(attributes: &Attributes<'_>, parent: Pid, execute: impl FnOnce() -> Errno) -> Errno {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    // SAFETY: the call accesses no memory. nix knows no real-time signals.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, attributes.parent_death_signal.0) };
    if getppid() != parent {
        // The parent ended before prctl.
        // SAFETY: _exit has no preconditions.
        unsafe { libc::_exit(127) }
    }
    if let Some(terminal) = attributes.terminal {
        // SIGTTOU, which a background process gets for this, is blocked.
        let _ = tcsetpgrp(terminal, getpid());
    }
    attributes.signals.restore();
    execute()
}

/// Returns the errno that the child wrote; `None` if execve has closed the pipe.
fn read_errno(pipe: &OwnedFd) -> Option<Errno> {
    let mut number = [0; 4];
    // No signal interrupts it, and a pipe passes four bytes on in one piece.
    (read(pipe, &mut number) == Ok(number.len())).then(|| Errno::from_raw(i32::from_ne_bytes(number)))
}
