//! A run that has started: its signals, its files in `/proc`, and its outcome, for which a test
//! waits under a hard limit.

#![allow(
    unsafe_code,
    reason = "the harness resets its signals, and signals are sent by number"
)]

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SigHandler, Signal, kill, killpg, signal};
use nix::unistd::Pid;

use crate::support::outcome::{Expectations, Outcome, Status};
use crate::support::scene::Scene;

pub struct Running {
    pid: Pid,
    ended: Receiver<Status>,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
    limit: Duration,
    expectations: Expectations,
    scene: Arc<Scene>,
}

impl Running {
    /// Starts a command in its own process group, with this standard input. It is killed at the
    /// limit.
    pub fn start(
        mut command: Command,
        stdin: Option<Vec<u8>>,
        limit: Duration,
        expectations: Expectations,
    ) -> Self {
        let scene = Arc::new(Scene::from_command(&command, expectations.files.clone()));
        DEFAULT_SIGNALS.call_once(stop_ignoring_signals);
        command.process_group(0);
        let mut child = command.spawn().unwrap();
        if let (Some(mut pipe), Some(content)) = (child.stdin.take(), stdin) {
            // The program may end without reading its input.
            thread::spawn(move || drop(pipe.write_all(&content)));
        }
        Self {
            pid: Pid::from_raw(child.id().cast_signed()),
            stdout: child.stdout.take().map_or_else(nothing, collect),
            stderr: child.stderr.take().map_or_else(nothing, collect),
            ended: end_of(child),
            limit,
            expectations,
            scene,
        }
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.pid))
    }

    /// The only child of the process, if the process is a wrapper that forks, as unshare does.
    pub fn child(&self) -> Pid {
        let children = self.proc(&format!("task/{}/children", self.pid));
        let children = std::fs::read_to_string(children).unwrap();
        Pid::from_raw(children.trim().parse().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Sends a signal by its number, which may be a real-time signal.
    pub fn send(&self, number: i32) {
        send(self.pid, number);
    }

    /// Sends a signal, waits, and asserts that the run died of the signal.
    #[track_caller]
    pub fn ends_by(self, signal: Signal) -> Outcome {
        self.signal(signal);
        let outcome = self.wait();
        outcome.ended(Status::Signal(signal as i32));
        outcome
    }

    /// Waits for the end, at most until the limit, and asserts what must be true of every run
    /// ([`Outcome::keeps_to`]).
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let status = self.ended.recv_timeout(self.limit);
        match status {
            // Processes that the run has left behind aren't killed.
            Ok(_) => self.ended = mpsc::channel().1,
            Err(_) => killpg(self.pid, Signal::SIGKILL).unwrap(),
        }
        let outcome = Outcome {
            case: self.expectations.case.clone(),
            pid: self.pid,
            status: status.unwrap_or(Status::TimedOut),
            stdout: self.output(&self.stdout),
            stderr: self.output(&self.stderr),
            scene: Arc::clone(&self.scene),
        };
        outcome.keeps_to(&self.expectations);
        outcome
    }

    fn output(&self, pipe: &Receiver<Vec<u8>>) -> Vec<u8> {
        match pipe.recv_timeout(self.limit) {
            Ok(output) => output,
            Err(_) => panic!("something still holds the output of {} open", self.pid),
        }
    }
}

/// Kills the process group of a run that was not awaited, or whose test has failed.
impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() || matches!(self.ended.try_recv(), Err(TryRecvError::Empty)) {
            // The group may be gone already.
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

/// Sends a signal by its number, because nix doesn't support real-time signals.
pub fn send(process: Pid, number: i32) {
    // SAFETY: kill(2) accesses no memory.
    let status = unsafe { libc::kill(process.as_raw(), number) };
    assert_eq!(status, 0, "signal {number}");
}

/// Makes sure that each child starts with the default actions of all signals.
static DEFAULT_SIGNALS: Once = Once::new();

/// Stops ignoring the signals that nohup or a shell's `&` may have told the test harness to ignore,
/// because a child would inherit that. The harness changes its own signals: a step between fork and
/// exec would keep std from using posix_spawn(3), which takes a fraction of the time in a process
/// with this much memory. SIGPIPE stays ignored here, and std resets it in each child.
fn stop_ignoring_signals() {
    use Signal::{SIGBUS, SIGKILL, SIGPIPE, SIGSEGV, SIGSTOP};

    for number in Signal::iterator() {
        // std has handlers for SIGSEGV and SIGBUS.
        if !matches!(number, SIGBUS | SIGKILL | SIGPIPE | SIGSEGV | SIGSTOP) {
            // SAFETY: SIG_DFL installs no handler.
            unsafe { signal(number, SigHandler::SigDfl) }.unwrap();
        }
    }
}

/// Waits for a child on a thread, which then sends how the child ended.
fn end_of(mut child: Child) -> Receiver<Status> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(Status::from(child.wait().unwrap())));
    receiver
}

/// The output of a stream that isn't a pipe.
fn nothing() -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    sender.send(Vec::new()).unwrap();
    receiver
}

/// Reads a stream on a thread, which sends everything at the end of the stream.
fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut output = Vec::new();
        pipe.read_to_end(&mut output).unwrap();
        sender.send(output)
    });
    receiver
}
