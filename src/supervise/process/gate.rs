//! The gate: a forked launch waits at it once its values are resolved, until its parent opens it. One that is closed ends the launch.

#![allow(unsafe_code, reason = "a fork, which is sound while there is one thread")]

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork as fork_process, getpid, getppid, setpgid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::options::SignalNumber;
use crate::supervise::event::ExitStatus;
use crate::system::signals;

/// A forked launch, as its parent has it. Dropping the value closes the gate.
pub struct LaunchProcess {
    pub pid: Pid,
    pub phase: LaunchPhase,
    gate: PipeWriter,
    messages: PipeReader,
    /// The beginning of a message.
    received: Vec<u8>,
    is_at_end: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchPhase {
    /// It resolves the values; the parent kills it at this time.
    Resolving(Instant),
    /// It did not end in its time, and got SIGKILL.
    Killed,
    /// It waits at the gate.
    Waiting,
    /// It puts its files in place, and is the command unless only files are replaced.
    Open,
}

/// The launch's ends of the two pipes.
pub struct Gate {
    opening: PipeReader,
    messages: PipeWriter,
    parent: Pid,
}

/// Forks a process that calls `run` and exits with the status that it returns. This process must have one thread; its end closes the gate.
///
/// # Errors
/// When there is no new process, or no descriptor for the pipes.
pub fn fork(kill_at: Instant, run: impl FnOnce(Gate) -> u8) -> io::Result<LaunchProcess> {
    let ((opening, gate), (messages, sender)) = (pipe()?, pipe()?);
    fcntl(&messages, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let parent = getpid();
    // SAFETY: this process has one thread, so the child may call any function.
    match unsafe { fork_process() }? {
        ForkResult::Parent { child: pid } => {
            let phase = LaunchPhase::Resolving(kill_at);
            Ok(LaunchProcess { pid, phase, gate, messages, received: Vec::new(), is_at_end: false })
        }
        ForkResult::Child => {
            // Otherwise the pipes would outlast the parent.
            drop((gate, messages));
            signals::exit(run(Gate { opening, messages: sender, parent }).into())
        }
    }
}

impl LaunchProcess {
    /// Lets the launch go on.
    pub fn open(&mut self) {
        self.phase = LaunchPhase::Open;
        let _ = self.gate.write_all(&[1]);
    }

    pub fn id(&self) -> i32 {
        self.pid.as_raw()
    }

    /// The time until it is overdue.
    pub fn time_left(&self) -> Option<Duration> {
        match self.phase {
            LaunchPhase::Resolving(kill_at) => Some(kill_at.saturating_duration_since(Instant::now())),
            LaunchPhase::Killed | LaunchPhase::Waiting | LaunchPhase::Open => None,
        }
    }

    /// Kills a launch that did not end by itself in its time.
    pub fn kill_if_overdue(&mut self) {
        if matches!(self.phase, LaunchPhase::Resolving(kill_at) if kill_at <= Instant::now()) {
            let _ = kill(self.pid, Signal::SIGKILL);
            self.phase = LaunchPhase::Killed;
        }
    }

    /// Waits for its end, and reaps it.
    pub fn wait(&self) -> ExitStatus {
        match waitpid(self.pid, None) {
            Ok(WaitStatus::Signaled(_, signal, _)) => ExitStatus::Killed(SignalNumber(signal as i32)),
            Ok(WaitStatus::Exited(_, status)) => ExitStatus::Exited(status.to_le_bytes()[0]),
            // Without options there is no other state, and the child is not reaped elsewhere.
            Ok(_) | Err(_) => ExitStatus::Killed(SignalNumber::KILL),
        }
    }

    /// Ends the launch and this process by a termination signal. The launch tells what it waited for, unless it is at the gate.
    pub fn end_both_by(&mut self, signal: Signal) -> ! {
        for signal in [signal, Signal::SIGCONT] {
            let _ = kill(self.pid, signal);
        }
        // One that waits at the gate takes no signal before it is open.
        self.open();
        let _ = waitpid(self.pid, None);
        signals::end_by(signal)
    }

    /// A descriptor that is readable while there is a message or the end of the pipe; `None` after its end.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_at_end).then(|| self.messages.as_fd())
    }

    /// True once the pipe has ended: the launch has executed the command, or it has ended.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Returns the messages that have come.
    pub fn receive<M: DeserializeOwned>(&mut self) -> Vec<M> {
        let mut part = [0; 4096];
        while !self.is_at_end {
            match self.messages.read(&mut part) {
                Ok(0) => self.is_at_end = true,
                Ok(length) => self.received.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.is_at_end = true,
            }
        }
        let whole = self.received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.received.drain(..whole).collect();
        lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
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

    /// Waits until the parent opens the gate, and returns false if the parent closes it. With the gate open, this process gets
    /// `death_signal` when the parent ends; the kernel clears that when a program with a set-uid bit or capabilities is executed (prctl(2)).
    pub fn pass(&self, death_signal: SignalNumber) -> bool {
        if (&self.opening).read_exact(&mut [0]).is_err() {
            return false;
        }
        // SAFETY: the call accesses no memory. nix knows no real-time signals.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::c_ulong::from(death_signal.0.cast_unsigned())) };
        // The parent may have ended before prctl.
        getppid() == self.parent
    }

    /// A pipe that the parent closes to end this process.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.opening.as_fd()
    }

    /// The process id of the parent.
    pub fn parent(&self) -> i32 {
        self.parent.as_raw()
    }

    /// Makes this process the leader of a group of its own, in the background: the terminal's signals are for the command.
    pub fn leave_group(&self) {
        let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    }
}
