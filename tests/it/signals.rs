//! Signals that arrive while a request hangs: the program dies of them at once, and the command is not started.

use nix::sys::signal::{Signal, kill};

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

const NEW_PID_NAMESPACE: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// A launch that waits for a secret that never comes; its command would create a file.
fn waiting(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).resolve("A=x:k").script("touch started")
}

fn hanging() -> Aws {
    Aws::start().secret("x", Secret::failing(Fault::Hang))
}

fn held() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#).held())
}

fn has_started(sandbox: &Sandbox) -> bool {
    sandbox.path("started").exists()
}

fn ends_it_by_itself(signal: Signal) {
    let aws = hanging();
    let sandbox = waiting(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.ends_by(signal);
    assert!(!has_started(&sandbox));
}

#[test]
fn term_ends_it_by_term() {
    ends_it_by_itself(Signal::SIGTERM);
}

#[test]
fn int_ends_it_by_int() {
    ends_it_by_itself(Signal::SIGINT);
}

#[test]
fn hup_ends_it_by_hup() {
    ends_it_by_itself(Signal::SIGHUP);
}

#[test]
fn quit_ends_it_by_quit() {
    ends_it_by_itself(Signal::SIGQUIT);
}

#[test]
fn term_ends_it_while_credentials_are_awaited() {
    let aws = Aws::start();
    let sandbox = Sandbox::new()
        .endpoint(&aws.endpoint())
        .region("us-east-1")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/hang", aws.address()))
        .resolve("A=x:k")
        .script("touch started");
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.ends_by(Signal::SIGTERM);
    assert!(!has_started(&sandbox));
}

fn ends_it_as_pid_1(signal: Signal) {
    let trial = [&NEW_PID_NAMESPACE[..], &["true"]].concat();
    if !skip::can(&trial, "a signal to PID 1") {
        return;
    }
    let aws = hanging();
    let sandbox = waiting(&aws).through(NEW_PID_NAMESPACE);
    let running = sandbox.spawn();
    aws.await_calls(1);
    kill(running.child(), signal).unwrap();
    running.wait().ended(Status::Exit(128 + signal as i32));
    assert!(!has_started(&sandbox));
}

#[test]
fn term_to_pid_1_is_exit_status_143() {
    ends_it_as_pid_1(Signal::SIGTERM);
}

#[test]
fn int_to_pid_1_is_exit_status_130() {
    ends_it_as_pid_1(Signal::SIGINT);
}

#[test]
fn hup_to_pid_1_is_exit_status_129() {
    ends_it_as_pid_1(Signal::SIGHUP);
}

#[test]
fn quit_to_pid_1_is_exit_status_131() {
    ends_it_as_pid_1(Signal::SIGQUIT);
}

#[test]
fn pid_1_launches_as_any_other_process() {
    let trial = [&NEW_PID_NAMESPACE[..], &["true"]].concat();
    if !skip::can(&trial, "a launch as PID 1") {
        return;
    }
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = Sandbox::new().aws(&aws).resolve("A=x:k").through(NEW_PID_NAMESPACE).script("echo $$ $A; exit 7").run();
    run.ended(Status::Exit(7)).printed("1 v\n");
}

/// Starts a launch through `env` with one option, sends a signal while the request hangs, and releases the answer.
fn survives(option: &str, namespace: &[&str], signal: Signal) {
    let wrapper = [namespace, &["env", option]].concat();
    let trial = [&wrapper[..], &["true"]].concat();
    if !skip::can(&trial, "an ignored or blocked signal") {
        return;
    }
    let aws = held();
    let sandbox = waiting(&aws).through(&wrapper);
    let running = sandbox.spawn();
    aws.await_calls(1);
    let process = match namespace {
        [] => running.pid(),
        _ => running.child(),
    };
    kill(process, signal).unwrap();
    aws.release();
    running.wait().launched_silently();
    assert!(has_started(&sandbox));
}

#[test]
fn a_signal_that_was_ignored_on_entry_stays_ignored() {
    for (option, signal) in [
        ("--ignore-signal=TERM", Signal::SIGTERM),
        ("--ignore-signal=INT", Signal::SIGINT),
        ("--ignore-signal=HUP", Signal::SIGHUP),
        ("--ignore-signal=QUIT", Signal::SIGQUIT),
    ] {
        survives(option, &[], signal);
    }
}

#[test]
fn a_signal_that_was_ignored_on_entry_stays_ignored_by_pid_1() {
    survives("--ignore-signal=TERM", &NEW_PID_NAMESPACE, Signal::SIGTERM);
}

#[test]
fn a_signal_that_was_blocked_on_entry_stays_pending() {
    let wrapper = ["env", "--block-signal=TERM"];
    if !skip::can(&[wrapper[0], wrapper[1], "true"], "a blocked signal") {
        return;
    }
    let aws = held();
    let sandbox = waiting(&aws).through(wrapper).command(["grep", "ShdPnd", "/proc/self/status"]);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.signal(Signal::SIGTERM);
    aws.release();
    let run = running.wait();
    run.launched_silently().printed("ShdPnd:\t0000000000004000\n");
}

#[test]
fn a_second_signal_changes_nothing() {
    let aws = hanging();
    let sandbox = waiting(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.signal(Signal::SIGTERM);
    running.ends_by(Signal::SIGTERM);
}

#[test]
fn a_signal_that_ends_nothing_by_default_does_not_end_it() {
    let aws = held();
    let sandbox = waiting(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    for signal in [Signal::SIGCHLD, Signal::SIGWINCH, Signal::SIGURG, Signal::SIGCONT] {
        running.signal(signal);
    }
    aws.release();
    running.wait().launched();
    assert!(has_started(&sandbox));
}

#[test]
fn stopping_and_continuing_it_loses_nothing() {
    let aws = held();
    let sandbox = waiting(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.signal(Signal::SIGSTOP);
    aws.release();
    running.signal(Signal::SIGCONT);
    running.wait().launched();
    assert!(has_started(&sandbox));
}
