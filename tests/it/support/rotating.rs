//! Runs with `--on-rotation` that poll only when they get SIGUSR2, of a command that records its starts.

use std::fs;

use nix::sys::signal::Signal;

use super::aws::Aws;
use super::outcome::Outcome;
use super::record;
use super::running::Running;
use super::sandbox::{Sandbox, sandbox};

/// Records `start`, the value of `A` and its process id, and sleeps.
pub const SLEEPER: &str = "echo start $A $$ >> record; exec sleep 1000";

/// A started run.
pub struct Rotating {
    pub sandbox: Sandbox,
    pub running: Running,
}

/// A run of [`SLEEPER`] with the key `k` of the secret `x` in `A`.
pub fn rotating(aws: &Aws, mode: &str) -> Sandbox {
    polled_on_request(sandbox(aws), mode).script(SLEEPER)
}

pub fn polled_on_request(sandbox: Sandbox, mode: &str) -> Sandbox {
    sandbox.args(["--on-rotation", mode, "--poll-interval", "1h", "--poll-signal", "USR2"])
}

impl Rotating {
    /// Starts the run, and waits for the first line of the record.
    pub fn start(sandbox: Sandbox) -> Self {
        let running = sandbox.spawn();
        record::await_lines(&sandbox, 1);
        Self { sandbox, running }
    }

    /// Asks for a poll.
    pub fn request(&self) {
        self.running.signal(Signal::SIGUSR2);
    }

    /// Asks for a poll, and waits for its end, with which its watchdog's thread ends.
    pub fn poll(&self, aws: &Aws) {
        let before = aws.calls().len();
        self.request();
        aws.await_calls(before + 1);
        record::await_fact("the end of a poll", || !self.is_watched());
    }

    /// The number of threads: those of the event loop and of polls, and the one that writes lines.
    pub fn threads(&self) -> usize {
        fs::read_dir(self.running.proc("task")).map_or(0, Iterator::count)
    }

    /// True while a poll has its watchdog.
    fn is_watched(&self) -> bool {
        // None are found once the run has ended.
        let threads = fs::read_dir(self.running.proc("task")).into_iter().flatten().flatten();
        let mut names = threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        names.any(|name| name.trim_end() == "watchdog")
    }

    /// Waits until the record has this many lines, and returns their words.
    pub fn awaits(&self, count: usize) -> Vec<Vec<String>> {
        let lines = record::await_lines(&self.sandbox, count);
        lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    /// The second word of each line of the record.
    pub fn values(&self, count: usize) -> Vec<String> {
        self.awaits(count).into_iter().map(|words| words[1].clone()).collect()
    }

    /// The process id of the command that wrote a line of the record.
    pub fn command(&self, line: usize) -> String {
        self.awaits(line + 1)[line][2].clone()
    }

    /// The text of a file in the working directory.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox.path(name)).unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.sandbox.path(name).exists()
    }

    /// Sends SIGTERM, and waits for the end.
    pub fn end(self) -> Outcome {
        self.running.signal(Signal::SIGTERM);
        self.running.wait()
    }
}
