//! The command as a child: its status, its process group, orphans, and what it inherits.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::identity::await_all_ended;

fn process_id(text: &str) -> Pid {
    Pid::from_raw(text.trim_start_matches("ready ").trim().parse().unwrap())
}

#[test]
fn with_on_rotation_the_command_gets_the_stop_signal_if_secrets_exec_is_killed() {
    let aws = served();
    for (options, signal) in [(&[][..], "15"), (&["--stop-signal", "QUIT"], "3")] {
        let sandbox = restarting(&aws).args(options).command(record::SIGNALS);
        let running = sandbox.spawn();
        record::await_lines(&sandbox, 1);
        running.signal(Signal::SIGKILL);
        let lines = record::await_lines(&sandbox, 2);
        assert_eq!(lines[1], signal, "{lines:?}");
        kill(process_id(&lines[0]), Signal::SIGKILL).unwrap();
        running.wait().ended(Status::Signal(9));
    }
}

#[test]
fn with_on_rotation_no_process_that_reads_values_is_left_if_secrets_exec_is_killed() {
    // The launch is reading secrets. It must end, because otherwise the output wouldn't end.
    let aws = hanging();
    let running = restarting(&aws).spawn();
    aws.await_calls(1);
    running.ends_by(Signal::SIGKILL);
    // The launch waits at the gate until the command has ended.
    let aws = first_version();
    let sandbox = rotating(&aws, "restart --grace 1h").command(record::SIGNALS);
    let run = Rotating::start(sandbox);
    run.rotate(&aws, "v2", "two-4c7a1e");
    run.await_lines(2);
    let children = run.children();
    assert_eq!(children.len(), 2, "{children:?}");
    run.running.signal(Signal::SIGKILL);
    kill(process_id(&children[0]), Signal::SIGKILL).unwrap();
    // The end of the output shows that no process is left.
    run.running.wait().ended(Status::Signal(9));
}

/// Forks twice. After the child has ended, the grandchild records its new parent and ends.
const DOUBLE_FORK: &str = "\
import os, sys, time
read, write = os.pipe()
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild == 0:
        if len(sys.argv) > 1:
            os.setsid()
        os.close(write)
        os.read(read, 1)
        print(os.getppid(), file=open('record', 'w'))
        os._exit(9)
    os.write(1, b'%d' % grandchild)
    os._exit(0)
os.waitpid(child, 0)
os.close(write)
";

#[test]
fn with_on_rotation_orphans_of_the_command_are_reaped_and_do_not_end_secrets_exec() {
    let aws = served();
    let until_end = "while not os.path.exists('end'): time.sleep(0.01)\nsys.exit(6)";
    let script = format!("{DOUBLE_FORK}\n{until_end}\n");
    for arguments in [&[][..], &["own session"]] {
        let sandbox = restarting(&aws).command([&["python3", "-c", &script], arguments].concat());
        let run = Rotating::start(sandbox);
        let parent = run.running.pid().to_string();
        assert_eq!(run.await_lines(1), [[parent]]);
        // Only the command is left as a child, without any zombie.
        record::await_fact("one child", || run.children().len() == 1);
        fs::write(run.sandbox.path("end"), "").unwrap();
        run.running.wait().ended(Status::Exit(6));
    }
}

#[test]
fn as_pid_1_secrets_exec_reaps_orphans_of_the_command() {
    let namespace = or_skip!(skip::pid_1());
    let aws = served();
    let until_recorded = "while not os.path.exists('record'): time.sleep(0.01)";
    let until_alone = "while open('/proc/1/task/1/children').read().split() != [str(os.getpid())]: time.sleep(0.01)";
    let script = format!("{DOUBLE_FORK}\n{until_recorded}\n{until_alone}\n");
    let sandbox = restarting(&aws).through(namespace);
    let sandbox = sandbox.command(["python3", "-c", &script]);
    sandbox.run().launched();
    assert_eq!(record::lines(&sandbox), ["1"]);
}

/// A run of a command that starts a recorder of signals, runs `then`, and ends with status 5.
fn leaving(aws: &Aws, grace: &str, recorder: &str, then: &str) -> Sandbox {
    let script = format!(
        "python3 -c \"$1\" > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done\n{then}\nexit 5"
    );
    let sandbox = restarting(aws).args(["--grace", grace]);
    sandbox.command(["/bin/sh", "-c", &script, "sh", recorder])
}

#[test]
fn processes_that_the_command_leaves_behind_get_sigterm_even_if_they_are_stopped() {
    let aws = served();
    let stop = "kill -STOP $!; until grep -q ') T' /proc/$!/stat; do sleep 0.01; done";
    let sandbox = leaving(&aws, "1h", &record::until_term()[2], stop);
    sandbox.run().ended(Status::Exit(5));
    assert!(record::lines(&sandbox)[1..].contains(&"15".to_owned()));
}

#[test]
fn processes_left_behind_that_ignore_sigterm_are_killed_after_the_grace_period() {
    let aws = served();
    let sandbox = leaving(&aws, "0s", record::SIGNALS[2], "");
    sandbox.run().ended(Status::Exit(5));
    let left = process_id(&record::lines(&sandbox)[0]);
    await_all_ended(&[format!("/proc/{left}").into()]);

    let sandbox = leaving(&aws, "1h", record::SIGNALS[2], "");
    let running = sandbox.spawn();
    let lines = record::await_lines(&sandbox, 2);
    assert_eq!(lines[1], "15", "{lines:?}");
    // Until the process ends, signals are forwarded to it.
    running.signal(Signal::SIGUSR2);
    record::await_lines(&sandbox, 3);
    kill(process_id(&lines[0]), Signal::SIGKILL).unwrap();
    running.wait().ended(Status::Exit(5));
}
