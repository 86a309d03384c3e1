//! `credential_process` in a poll: its end is its own thread's to await, and it does not outlive secrets-exec.

use std::fs;

use nix::libc;
use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::record;
use crate::support::running::Running;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A run that polls only when it gets SIGUSR2, and whose credentials expire so soon that each poll needs others. `script` precedes the
/// output of `credential_process`, which adds a line to `runs` each time.
fn sandbox(aws: &Aws, script: &str) -> Sandbox {
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"{ACCESS_SECRET}","Expiration":"'$(date -u -d '+9 seconds' +%Y-%m-%dT%H:%M:%SZ)'"}}"#
    );
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    let sandbox =
        sandbox.executable("credentials.sh", format!("#!/bin/sh\n{script}\necho run >> runs\necho '{answer}'\n"));
    let config = format!("[default]\ncredential_process = {}\n", sandbox.path("credentials.sh").display());
    let sandbox = sandbox.home_file(".aws/config", &config);
    sandbox.args(["--on-rotation", "restart", "--poll-interval", "1h", "--poll-signal", "USR2"])
}

fn runs(sandbox: &Sandbox) -> usize {
    fs::read_to_string(sandbox.path("runs")).unwrap_or_default().lines().count()
}

/// Ends the command, and asserts that nothing was said.
#[allow(unsafe_code, reason = "nix knows no real-time signals")]
fn end(running: Running) {
    // SAFETY: kill(2) accesses no memory.
    assert_eq!(unsafe { libc::kill(running.pid().as_raw(), 64) }, 0);
    let run = running.wait();
    run.ended(Status::Exit(3));
    assert!(run.stderr.is_empty(), "{run}");
}

#[test]
fn each_poll_awaits_the_program_itself() {
    let aws = served();
    let sandbox = sandbox(&aws, "").command(record::SIGNALS);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    for count in 2..5 {
        running.signal(Signal::SIGUSR2);
        aws.await_calls(count);
    }
    assert!(runs(&sandbox) >= 4, "not at each poll");
    end(running);
}

#[test]
fn the_program_ends_with_secrets_exec() {
    let aws = served();
    let hang = "if [ -e runs ]; then sleep 300 & echo $! > hanging; echo $$ >> hanging; wait; fi";
    let sandbox = sandbox(&aws, hang).command(record::SIGNALS);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGUSR2);
    let mut hanging = String::new();
    record::await_fact("a hanging program", || {
        hanging = fs::read_to_string(sandbox.path("hanging")).unwrap_or_default();
        hanging.lines().count() == 2
    });
    end(running);
    for process in hanging.lines() {
        let status = format!("/proc/{process}/status");
        record::await_fact("the end of the program", || {
            fs::read_to_string(&status).map_or(true, |status| status.contains("State:\tZ"))
        });
    }
}
