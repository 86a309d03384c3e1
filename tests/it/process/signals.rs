//! Signals that arrive while a request hangs: those that end the program (see `interrupted`), and those that do not.

use nix::sys::signal::{Signal, kill};

use crate::support::*;

/// A launch whose command creates a file.
fn touching(aws: &Aws) -> Sandbox {
    sandbox(aws).script("touch started")
}

fn has_started(sandbox: &Sandbox) -> bool {
    sandbox.path("started").exists()
}

#[test]
fn a_signal_that_was_ignored_on_entry_stays_ignored() {
    let Some(wrapper) = skip::wrapper(["env", "--ignore-signal=TERM,INT,HUP,QUIT"], "ignored signals") else { return };
    for namespace in [Some(Vec::new()), skip::pid_1().map(Vec::from)].into_iter().flatten() {
        let aws = held();
        let sandbox = touching(&aws).through([&namespace[..], &wrapper].concat());
        let running = sandbox.spawn();
        aws.await_calls(1);
        let process = if namespace.is_empty() { running.pid() } else { running.child() };
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
            kill(process, signal).unwrap();
        }
        aws.release();
        running.wait().launched_silently();
        assert!(has_started(&sandbox), "{namespace:?}");
    }
}

#[test]
fn a_signal_that_was_blocked_on_entry_stays_pending() {
    let Some(wrapper) = skip::wrapper(["env", "--block-signal=TERM"], "a blocked signal") else { return };
    let aws = held();
    let sandbox = touching(&aws).through(wrapper).command(["grep", "ShdPnd", "/proc/self/status"]);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.signal(Signal::SIGTERM);
    aws.release();
    running.wait().launched_silently().printed("ShdPnd:\t0000000000004000\n");
}

#[test]
fn signals_that_end_nothing_by_default_and_a_stop_do_not_end_a_launch() {
    let aws = held();
    let sandbox = touching(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    for signal in [Signal::SIGCHLD, Signal::SIGWINCH, Signal::SIGURG, Signal::SIGCONT, Signal::SIGSTOP] {
        running.signal(signal);
    }
    aws.release();
    running.signal(Signal::SIGCONT);
    running.wait().launched();
    assert!(has_started(&sandbox));
}
