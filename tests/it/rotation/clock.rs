//! A clock that is set, and a machine that sleeps: the time between polls is that of CLOCK_MONOTONIC, which neither changes.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use super::*;
use crate::support::record::SIGNALS;

/// A library that adds to a clock the seconds in the file `clock-N` of the working directory, where N is the clock's number.
const CLOCKS: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    char name[32];
    long seconds = 0;
    snprintf(name, sizeof name, "clock-%d", (int)clock);
    FILE *file = fopen(name, "r");
    if (file) {
        fscanf(file, "%ld", &seconds);
        fclose(file);
    }
    int result = syscall(SYS_clock_gettime, clock, time);
    time->tv_sec += seconds;
    return result;
}
"#;

/// Sets clocks forward or back, which appears to the run as one step.
fn set(sandbox: &Sandbox, clocks: &[&str], seconds: i64) {
    for clock in clocks {
        fs::write(sandbox.path("draft"), seconds.to_string()).unwrap();
        fs::rename(sandbox.path("draft"), sandbox.path(clock)).unwrap();
    }
}

/// Wakes up the process that stays, by a signal that it forwards, and waits until a poll, if one begins, is over.
fn wake(run: &Rotating, count: usize) {
    run.running.signal(Signal::SIGUSR1);
    assert_eq!(run.awaits(1 + count)[count], ["10"]);
    run.rest();
}

/// A launch with clocks that can be set; `None` where it cannot be. It is of cargo's program, since a static one loads no library.
fn with_clocks(sandbox: Sandbox) -> Option<Sandbox> {
    if cfg!(target_feature = "crt-static") {
        skip::skipped("clocks that are set: cargo makes a static program here");
        return None;
    }
    if !skip::can(&["cc", "--version"], "clocks that are set") {
        return None;
    }
    let sandbox = sandbox.file("clocks.c", CLOCKS);
    let library = sandbox.path("clocks.so");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-w", "-o"])
        .args([&library, &sandbox.path("clocks.c")]);
    assert!(compiler.status().unwrap().success());
    let exec = format!(
        "shift; exec '{}' \"$@\"",
        env!("CARGO_BIN_EXE_secrets-exec")
    );
    Some(sandbox.env("LD_PRELOAD", library).prepared_by(&exec))
}

#[test]
fn polls_that_keep_failing_are_warned_of_again_every_hour() {
    let aws = first_version();
    let Some(sandbox) = with_clocks(rotating(&aws, "restart")) else {
        return;
    };
    let run = Rotating::start(sandbox);
    aws.delete("x");
    // The first poll of each hour warns.
    for hours in [0, 0, 1, 1, 2] {
        set(&run.sandbox, &["clock-1"], hours * 60 * 60);
        run.poll(&aws);
    }
    let outcome = run.end();
    let stderr = outcome.stderr();
    let warnings: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("warning: "))
        .collect();
    let later = "secrets-exec: warning: polls have failed since 20";
    assert!(
        matches!(warnings[..], [_, two, three] if two.starts_with(later) && three.starts_with(later)),
        "{outcome}"
    );
    outcome.says(["warning: a poll failed, so \"/bin/sh\" keeps its values: "]);
}

#[test]
fn no_poll_comes_early_or_twice_when_the_clock_is_set_or_the_machine_sleeps() {
    /// CLOCK_REALTIME, and CLOCK_BOOTTIME, which goes on while the machine sleeps.
    const OTHERS: [&str; 2] = ["clock-0", "clock-7"];
    const DAY: i64 = 24 * 60 * 60;
    let aws = first_version();
    let Some(sandbox) = with_clocks(rotating(&aws, "restart").command(SIGNALS)) else {
        return;
    };
    let run = Rotating::start(sandbox);
    set(&run.sandbox, &OTHERS, -10 * DAY);
    wake(&run, 1);
    set(&run.sandbox, &OTHERS, 10 * DAY);
    wake(&run, 2);
    assert_eq!(aws.calls().len(), 1);
    // The interval is an hour.
    set(&run.sandbox, &["clock-1"], DAY);
    wake(&run, 3);
    aws.await_calls(2);
    wake(&run, 4);
    let dates: Vec<String> = aws
        .calls()
        .iter()
        .map(|call| call.header("x-amz-date").unwrap().to_owned())
        .collect();
    // The poll is signed with the time of the clock that was set.
    assert!(
        dates.len() == 2 && dates[0][..8] < dates[1][..8],
        "{dates:?}"
    );
    run.recorded(&["ready", "10", "10", "10", "10", "64"]);
}
