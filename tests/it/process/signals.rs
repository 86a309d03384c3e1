//! Signals that don't end a launch while a request hangs. `interrupted` has those that do.

use nix::sys::signal::{Signal, kill};

use crate::support::*;

#[test]
fn a_waiting_launch_survives_signals_that_are_ignored_blocked_or_harmless_by_default() {
    let blocking = ["env", "--block-signal=TERM"];
    let blocking = or_skip!(skip::wrapper(blocking, "ignored and blocked signals"));
    let ignoring = ["env", "--ignore-signal=TERM,INT,HUP,QUIT"];
    let namespace = skip::pid_1().map(Vec::from).unwrap_or_default();
    let as_pid_1 = [&namespace[..], &ignoring].concat();
    let ending = "SIGTERM SIGINT SIGHUP SIGQUIT";
    let harmless = "SIGCHLD SIGWINCH SIGURG SIGSTOP SIGCONT";
    for (case, wrapper, signals, pending) in [
        ("ignored", &ignoring[..], ending, "0"),
        ("ignored by PID 1", &as_pid_1, ending, "0"),
        ("blocked, and pending", &blocking, "SIGTERM", "4000"),
        ("harmless, and a stop", &["env"], harmless, "0"),
    ] {
        let aws = held();
        let launch = sandbox(&aws).through(wrapper).case(case);
        let status = ["grep", "ShdPnd", "/proc/self/status"];
        let running = launch.command(status).spawn();
        aws.await_calls(1);
        let is_pid_1 = wrapper.len() > ignoring.len();
        let process = if is_pid_1 {
            running.child()
        } else {
            running.pid()
        };
        for signal in signals.split(' ') {
            kill(process, signal.parse::<Signal>().unwrap()).unwrap();
        }
        aws.release();
        let run = running.wait();
        run.launched_silently()
            .printed(format!("ShdPnd:\t{pending:0>16}\n"));
    }
}
