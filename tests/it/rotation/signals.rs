//! Signals to secrets-exec, which forwards each of them once to the command, and not to its
//! workers.

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::record::END;

/// Sends signals one after another, because pending signals would arrive in the order of their
/// numbers.
fn send_each(sandbox: &Sandbox, process: Pid, signals: &[i32]) {
    for number in signals {
        let count = record::lines(sandbox).len();
        running::send(process, *number);
        record::await_lines(sandbox, count + 1);
    }
}

/// Ends the run, and asserts the signals that the command got.
fn assert_signals(sandbox: &Sandbox, process: Pid, running: Running, expected: &[i32]) {
    running::send(process, END);
    running.wait().ended(Status::Exit(3));
    let lines = record::lines(sandbox);
    let numbers = lines[1..].iter().map(|line| line.parse::<i32>().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [expected, &[END]].concat());
}

#[test]
fn with_on_rotation_each_signal_to_secrets_exec_reaches_the_command_exactly_once() {
    let aws = served();
    let sandbox = restarting(&aws).args(["--grace", "0s"]);
    let sandbox = sandbox.command(record::SIGNALS);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    // Signals about children, the terminal and pipes aren't forwarded.
    let not_forwarded = [libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE];
    for number in not_forwarded {
        running::send(process, number);
    }
    let not_sent = [&not_forwarded[..], &[libc::SIGKILL, libc::SIGSTOP]].concat();
    let mut sent: Vec<i32> = (1..32).chain(35..64).collect();
    sent.retain(|number| !not_sent.contains(number));
    sent.extend([libc::SIGTERM; 2]);
    send_each(&sandbox, process, &sent);
    // A signal to the process group of secrets-exec, which it leads, reaches the command only once.
    send_each(&sandbox, Pid::from_raw(-process.as_raw()), &[libc::SIGINT]);
    // A real-time signal that is sent several times reaches the command as often.
    (0..20).for_each(|_| running::send(process, 40));
    sent.extend([&[libc::SIGINT][..], &[40; 20]].concat());
    assert_signals(&sandbox, process, running, &sent);
}

#[test]
fn with_on_rotation_a_signal_reaches_the_command_and_not_its_workers() {
    let aws = served();
    let script =
        "python3 -c \"$1\" & until [ -s record ]; do sleep 0.01; done; exec python3 -c \"$1\"";
    let sandbox = restarting(&aws).args(["--grace", "0s"]);
    let sandbox = sandbox.command(["/bin/sh", "-c", script, "sh", record::SIGNALS[2]]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 2);
    let signals = [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2];
    send_each(&sandbox, running.pid(), &signals);
    running.send(END);
    // The command ends. Its worker gets SIGTERM and SIGCONT only then, and then SIGKILL.
    running.wait().ended(Status::Exit(3));
    let lines = record::lines(&sandbox);
    assert_eq!(lines[2..7], ["15", "1", "10", "12", "64"], "{lines:?}");
}

#[test]
fn with_on_rotation_a_signal_that_was_ignored_before_the_launch_is_not_forwarded() {
    let ignoring = ["env", "--ignore-signal=USR1"];
    let ignoring = or_skip!(skip::wrapper(ignoring, "an ignored signal"));
    let aws = served();
    let sandbox = restarting(&aws).command(record::SIGNALS).through(ignoring);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    running.signal(Signal::SIGUSR1);
    assert_signals(&sandbox, process, running, &[]);
}

#[test]
fn a_signal_that_was_blocked_before_the_launch_is_pending_in_the_command() {
    let blocking = ["env", "--block-signal=TERM"];
    let blocking = or_skip!(skip::wrapper(blocking, "a blocked signal"));
    let aws = served();
    let script = "\
import os, signal, time
print('ready', file=open('record', 'w'))
while signal.SIGTERM not in signal.sigpending(): time.sleep(0.01)
";
    let sandbox = restarting(&aws).through(blocking);
    let sandbox = sandbox.command(["python3", "-c", script]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGTERM);
    running.wait().launched_silently();
}

#[test]
fn pid_1_forwards_each_signal_once_and_ends_with_128_plus_the_fatal_signal() {
    let namespace = or_skip!(skip::pid_1());
    let aws = served();
    let recording = restarting(&aws).through(namespace).command(record::SIGNALS);
    let running = recording.spawn();
    record::await_lines(&recording, 1);
    let process = running.child();
    let ending = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
    let others = [libc::SIGUSR1, libc::SIGTSTP, libc::SIGCONT, libc::SIGSEGV];
    let sent = [&ending[..], &others].concat();
    send_each(&recording, process, &sent);
    assert_signals(&recording, process, running, &sent);

    let sandbox = restarting(&aws).through(namespace);
    let run = Rotating::start(sandbox.script("echo ready > record; exec sleep 60"));
    kill(run.running.child(), Signal::SIGTERM).unwrap();
    run.running.wait().ended(Status::Exit(143));
}
