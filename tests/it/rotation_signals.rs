//! Signals that reach secrets-exec with `--on-rotation`: forwarded to the command's process group, each once.

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::record;
use crate::support::running::Running;
use crate::support::sandbox::{self, Sandbox};
use crate::support::skip;

const NEW_PID_NAMESPACE: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// The signal that ends [`record::SIGNALS`] with status 3.
const END: i32 = 64;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn sandbox(aws: &Aws) -> Sandbox {
    sandbox::sandbox(aws).args(["--on-rotation", "restart", "--poll-interval", "1h"])
}

/// A run of a command that records its signals.
fn recording(aws: &Aws) -> Sandbox {
    sandbox(aws).command(record::SIGNALS)
}

#[allow(unsafe_code, reason = "nix knows no real-time signals")]
fn send(process: Pid, number: i32) {
    // SAFETY: kill(2) accesses no memory.
    assert_eq!(unsafe { libc::kill(process.as_raw(), number) }, 0, "signal {number}");
}

/// Ends the run, and asserts the signals that the command got.
fn got(sandbox: &Sandbox, running: Running, expected: &[i32]) {
    send(running.pid(), END);
    running.wait().ended(Status::Exit(3));
    let numbers: Vec<i32> = record::lines(sandbox).iter().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, [expected, &[END]].concat());
}

#[test]
fn each_signal_reaches_the_command_once() {
    let aws = served();
    let sandbox = recording(&aws);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let own = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE];
    let sent: Vec<i32> = (1..32).chain(35..64).filter(|number| !own.contains(number)).collect();
    for (at, number) in sent.iter().enumerate() {
        send(running.pid(), *number);
        // One at a time, since pending signals come in the order of their numbers.
        record::await_lines(&sandbox, at + 2);
    }
    got(&sandbox, running, &sent);
}

#[test]
fn signals_about_children_the_terminal_and_pipes_are_not_forwarded() {
    let aws = served();
    let sandbox = recording(&aws);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    for number in [libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE] {
        send(running.pid(), number);
    }
    got(&sandbox, running, &[]);
}

#[test]
fn a_real_time_signal_that_is_sent_several_times_reaches_the_command_as_often() {
    let aws = served();
    let sandbox = recording(&aws);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    for _ in 0..20 {
        send(running.pid(), 40);
    }
    got(&sandbox, running, &[40; 20]);
}

#[test]
fn the_whole_process_group_of_the_command_gets_a_signal() {
    let aws = served();
    let script = "python3 -c \"$1\" & python3 -c \"$1\" & trap : USR1 64; wait; wait; wait; exit 3";
    let command = ["/bin/sh", "-c", script, "sh", record::SIGNALS[2]];
    let sandbox = sandbox(&aws).command(command);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 2);
    running.signal(Signal::SIGUSR1);
    let lines = record::await_lines(&sandbox, 4);
    assert_eq!(lines[2..], ["10", "10"], "{lines:?}");
    send(running.pid(), END);
    running.wait().ended(Status::Exit(3));
}

#[test]
fn a_signal_to_our_own_process_group_reaches_the_command_once() {
    let aws = served();
    let sandbox = recording(&aws);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    // The run is the leader of its group.
    send(Pid::from_raw(-running.pid().as_raw()), libc::SIGINT);
    record::await_lines(&sandbox, 2);
    got(&sandbox, running, &[libc::SIGINT]);
}

#[test]
fn term_to_a_command_that_ignores_it_ends_nothing() {
    let aws = served();
    let sandbox = recording(&aws).args(["--grace", "0s"]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    for count in 2..5 {
        running.signal(Signal::SIGTERM);
        record::await_lines(&sandbox, count);
    }
    got(&sandbox, running, &[libc::SIGTERM; 3]);
}

#[test]
fn a_command_that_a_forwarded_signal_kills_gives_128_and_its_number() {
    let aws = served();
    for (signal, status) in
        [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129), (Signal::SIGUSR1, 138)]
    {
        let sandbox = sandbox(&aws).script("echo ready > record; exec sleep 60");
        let running = sandbox.spawn();
        record::await_lines(&sandbox, 1);
        running.signal(signal);
        running.wait().ended(Status::Exit(status));
    }
}

#[test]
fn a_signal_that_was_ignored_on_entry_stays_ignored() {
    if !skip::can(&["env", "--ignore-signal=USR1", "true"], "an ignored signal") {
        return;
    }
    let aws = served();
    let sandbox = recording(&aws).through(["env", "--ignore-signal=USR1"]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGUSR1);
    got(&sandbox, running, &[]);
}

#[test]
fn the_command_inherits_ignored_and_blocked_signals() {
    let options = ["env", "--ignore-signal=TTOU,SEGV,INT,CHLD", "--block-signal=TTIN,ILL,TERM"];
    if !skip::can(&[options[0], options[1], options[2], "true"], "ignored and blocked signals") {
        return;
    }
    let aws = served();
    let sandbox = sandbox(&aws).through(options).command(["grep", "-E", "Sig(Blk|Ign|Cgt|Pnd)", "/proc/self/status"]);
    let run = sandbox.run();
    run.launched_silently().printed(sandbox.control().stdout());
}

#[test]
fn the_exit_status_is_known_even_if_children_were_ignored_on_entry() {
    if !skip::can(&["env", "--ignore-signal=CHLD", "true"], "an ignored SIGCHLD") {
        return;
    }
    let aws = served();
    sandbox(&aws).through(["env", "--ignore-signal=CHLD"]).script("exit 7").run().ended(Status::Exit(7));
}

#[test]
fn a_signal_that_was_blocked_on_entry_is_pending_in_the_command() {
    if !skip::can(&["env", "--block-signal=TERM", "true"], "a blocked signal") {
        return;
    }
    let aws = served();
    let script = "\
import os, signal, time
print('ready', file=open('record', 'w'))
while signal.SIGTERM not in signal.sigpending(): time.sleep(0.01)
";
    let sandbox = sandbox(&aws).through(["env", "--block-signal=TERM"]).command(["python3", "-c", script]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGTERM);
    running.wait().launched_silently();
}

#[test]
fn a_termination_signal_while_resolving_ends_it_by_that_signal() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let sandbox = sandbox(&aws).script("touch started");
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.ends_by(Signal::SIGTERM);
    assert!(!sandbox.path("started").exists());
}

#[test]
fn pid_1_forwards_each_signal_once() {
    let trial = [&NEW_PID_NAMESPACE[..], &["true"]].concat();
    if !skip::can(&trial, "a signal to PID 1") {
        return;
    }
    let aws = served();
    let sandbox = recording(&aws).through(NEW_PID_NAMESPACE);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let sent = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGTSTP, libc::SIGCONT, libc::SIGSEGV];
    for (at, number) in sent.iter().enumerate() {
        send(running.child(), *number);
        record::await_lines(&sandbox, at + 2);
    }
    send(running.child(), END);
    running.wait().ended(Status::Exit(3));
    let expected: Vec<String> = sent.iter().chain([&END]).map(ToString::to_string).collect();
    assert_eq!(record::lines(&sandbox)[1..], expected);
}

#[test]
fn pid_1_ends_with_128_and_the_number_of_the_signal_that_killed_the_command() {
    let trial = [&NEW_PID_NAMESPACE[..], &["true"]].concat();
    if !skip::can(&trial, "a signal to PID 1") {
        return;
    }
    let aws = served();
    let sandbox = sandbox(&aws).through(NEW_PID_NAMESPACE).script("echo ready > record; exec sleep 60");
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    kill(running.child(), Signal::SIGTERM).unwrap();
    running.wait().ended(Status::Exit(143));
}
