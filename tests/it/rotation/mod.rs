//! `--on-rotation`: the command is restarted, signalled or stopped when a secret has changed. Most
//! runs poll only when they get SIGUSR2, and their command records its starts.

mod changes;
mod clock;
mod files;
mod grace;
mod left;
mod less;
mod log;
mod memory;
mod polls;
mod process;
mod restart;
mod signals;
mod terminal;

use std::fs;

use nix::sys::signal::Signal;

use crate::support::*;

::rows::rows!("tests/it/rotation/launch.rows");

/// Records `start`, the value of `A` and its process id, and sleeps.
pub const SLEEPER: &str = "echo start $A $$ >> record; exec sleep 1000";

pub struct Rotating {
    pub sandbox: Sandbox,
    pub running: Running,
}

pub fn secret(version: &'static str, value: &str) -> Secret {
    Secret::text(&format!(r#"{{"k":"{value}"}}"#)).with_id(version)
}

/// A service whose secret `x` has the version `v1` with the value `one-4c7a1e`.
pub fn first_version() -> Aws {
    Aws::start().secret("x", secret("v1", "one-4c7a1e"))
}

/// A run of [`SLEEPER`] with the key `k` of the secret `x` in `A`.
pub fn rotating(aws: &Aws, rotation: &str) -> Sandbox {
    polled_on_request(sandbox(aws), rotation).script(SLEEPER)
}

/// A run with the key `k` of the secret `x` in `A`. Its first poll comes after half an hour or
/// later.
pub fn restarting(aws: &Aws) -> Sandbox {
    sandbox(aws).args(["--on-rotation", "restart", "--poll-interval", "1h"])
}

/// Adds `--on-rotation` with a mode, and perhaps with further options after it. Polls happen when
/// the run gets SIGUSR2, and otherwise after half an hour or later.
pub fn polled_on_request(sandbox: Sandbox, rotation: &str) -> Sandbox {
    let options = format!("--poll-interval 1h --poll-signal USR2 --on-rotation {rotation}");
    sandbox.args(options.split(' '))
}

/// A local file whose secret `x` has this value in its key `k`, after the canary.
pub fn local_secret(value: &str) -> String {
    format!(r#"{{"x":{{"k":"{CANARY}/{value}"}}}}"#)
}

/// A run like [`rotating`] with the value `one` of a local file.
pub fn rotating_locally(rotation: &str) -> Sandbox {
    let sandbox = Sandbox::new().local(&local_secret("one")).resolve("A=x:k");
    polled_on_request(sandbox, rotation).script(SLEEPER)
}

impl Rotating {
    /// Starts the run, and waits for the first line of the record.
    pub fn start(sandbox: Sandbox) -> Self {
        let running = sandbox.spawn();
        record::await_lines(&sandbox, 1);
        Self { sandbox, running }
    }

    /// Changes the secret `x`, and polls.
    pub fn rotate(&self, aws: &Aws, version: &'static str, value: &str) {
        aws.rotate("x", secret(version, value));
        self.poll(aws);
    }

    pub fn request(&self) {
        self.running.signal(Signal::SIGUSR2);
    }

    /// Requests a poll, and waits until its launch has ended or waits at the gate. A poll begins at
    /// least a second after the last one.
    pub fn poll(&self, aws: &Aws) {
        let before = aws.calls().len();
        self.request();
        aws.await_calls(before + 1);
        self.await_rest();
    }

    /// Waits until this process and its children have one thread each, and all of them sleep. A
    /// launch that reads secrets has two threads.
    pub fn await_rest(&self) {
        // This process comes last, because a message of a launch wakes it up.
        record::await_fact("rest", || {
            let processes = [self.children(), vec![self.running.pid().to_string()]].concat();
            processes.iter().all(|process| sleeps_alone(process))
        });
    }

    /// The process ids of the children: the command, and perhaps a launch that reads secrets or
    /// waits at the gate.
    pub fn children(&self) -> Vec<String> {
        let children = format!("task/{}/children", self.running.pid());
        let children = self.running.proc(&children);
        // After the end of the run, the list is empty.
        let children = fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().map(str::to_owned).collect()
    }

    /// Waits until the record has this many lines, and splits each line into words.
    pub fn await_lines(&self, count: usize) -> Vec<Vec<String>> {
        let lines = record::await_lines(&self.sandbox, count).into_iter();
        lines
            .map(|line| line.split(' ').map(str::to_owned).collect())
            .collect()
    }

    /// The second word of each line of the record.
    pub fn values(&self, count: usize) -> Vec<String> {
        let lines = self.await_lines(count).into_iter();
        lines.map(|words| words[1].clone()).collect()
    }

    /// The process id of the command that wrote a line of the record.
    pub fn command(&self, line: usize) -> String {
        self.await_lines(line + 1)[line][2].clone()
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox.path(name)).unwrap()
    }

    /// Ends a run of [`record::SIGNALS`]. Asserts the signals that the command got, and its starts,
    /// which appear as `ready`.
    pub fn end_and_assert_record(self, expected: &[&str]) -> Outcome {
        self.running.send(record::END);
        let outcome = self.running.wait();
        outcome.ended(Status::Exit(3));
        let lines = record::lines(&self.sandbox);
        let words = lines.iter().map(|line| line.split(' ').next().unwrap());
        assert_eq!(words.collect::<Vec<_>>(), expected, "{outcome}");
        outcome
    }

    /// Sends SIGTERM, and waits for the end.
    pub fn end(self) -> Outcome {
        self.running.signal(Signal::SIGTERM);
        self.running.wait()
    }
}

/// True if a process has a single thread, which sleeps, or if the process is gone.
fn sleeps_alone(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(") ") else {
        return true;
    };
    // The fields are the state, and the number of threads (proc_pid_stat(5)).
    fields.starts_with("S ") && fields.split(' ').nth(17) == Some("1")
}
