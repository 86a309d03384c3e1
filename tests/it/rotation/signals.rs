//! Signals that reach secrets-exec: forwarded to the command's process group, each once.

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::record::END;

/// Sends signals one at a time, since pending ones come in the order of their numbers.
fn send_each(sandbox: &Sandbox, process: Pid, signals: &[i32]) {
    for number in signals {
        let count = record::lines(sandbox).len();
        running::send(process, *number);
        record::await_lines(sandbox, count + 1);
    }
}

/// Ends the run, and asserts the signals that the command got.
fn got(sandbox: &Sandbox, process: Pid, running: Running, expected: &[i32]) {
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
fn each_signal_to_secrets_exec_reaches_the_command_once_and_ends_nothing_by_itself() {
    let aws = served();
    let sandbox = restarting(&aws)
        .args(["--grace", "0s"])
        .command(record::SIGNALS);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    // Signals about children, the terminal and pipes are not forwarded.
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
    // A signal to our own process group, which the run leads, reaches the command once.
    send_each(&sandbox, Pid::from_raw(-process.as_raw()), &[libc::SIGINT]);
    // A real-time signal that is sent several times reaches the command as often.
    (0..20).for_each(|_| running::send(process, 40));
    sent.extend([&[libc::SIGINT][..], &[40; 20]].concat());
    got(&sandbox, process, running, &sent);
}

#[test]
fn a_signal_to_secrets_exec_reaches_every_process_of_the_commands_group() {
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
fn a_signal_that_was_ignored_before_the_launch_is_not_forwarded_to_the_command() {
    let Some(ignoring) = skip::wrapper(["env", "--ignore-signal=USR1"], "an ignored signal") else {
        return;
    };
    let aws = served();
    let sandbox = restarting(&aws).command(record::SIGNALS).through(ignoring);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let process = running.pid();
    running.signal(Signal::SIGUSR1);
    got(&sandbox, process, running, &[]);
}

#[test]
fn the_command_inherits_ignored_and_blocked_signals_and_its_status_is_known_with_sigchld_ignored() {
    let options = [
        "env",
        "--ignore-signal=TTOU,SEGV,INT,CHLD",
        "--block-signal=TTIN,ILL,TERM",
    ];
    let Some(wrapper) = skip::wrapper(options, "ignored and blocked signals") else {
        return;
    };
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
fn a_signal_that_was_blocked_before_the_launch_is_pending_in_the_command() {
    let Some(blocking) = skip::wrapper(["env", "--block-signal=TERM"], "a blocked signal") else {
        return;
    };
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
fn as_pid_1_secrets_exec_forwards_each_signal_once_and_exits_with_128_plus_the_commands_signal() {
    let Some(namespace) = skip::pid_1() else {
        return;
    };
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
    got(&recording, process, running, &sent);

    let sandbox = restarting(&aws)
        .through(namespace)
        .script("echo ready > record; exec sleep 60");
    let run = Rotating::start(sandbox);
    kill(run.running.child(), Signal::SIGTERM).unwrap();
    run.running.wait().ended(Status::Exit(143));
}
