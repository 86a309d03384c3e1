//! Reports tests that this machine cannot run.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};
use std::{env, thread};

/// Reports the calling test as skipped, on standard error and in the file that `tests/skips` lists.
///
/// It writes past the capture of the test harness, which would hide the line.
pub fn skipped(reason: &str) {
    // libtest names a test's thread after the test.
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let reason: Vec<&str> = reason.split_whitespace().collect();
    let line = format!("{test}: {}\n", reason.join(" "));
    std::io::stderr().write_all(format!("SKIPPED: {line}").as_bytes()).unwrap();
    if let Some(file) = env::var_os("SECRETS_EXEC_SKIPPED") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// Returns whether a command succeeds here; reports the calling test as skipped when it does not.
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
