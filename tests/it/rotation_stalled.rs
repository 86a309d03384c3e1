//! Standard error that nobody reads, with `--on-rotation`.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::record;
use crate::support::running::Running;
use crate::support::sandbox::{self, Sandbox};

/// Fills the pipe that becomes standard error. With an argument `drained`, what comes after that is read into the file `log` once
/// the command is ready; the pipe does not block its writers then, as after a start of Node.js.
const FULL: &str = "\
import os, sys, time
read, write = os.pipe()
os.set_inheritable(read, True)
os.set_blocking(write, False)
for size in (4096, 1):
    try:
        while True: os.write(write, b'-' * size)
    except BlockingIOError:
        pass
if sys.argv[1] == 'drained':
    if os.fork() == 0:
        os.setsid()
        os.close(write)
        os.dup2(os.open('/dev/null', os.O_RDWR), 1)
        os.dup2(1, 2)
        while not os.path.exists('record'): time.sleep(0.01)
        text = open(read, 'rb').read()
        open('log.part', 'wb').write(text.lstrip(b'-'))
        os.rename('log.part', 'log')
        os._exit(0)
else:
    os.set_blocking(write, True)
os.dup2(write, 2)
os.execvp(sys.argv[2], sys.argv[2:])
";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn sandbox(aws: &Aws, reader: &str) -> Sandbox {
    let sandbox = sandbox::sandbox(aws).args(["--on-rotation", "restart", "--poll-interval", "1h"]);
    let sandbox = sandbox.args(["--log-format", "json"]).command(record::SIGNALS);
    sandbox.through(["python3", "-c", FULL, reader])
}

#[allow(unsafe_code, reason = "nix knows no real-time signals")]
fn end(running: &Running) {
    // SAFETY: kill(2) accesses no memory.
    assert_eq!(unsafe { nix::libc::kill(running.pid().as_raw(), 64) }, 0);
}

#[test]
fn a_reader_that_is_stalled_holds_up_no_signal_and_no_end() {
    let aws = served();
    let sandbox = sandbox(&aws, "stalled");
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGUSR1);
    record::await_lines(&sandbox, 2);
    end(&running);
    running.wait().ended(Status::Exit(3));
}

#[test]
fn a_reader_that_is_slow_gets_whole_lines_from_a_pipe_that_does_not_block() {
    let aws = served();
    let sandbox = sandbox(&aws, "drained");
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    end(&running);
    running.wait().ended(Status::Exit(3));
    record::await_fact("the end of the log", || sandbox.path("log").exists());
    let log = fs::read_to_string(sandbox.path("log")).unwrap();
    let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone();
    let events: Vec<_> = log.lines().map(event).collect();
    assert_eq!(events, ["started", "ended"], "{log}");
}
