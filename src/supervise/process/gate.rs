//! The gate of a forked launch. The launch waits there once its values are resolved, until its parent opens the gate; a closed gate ends
//! it.

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
use crate::model::options::SignalNumber;
use crate::supervise::state::ExitStatus;
use crate::system::ending::{End, end};

/// A forked launch, as its parent has it. Dropping the value closes the gate.
pub struct LaunchProcess {
    pub pid: Pid,
    gate: PipeWriter,
    /// `None` after the end of the pipe: the launch has executed the command, or it has ended.
    messages: Option<PipeReader>,
    /// The beginning of a message.
    received: Vec<u8>,
}

/// The launch's ends of the two pipes.
pub struct Gate {
    opening: PipeReader,
    messages: PipeWriter,
    pub parent: Pid,
}

/// Forks a process that calls `run`, and exits with the status that it returns. This process must have one thread; its end closes the
/// gate. SIGALRM ends a launch that is not at the gate within `limit`, for example because it writes to a file system that hangs.
///
/// # Errors
/// When there is no new process, or no descriptor for the pipes.
pub fn fork(limit: Duration, run: impl FnOnce(Gate) -> u8) -> io::Result<LaunchProcess> {
    let ((opening, gate), (messages, sender)) = (pipe()?, pipe()?);
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
            // Otherwise the pipes would outlast the parent.
            drop((gate, messages));
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
    /// Lets the launch go on.
    pub fn open(&mut self) {
        let _ = self.gate.write_all(&[1]);
    }

    /// Sends a termination signal, also to a launch that is stopped or at the gate, where it would not look for one.
    pub fn terminate(&mut self, signal: Signal) {
        for signal in [signal, Signal::SIGCONT] {
            let _ = kill(self.pid, signal);
        }
        self.open();
    }

    /// Waits for its end, and reaps it.
    pub fn wait(&self) -> ExitStatus {
        match state_change(self.pid.as_raw(), 0) {
            Some((_, StateChange::Ended(status))) => status,
            // Without options there is no other state, and the child is not reaped elsewhere.
            Some((_, StateChange::Suspended(_) | StateChange::Continued)) | None => {
                ExitStatus::Killed(SignalNumber::KILL)
            }
        }
    }

    /// A descriptor that is readable while there is a message or the end of the pipe; `None` after its end, when the launch has executed
    /// the command, or is about to be reaped.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.messages.as_ref().map(AsFd::as_fd)
    }

    /// Returns the messages that have come.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        if let Some(messages) = &mut self.messages {
            // What comes before the error is received as well.
            let read = messages.read_to_end(&mut self.received);
            if !read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                self.messages = None;
            }
        }
        let mut messages = serde_json::Deserializer::from_slice(&self.received).into_iter();
        let complete = messages.by_ref().map_while(Result::ok).collect();
        let length = messages.byte_offset();
        self.received.drain(..length);
        complete
    }
}

impl Gate {
    /// Sends a message: one line of JSON, in one write.
    pub fn send(&self, message: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(message) {
            line.push(b'\n');
            let _ = (&self.messages).write_all(&line);
        }
    }

    /// Sends `ready`, and waits until the parent opens the gate; returns false if the parent closes it. From then on this process gets
    /// `death_signal` when the parent ends, unless it executes a program with a set-uid bit or capabilities (prctl(2)).
    pub fn await_opening(&self, ready: &impl Serialize, death_signal: SignalNumber) -> bool {
        alarm::cancel();
        self.send(ready);
        if (&self.opening).read_exact(&mut [0]).is_err() {
            return false;
        }
        // SAFETY: the call accesses no memory. nix knows no real-time signals.
        unsafe {
            libc::prctl(
                libc::PR_SET_PDEATHSIG,
                libc::c_ulong::from(death_signal.0.cast_unsigned()),
            )
        };
        // The parent may have ended before prctl.
        getppid() == self.parent
    }

    /// A pipe that the parent closes to end this process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.opening.as_fd()
    }

    /// Makes this process the leader of a group of its own, in the background: the terminal's signals are for the command.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}
