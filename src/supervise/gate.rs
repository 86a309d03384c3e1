//! The gate of a forked launch. Once its values are resolved, the launch waits there until its
//! parent opens the gate. If the parent closes the gate or ends, the launch ends, too.
//!
//! Two pipes connect parent and launch:
//!
//! ```text
//! parent                                        launch
//!   LaunchProcess.gate      ── one byte ─────▶   Gate.opening     the gate is open
//!                           ── end of file ──▶                    the gate is closed: the launch ends
//!   LaunchProcess.messages  ◀─ JSON, a line ──   Gate.messages    what the launch reports
//!                              a message
//!                           ◀─ end of file ───                    the launch has executed the command, or has ended
//! ```
//!
//! Both pipes have FD_CLOEXEC, so execve(2) closes the launch's ends. Two things must not happen:
//! that a launch outlives its parent while it waits, or that it becomes the command although the
//! gate wasn't opened.

#![allow(
    unsafe_code,
    reason = "a fork, which is sound while there is one thread"
)]

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, alarm, fork as fork_process, getpid, getppid, setpgid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::job::{StateChange, state_change};
use super::state::ExitStatus;
use crate::model::options::SignalNumber;
use crate::system::ending::{End, end};

/// The parent's side of a forked launch. Dropping the value closes the gate.
pub struct LaunchProcess {
    pub pid: Pid,
    gate: PipeWriter,
    /// `None` after the end of the pipe. The launch has executed the command, or it has ended.
    messages: Option<PipeReader>,
    /// The beginning of a message that hasn't arrived completely.
    received: Vec<u8>,
}

/// The launch's side: its ends of the two pipes, and the id of its parent.
pub struct Gate {
    opening: PipeReader,
    messages: PipeWriter,
    pub parent: Pid,
}

/// Forks a process that calls `run` and exits with the status that `run` returns. The calling
/// process must have only one thread.
///
/// SIGALRM ends a launch that doesn't reach the gate within `limit`, for example because it is
/// writing to a file system that hangs.
///
/// # Errors
/// If the kernel can't create the process or the pipes.
pub fn fork(limit: Duration, run: impl FnOnce(Gate) -> u8) -> io::Result<LaunchProcess> {
    // The launch waits until a byte arrives through the first pipe. It sends its messages through
    // the second one.
    let (opening, gate) = pipe()?;
    let (messages, sender) = pipe()?;
    fcntl(&messages, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;

    let parent = getpid();
    // SAFETY: this process has one thread, so the child may call any function.
    match unsafe { fork_process() }? {
        ForkResult::Parent { child: pid } => Ok(LaunchProcess {
            pid,
            gate,
            messages: Some(messages),
            received: Vec::new(),
        }),
        ForkResult::Child => {
            // Otherwise the parent's ends would stay open after the parent has ended.
            drop((gate, messages));
            // With 0 seconds, alarm(2) would not set an alarm.
            alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1));
            let status = run(Gate {
                opening,
                messages: sender,
                parent,
            });
            end(End::Status(status), || ())
        }
    }
}

impl LaunchProcess {
    /// Opens the gate, so that the launch goes on. Does nothing if the launch has ended.
    pub fn open_gate(&mut self) {
        let _ = self.gate.write_all(&[1]);
    }

    /// Sends a termination signal to the launch and continues it if it is stopped. A launch at its
    /// gate doesn't look for signals, so the gate is opened: the launch then finds the signal
    /// pending and ends before it executes the command. Doesn't wait for the launch to end.
    pub fn terminate(&mut self, signal: Signal) {
        for signal in [signal, Signal::SIGCONT] {
            let _ = kill(self.pid, signal);
        }
        self.open_gate();
    }

    /// Waits for the launch to end, reaps it and returns its status.
    pub fn wait(&self) -> ExitStatus {
        match state_change(self.pid.as_raw(), 0) {
            Some((_, StateChange::Ended(status))) => status,
            // waitpid(2) was called without options, so it reports no other state, and nobody else
            // reaps this child.
            Some((_, StateChange::Suspended(_) | StateChange::Continued)) | None => {
                ExitStatus::Killed(SignalNumber::KILL)
            }
        }
    }

    /// Returns a descriptor that is readable while there is a message, or at the end of the pipe.
    /// The result is `None` once [`Self::receive`] has read the end: the launch has executed the
    /// command, or is about to be reaped.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.messages.as_ref().map(AsFd::as_fd)
    }

    /// Returns the messages that have arrived completely. Doesn't wait. Closes the pipe at its end.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        if let Some(messages) = &mut self.messages {
            // The bytes that were read before an error are also in `received`.
            let read = messages.read_to_end(&mut self.received);
            if !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                self.messages = None;
            }
        }

        let mut parsed = serde_json::Deserializer::from_slice(&self.received).into_iter();
        let complete = parsed.by_ref().map_while(Result::ok).collect();
        // The beginning of a message that hasn't arrived completely stays.
        let length = parsed.byte_offset();
        self.received.drain(..length);
        complete
    }
}

impl Gate {
    /// Sends a message as one line of JSON. Waits while the pipe is full. Does nothing if the
    /// parent has ended.
    pub fn send(&self, message: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = (&self.messages).write_all(&line);
        }
    }

    /// Sends `ready` and waits until the parent opens the gate, for as long as that takes. Returns
    /// false if the parent closes the gate or has ended. The time limit of [`fork`] ends here.
    ///
    /// From then on, this process gets `death_signal` when the parent ends, unless it executes a
    /// program with a set-uid bit or capabilities (prctl(2)).
    pub fn await_opening(&self, ready: &impl Serialize, death_signal: SignalNumber) -> bool {
        alarm::cancel();
        self.send(ready);
        if (&self.opening).read_exact(&mut [0]).is_err() {
            return false;
        }
        let signal = libc::c_ulong::from(death_signal.0.cast_unsigned());
        // SAFETY: the call doesn't access memory. (nix doesn't support real-time signals.)
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
        // The parent may have ended before the call of prctl.
        getppid() == self.parent
    }

    /// Returns the pipe that the parent closes to end this process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.opening.as_fd()
    }

    /// Moves this process into a process group of its own, which isn't the foreground job, because
    /// the terminal's signals are for the command.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}
