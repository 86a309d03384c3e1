//! Tells loudly which tests this machine cannot run.

use std::io::Write;
use std::process::{Command, Stdio};

/// Goes past the capture of the test harness: a skipped test must not look like a passed one.
pub fn skipped(reason: &str) {
    let line = format!("SKIPPED: {reason}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Whether a command can be run here with success; says what is skipped when it cannot.
pub fn can(command: &[&str], skips: &str) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let possible = status.is_ok_and(|status| status.success());
    if !possible {
        skipped(&format!("{skips}: {command:?} does not work here"));
    }
    possible
}
