//! A clock that is set, and a machine that sleeps. Polls follow CLOCK_MONOTONIC, which isn't
//! affected by either.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use super::*;
use crate::support::record::SIGNALS;

/// A library that adds seconds to a clock. It reads their number from the file `clock-N` of the
/// working directory, where N is the number of the clock.
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

/// Sets clocks forward or back. For the run, this is a single step.
fn set(sandbox: &Sandbox, clocks: &[&str], seconds: i64) {
    for clock in clocks {
        fs::write(sandbox.path("draft"), seconds.to_string()).unwrap();
        fs::rename(sandbox.path("draft"), sandbox.path(clock)).unwrap();
    }
}

/// Wakes up secrets-exec with a signal that it forwards. If a poll begins, waits until it is over.
fn wake(run: &Rotating, count: usize) {
    run.running.signal(Signal::SIGUSR1);
    assert_eq!(run.await_lines(1 + count)[count], ["10"]);
    run.await_rest();
}

/// A launch with clocks that can be set. It uses the program that cargo built, because a static
/// program doesn't load libraries. Returns `None` if that isn't possible here.
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
    let compiler = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-o"])
        .args([&library, &sandbox.path("clocks.c")])
        .status();
    assert!(compiler.unwrap().success());
    let program = env!("CARGO_BIN_EXE_secrets-exec");
    let exec = format!("shift; exec '{program}' \"$@\"");
    Some(sandbox.env("LD_PRELOAD", library).prepared_by(&exec))
}

#[test]
fn a_warning_is_repeated_every_hour_while_polls_keep_failing() {
    let aws = first_version();
    let sandbox = or_skip!(with_clocks(rotating(&aws, "restart")));
    let run = Rotating::start(sandbox);
    aws.delete("x");
    // The first failed poll of each hour prints a warning.
    for hours in [0, 0, 1, 1, 2] {
        set(&run.sandbox, &["clock-1"], hours * 60 * 60);
        run.poll(&aws);
    }
    let outcome = run.end();
    let stderr = outcome.stderr();
    let count = |warning: &str| stderr.matches(&format!("warning: {warning}")).count();
    let first = "a poll failed, so \"/bin/sh\" keeps its values: ";
    let counts = (count(""), count(first), count("polls have failed since 20"));
    assert_eq!(counts, (3, 1, 2), "{outcome}");
}

#[test]
fn no_poll_comes_early_or_twice_if_the_clock_is_set_or_the_machine_sleeps() {
    /// CLOCK_REALTIME, and CLOCK_BOOTTIME, which continues while the machine sleeps.
    const OTHERS: [&str; 2] = ["clock-0", "clock-7"];
    const DAY: i64 = 24 * 60 * 60;
    let aws = first_version();
    let sandbox = or_skip!(with_clocks(rotating(&aws, "restart").command(SIGNALS)));
    let run = Rotating::start(sandbox);
    set(&run.sandbox, &OTHERS, -10 * DAY);
    wake(&run, 1);
    set(&run.sandbox, &OTHERS, 10 * DAY);
    wake(&run, 2);
    assert_eq!(aws.calls().len(), 1);
    // The poll interval is an hour.
    set(&run.sandbox, &["clock-1"], DAY);
    wake(&run, 3);
    aws.await_calls(2);
    wake(&run, 4);
    let [first, second] = aws.calls().try_into().expect("two requests");
    // The poll is signed with the time of the clock that was set.
    let day = |call: &Call| call.header("x-amz-date").unwrap()[..8].to_owned();
    assert!(day(&first) < day(&second));
    run.end_and_assert_record(&["ready", "10", "10", "10", "10", "64"]);
}
