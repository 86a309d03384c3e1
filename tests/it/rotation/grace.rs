//! Stopping a command whose secret has changed: the stop signal, the grace period, SIGKILL, and
//! signals that arrive during that time.

use std::fs;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

/// A run of a command that records its signals, and that only the last real-time signal ends, with
/// status 3.
fn stubborn(aws: &Aws, mode: &str) -> Sandbox {
    rotating(aws, &format!("{mode} --grace 1h")).command(record::SIGNALS)
}

/// Starts the run, and changes the secret. Returns when the command has got the stop signal.
fn stopping(aws: &Aws, sandbox: Sandbox) -> Rotating {
    let run = Rotating::start(sandbox);
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    run.await_lines(2);
    run
}

#[test]
fn a_command_whose_secret_changed_gets_the_stop_signal_and_is_restarted() {
    for (mode, signal) in [("restart", "15"), ("restart --stop-signal QUIT", "3")] {
        let aws = first_version();
        let run = stopping(&aws, stubborn(&aws, mode).case(mode));
        // Any other signal is forwarded, and doesn't cancel anything.
        run.running.signal(Signal::SIGINT);
        run.await_lines(3);
        run.running.send(record::END);
        let lines = run.await_lines(5);
        assert_ne!(lines[0], lines[4], "the same process");
        run.end_and_assert_record(&["ready", signal, "2", "64", "ready", "64"]);
    }
}

#[test]
fn a_change_during_a_restart_causes_a_second_restart() {
    let aws = first_version();
    let run = stopping(&aws, stubborn(&aws, "restart"));
    aws.rotate("x", secret("v3", "three-4c7a1e"));
    run.request();
    run.running.send(record::END);
    // The second command gets the stop signal, because the requested poll finds the change.
    run.await_lines(5);
    run.running.send(record::END);
    run.await_lines(7);
    let expected = ["ready", "15", "64", "ready", "15", "64", "ready", "64"];
    run.end_and_assert_record(&expected);
}

/// A command that leaves its own process group, with a child that ignores the stop signal.
const LEAVER: &str = "\
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0: time.sleep(600)
os.setpgid(0, os.getpgid(os.getppid()))
print('ready', os.getpid(), file=open('record', 'w'), flush=True)
time.sleep(600)
";

#[test]
fn processes_of_the_old_command_are_killed_at_the_end_of_the_grace_period() {
    let warning = "warning: the process group of \"/bin/sh\" didn't end within 100ms (--grace), so it is killed";
    let alone = "exec python3 -c \"$1\"";
    let in_group = "python3 -c \"$1\" & trap 'exit 0' TERM; wait; wait; exit 9";
    for (script, python, what) in [
        (alone, record::SIGNALS[2], "the command itself"),
        (in_group, record::SIGNALS[2], "a process of its group"),
        (alone, LEAVER, "a command that left its group"),
    ] {
        let aws = first_version();
        // The second start asserts that the first process is gone, and ends with status 1.
        let second = "[ -e record ] && { [ -e /proc/$(sed -n '1s/ready //p' record) ]; exit $?; }";
        let script = format!("{second}; {script}");
        let sandbox = rotating(&aws, "restart --grace 100ms").case(what);
        let run = Rotating::start(sandbox.command(["/bin/sh", "-c", &script, "sh", python]));
        aws.rotate("x", secret("v2", "two-4c7a1e"));
        run.request();
        run.running.wait().ended(Status::Exit(1)).says([warning]);
    }
}

#[test]
fn sigterm_in_the_grace_period_cancels_the_restart_and_is_not_sent_again() {
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let run = stopping(&aws, stubborn(&aws, mode));
        run.running.signal(Signal::SIGTERM);
        run.end_and_assert_record(&["ready", "15", "64"]);
    }
}

#[test]
fn a_second_sigterm_in_the_grace_period_kills_the_command() {
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let Rotating { sandbox, running } = stopping(&aws, stubborn(&aws, mode));
        running.signal(Signal::SIGTERM);
        // Two pending signals of the same kind would be merged into one.
        let pending = running.proc("status");
        let is_taken = || {
            let status = fs::read_to_string(&pending).unwrap();
            let (_, rest) = status.split_once("ShdPnd:\t").unwrap();
            let mask = u64::from_str_radix(&rest[..16], 16).unwrap();
            mask & 1 << (libc::SIGTERM - 1) == 0
        };
        record::await_fact("the first signal", is_taken);
        running.signal(Signal::SIGTERM);
        let outcome = running.wait();
        outcome
            .ended(Status::Exit(137))
            .says(["a second SIGTERM arrived"]);
        assert_eq!(record::lines(&sandbox)[1..], ["15"]);
    }
}

#[test]
fn a_command_that_got_sigterm_before_its_secret_changed_is_not_restarted() {
    for mode in ["restart", "exit"] {
        let aws = first_version();
        let run = Rotating::start(stubborn(&aws, mode).arg("-v"));
        run.running.signal(Signal::SIGTERM);
        run.await_lines(2);
        run.rotate(&aws, "v2", "two-4c7a1e");
        run.end_and_assert_record(&["ready", "15", "64"])
            .says(["note: A changed (the secret \"x\", version v1 -> v2)"]);
    }
}

fn is_stopped(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| stat.contains(") T "))
}

#[test]
fn a_command_that_sigstop_stopped_is_continued_so_that_it_can_end_for_a_restart() {
    // As PID 1, secrets-exec doesn't stop together with the command.
    let namespace = or_skip!(skip::pid_1());
    let stops = "if len(open('record').readlines()) == 1: os.kill(os.getpid(), signal.SIGSTOP)";
    let ends = "else: sys.exit(4)";
    let script = record::until_term()[2].replace("while", &format!("{stops}\n{ends}\nwhile"));
    let aws = first_version();
    let sandbox = rotating(&aws, "restart --grace 1h").command(["python3", "-c", &script]);
    let run = Rotating::start(sandbox.through(namespace));
    let supervisor = run.running.child();
    record::await_fact("a stopped command", || {
        let children = format!("/proc/{supervisor}/task/{supervisor}/children");
        let child = fs::read_to_string(children).unwrap();
        is_stopped(child.trim())
    });
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    kill(supervisor, Signal::SIGUSR2).unwrap();
    run.running.wait().ended(Status::Exit(4));
    assert!(record::lines(&run.sandbox).contains(&"15".to_owned()));
}

#[test]
fn secrets_exec_stops_together_with_the_command_and_sigcont_continues_both() {
    let aws = first_version();
    let run = Rotating::start(stubborn(&aws, "restart"));
    let command = run.values(1)[0].parse().unwrap();
    kill(Pid::from_raw(command), Signal::SIGSTOP).unwrap();
    let ours = run.running.pid().to_string();
    record::await_fact("a stopped secrets-exec", || is_stopped(&ours));
    run.running.signal(Signal::SIGCONT);
    run.await_lines(2);
    run.end_and_assert_record(&["ready", "18", "64"]);
}
