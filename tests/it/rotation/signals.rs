//! Signals to secrets-exec, which forwards each of them once to the command's process group.

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
    let numbers: Vec<i32> = record::lines(sandbox)
        .iter()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!(numbers, [expected, &[END]].concat());
}

#[test]
fn with_on_rotation_each_signal_to_secrets_exec_reaches_the_command_exactly_once() {
    let aws = served();
    let sandbox = restarting(&aws)
        .args(["--grace", "0s"])
        .command(record::SIGNALS);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    // Signals about children, the terminal and pipes aren't forwarded.
    let not_forwarded = [libc::SIGCHLD, libc::SIGTTIN, libc::SIGTTOU, libc::SIGPIPE];
    not_forwarded
        .iter()
        .for_each(|number| running::send(process, *number));
    let not_sent = [&not_forwarded[..], &[libc::SIGKILL, libc::SIGSTOP]].concat();
    let sent = (1..32)
        .chain(35..64)
        .filter(|number| !not_sent.contains(number));
    let mut sent: Vec<i32> = sent.chain([libc::SIGTERM; 2]).collect();
    send_each(&sandbox, process, &sent);
    // A signal to the process group of secrets-exec, which it leads, reaches the command only once.
    send_each(&sandbox, Pid::from_raw(-process.as_raw()), &[libc::SIGINT]);
    // A real-time signal that is sent several times reaches the command as often.
    (0..20).for_each(|_| running::send(process, 40));
    sent.extend([&[libc::SIGINT][..], &[40; 20]].concat());
    assert_signals(&sandbox, process, running, &sent);
}

#[test]
fn with_on_rotation_a_signal_reaches_every_process_in_the_commands_process_group() {
    let aws = served();
    let script = "python3 -c \"$1\" & python3 -c \"$1\" & trap : USR1 64; wait; wait; wait; exit 3";
    let sandbox = restarting(&aws).command(["/bin/sh", "-c", script, "sh", record::SIGNALS[2]]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 2);
    running.signal(Signal::SIGUSR1);
    let lines = record::await_lines(&sandbox, 4);
    assert_eq!(lines[2..], ["10", "10"], "{lines:?}");
    running.send(END);
    running.wait().ended(Status::Exit(3));
}

#[test]
fn with_on_rotation_a_signal_that_was_ignored_before_the_launch_is_not_forwarded() {
    let ignoring = or_skip!(skip::wrapper(
        ["env", "--ignore-signal=USR1"],
        "an ignored signal"
    ));
    let aws = served();
    let sandbox = restarting(&aws).command(record::SIGNALS).through(ignoring);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    running.signal(Signal::SIGUSR1);
    assert_signals(&sandbox, process, running, &[]);
}

#[test]
fn with_on_rotation_the_command_ignores_and_blocks_the_same_signals_as_without_secrets_exec() {
    let options = [
        "env",
        "--ignore-signal=TTOU,SEGV,INT,CHLD",
        "--block-signal=TTIN,ILL,TERM",
    ];
    let wrapper = or_skip!(skip::wrapper(options, "ignored and blocked signals"));
    let aws = served();
    let sandbox = restarting(&aws).through(wrapper);
    let sandbox = sandbox.command(["grep", "-E", "Sig(Blk|Ign|Cgt|Pnd)", "/proc/self/status"]);
    sandbox
        .run()
        .launched_silently()
        .printed(sandbox.control().stdout());
    sandbox.script("exit 7").run().ended(Status::Exit(7));
}

#[test]
fn with_on_rotation_a_signal_that_was_blocked_before_the_launch_is_pending_in_the_command() {
    let blocking = or_skip!(skip::wrapper(
        ["env", "--block-signal=TERM"],
        "a blocked signal"
    ));
    let aws = served();
    let script = "\
import os, signal, time
print('ready', file=open('record', 'w'))
while signal.SIGTERM not in signal.sigpending(): time.sleep(0.01)
";
    let sandbox = restarting(&aws)
        .through(blocking)
        .command(["python3", "-c", script]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    running.signal(Signal::SIGTERM);
    running.wait().launched_silently();
}

#[test]
fn as_pid_1_secrets_exec_forwards_each_signal_once_and_ends_with_128_plus_the_fatal_signal() {
    let namespace = or_skip!(skip::pid_1());
    let aws = served();
    let recording = restarting(&aws).through(namespace).command(record::SIGNALS);
    let running = recording.spawn();
    record::await_lines(&recording, 1);
    let process = running.child();
    let sent = [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGUSR1,
        libc::SIGTSTP,
        libc::SIGCONT,
        libc::SIGSEGV,
    ];
    send_each(&recording, process, &sent);
    assert_signals(&recording, process, running, &sent);

    let sandbox = restarting(&aws)
        .through(namespace)
        .script("echo ready > record; exec sleep 60");
    let run = Rotating::start(sandbox);
    kill(run.running.child(), Signal::SIGTERM).unwrap();
    run.running.wait().ended(Status::Exit(143));
}
