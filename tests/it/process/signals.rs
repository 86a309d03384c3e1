//! Signals that don't end a launch while a request hangs. `interrupted` has those that do.

use nix::sys::signal::{Signal, kill};

use crate::support::*;

#[test]
fn a_waiting_launch_survives_signals_that_are_ignored_blocked_or_harmless_by_default() {
    if !skip::can(
        &["env", "--block-signal=TERM", "true"],
        "ignored and blocked signals",
    ) {
        return;
    }
    let ignoring = ["env", "--ignore-signal=TERM,INT,HUP,QUIT"];
    let ending = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ];
    let harmless = [
        Signal::SIGCHLD,
        Signal::SIGWINCH,
        Signal::SIGURG,
        Signal::SIGCONT,
        Signal::SIGSTOP,
    ];
    let namespace = skip::pid_1().map(Vec::from).unwrap_or_default();
    for (case, wrapper, signals, pending) in [
        (
            "ignored",
            ignoring.to_vec(),
            &ending[..],
            "0000000000000000",
        ),
        (
            "ignored by PID 1",
            [&namespace[..], &ignoring].concat(),
            &ending,
            "0000000000000000",
        ),
        (
            "blocked, and pending in the command",
            vec!["env", "--block-signal=TERM"],
            &ending[..1],
            "0000000000004000",
        ),
        (
            "harmless, and a stop",
            vec!["env"],
            &harmless,
            "0000000000000000",
        ),
    ] {
        let aws = held();
        let launch = sandbox(&aws)
            .through(wrapper)
            .command(["grep", "ShdPnd", "/proc/self/status"])
            .case(case);
        let running = launch.spawn();
        aws.await_calls(1);
        let process = if case.contains("PID 1") && !namespace.is_empty() {
            running.child()
        } else {
            running.pid()
        };
        for signal in signals {
            kill(process, *signal).unwrap();
        }
        aws.release();
        kill(process, Signal::SIGCONT).unwrap();
        running
            .wait()
            .launched_silently()
            .printed(format!("ShdPnd:\t{pending}\n"));
    }
}
