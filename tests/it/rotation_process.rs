//! The command as a child, with `--on-rotation`: its status, its process group, orphans, and what it inherits.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::record;
use crate::support::sandbox::{self, Sandbox};
use crate::support::skip;

const NEW_PID_NAMESPACE: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn sandbox(aws: &Aws) -> Sandbox {
    sandbox::sandbox(aws).args(["--on-rotation", "restart", "--poll-interval", "1h"])
}

fn number(text: &str) -> Pid {
    Pid::from_raw(text.trim().parse().unwrap())
}

#[test]
fn every_exit_status_is_the_commands_own() {
    let aws = served();
    for status in 0..=255 {
        let run = sandbox(&aws).script(&format!("exit {status}")).run();
        run.ended(Status::Exit(status));
        assert!(run.stderr.is_empty(), "{run}");
    }
}

#[test]
fn a_command_that_a_signal_killed_gives_128_and_its_number() {
    let aws = served();
    for number in [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 31, 35, 40, 64] {
        let run = sandbox(&aws).script(&format!("kill -{number} $$")).run();
        run.ended(Status::Exit(128 + number));
        assert!(run.stderr.is_empty(), "{run}");
    }
}

#[test]
fn the_command_is_a_child_and_leads_its_own_process_group() {
    let aws = served();
    let run = sandbox(&aws).script("cut -d' ' -f4,5 /proc/$$/stat; echo $$").run();
    let stdout = run.launched_silently().stdout();
    let (stat, process) = stdout.trim().split_once('\n').unwrap();
    assert_eq!(stat, format!("{} {process}", run.pid), "{run}");
}

#[test]
fn the_command_gets_the_environment_of_a_launch() {
    let aws = served();
    let launch = sandbox::sandbox(&aws).env("HOME", "/").env("B", "kept").run();
    let run = sandbox(&aws).env("HOME", "/").env("B", "kept").run();
    run.launched_silently().printed(launch.stdout());
}

#[test]
fn the_command_gets_no_descriptor_of_ours() {
    let aws = served();
    let sandbox = sandbox(&aws).command(["ls", "/proc/self/fd"]);
    sandbox.run().launched_silently().printed(sandbox.control().stdout());
}

#[test]
fn the_command_inherits_other_descriptors() {
    let aws = served();
    let sandbox = sandbox(&aws).file("three", "hello").prepared_by("exec \"$@\" 3<three").script("cat <&3");
    sandbox.run().launched_silently().printed("hello");
}

#[test]
fn a_file_in_memory_is_there() {
    let aws = served();
    let sandbox = sandbox(&aws).args(["--as-file", "F=x:k"]).script("cat $F");
    sandbox.run().launched_silently().printed("v");
}

#[test]
fn variables_that_name_our_process_name_the_command() {
    let aws = served();
    let script = "echo $LISTEN_PID $WATCHDOG_PID $LISTEN_FDS $LISTEN_PIDFDID; echo $$ $$ 1";
    let wrapper = "LISTEN_PID=$$ WATCHDOG_PID=$$ LISTEN_FDS=1 LISTEN_PIDFDID=7 exec \"$@\"";
    let run = sandbox(&aws).prepared_by(wrapper).script(script).run();
    let stdout = run.launched_silently().stdout();
    let (found, expected) = stdout.trim().split_once('\n').unwrap();
    assert_eq!(found, expected, "{run}");
}

#[test]
fn a_variable_that_names_another_process_is_left_alone() {
    let aws = served();
    sandbox(&aws).env("LISTEN_PID", "1").script("echo $LISTEN_PID").run().launched_silently().printed("1\n");
}

#[test]
fn a_command_that_does_not_exist_is_127() {
    let aws = served();
    sandbox(&aws).command(["no-such-command"]).run().refused(127);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_script_without_an_interpreter_line_is_run_by_the_shell() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "echo $A $1; exit 4\n").command(["./script", "one"]);
    sandbox.run().ended(Status::Exit(4)).printed("v one\n");
}

#[test]
fn a_program_that_execve_refuses_is_126() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("program", b"\x7fELF\0\0").command(["./program"]);
    sandbox.run().refused(126).says(["./program: neither a program for this machine nor a script"]);
}

#[test]
fn a_missing_interpreter_is_126() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "#!/nonexistent\n").command(["./script"]);
    sandbox.run().refused(126).says(["its interpreter (`#!` line)"]);
}

#[test]
fn without_a_process_to_be_had_it_is_126() {
    // A process of glibc is clone(2), its threads are clone3(2). Threads of the static binary are clone(2), which ends it earlier.
    let wrapper = ["strace", "-o", "/dev/null", "-e", "inject=clone:error=EAGAIN"];
    if !skip::can(&[&wrapper[..], &["true"]].concat(), "system calls that fail") {
        return;
    }
    let aws = served();
    let run = sandbox(&aws).script("touch started").through(wrapper).run();
    let expected = match run.status {
        Status::Exit(75) => "cannot start a thread: ",
        _ => "/bin/sh: cannot be started: ",
    };
    assert!(matches!(run.status, Status::Exit(126 | 75)), "{run}");
    run.says([expected]);
}

#[test]
fn the_command_gets_term_when_secrets_exec_is_killed() {
    let aws = served();
    let sandbox = sandbox(&aws).command(record::SIGNALS);
    killed(&sandbox, "15");
}

#[test]
fn the_command_gets_the_stop_signal_when_secrets_exec_is_killed() {
    let aws = served();
    let sandbox = sandbox(&aws).args(["--stop-signal", "QUIT"]).command(record::SIGNALS);
    killed(&sandbox, "3");
}

/// Kills secrets-exec, and asserts the signal that the command gets.
fn killed(sandbox: &Sandbox, signal: &str) {
    let running = sandbox.spawn();
    record::await_lines(sandbox, 1);
    running.signal(Signal::SIGKILL);
    let lines = record::await_lines(sandbox, 2);
    assert_eq!(lines[1], signal, "{lines:?}");
    kill(number(lines[0].strip_prefix("ready ").unwrap()), Signal::SIGKILL).unwrap();
    running.wait().ended(Status::Signal(9));
}

/// Forks twice; the grandchild records its parent once the child has ended, and ends. The command waits until it is gone.
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
fn orphans_become_our_children_and_are_reaped() {
    let aws = served();
    for arguments in [&[][..], &["own session"]] {
        let script = format!("{DOUBLE_FORK}\nwhile not os.path.exists('end'): time.sleep(0.01)\n");
        let command = [&["python3", "-c", &script], arguments].concat();
        let sandbox = sandbox(&aws).command(command);
        let running = sandbox.spawn();
        let parent = record::await_lines(&sandbox, 1).remove(0);
        assert_eq!(parent, running.pid().to_string());
        // No child but the command is left, not even a zombie.
        let children = running.proc(&format!("task/{parent}/children"));
        record::await_fact("one child", || fs::read_to_string(&children).unwrap().split_whitespace().count() == 1);
        fs::write(sandbox.path("end"), "").unwrap();
        running.wait().launched();
    }
}

#[test]
fn pid_1_reaps_orphans() {
    let trial = [&NEW_PID_NAMESPACE[..], &["true"]].concat();
    if !skip::can(&trial, "orphans of PID 1") {
        return;
    }
    let aws = served();
    let wait = "while open('/proc/1/task/1/children').read().split() != [str(os.getpid())]: time.sleep(0.01)";
    let script = format!("{DOUBLE_FORK}\nwhile not os.path.exists('record'): time.sleep(0.01)\n{wait}\n");
    let sandbox = sandbox(&aws).through(NEW_PID_NAMESPACE).command(["python3", "-c", &script]);
    sandbox.run().launched();
    assert_eq!(record::lines(&sandbox), ["1"]);
}

#[test]
fn the_end_of_an_orphan_is_not_that_of_the_command() {
    let aws = served();
    let script = format!("{DOUBLE_FORK}\nwhile not os.path.exists('record'): time.sleep(0.01)\nsys.exit(6)\n");
    sandbox(&aws).command(["python3", "-c", &script]).run().ended(Status::Exit(6));
}

#[test]
fn what_the_command_leaves_of_its_group_gets_term() {
    let aws = served();
    let script = "python3 -c \"$1\" > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done; exit 5";
    let recorder = record::SIGNALS[2].replace("number == 64", "number == 15");
    let sandbox = sandbox(&aws).command(["/bin/sh", "-c", script, "sh", &recorder]);
    sandbox.run().ended(Status::Exit(5));
    assert_eq!(record::lines(&sandbox)[1..], ["15"]);
}

#[test]
fn what_is_left_of_the_group_and_stopped_is_continued_to_end() {
    let aws = served();
    let script = "\
python3 -c \"$1\" > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done
kill -STOP $!; until grep -q ') T' /proc/$!/stat; do sleep 0.01; done; exit 5";
    let recorder = record::SIGNALS[2].replace("number == 64", "number == 15");
    let sandbox = sandbox(&aws).args(["--grace", "1h"]).command(["/bin/sh", "-c", script, "sh", &recorder]);
    sandbox.run().ended(Status::Exit(5));
}

#[test]
fn what_ignores_term_is_killed_after_the_grace_period() {
    let aws = served();
    let script = "python3 -c \"$1\" > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done; exit 5";
    let sandbox = sandbox(&aws).args(["--grace", "0s"]).command(["/bin/sh", "-c", script, "sh", record::SIGNALS[2]]);
    sandbox.run().ended(Status::Exit(5));
    let lines = record::lines(&sandbox);
    record::await_end(lines[0].strip_prefix("ready ").unwrap());
}

#[test]
fn what_is_left_of_the_group_gets_the_whole_grace_period() {
    let aws = served();
    let script = "python3 -c \"$1\" > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done; exit 5";
    let sandbox = sandbox(&aws).args(["--grace", "1h"]).command(["/bin/sh", "-c", script, "sh", record::SIGNALS[2]]);
    let running = sandbox.spawn();
    let lines = record::await_lines(&sandbox, 2);
    assert_eq!(lines[1], "15", "{lines:?}");
    // Signals are forwarded to it meanwhile.
    running.signal(Signal::SIGUSR2);
    record::await_lines(&sandbox, 3);
    kill(number(lines[0].strip_prefix("ready ").unwrap()), Signal::SIGKILL).unwrap();
    running.wait().ended(Status::Exit(5));
}

#[test]
fn processes_of_other_sessions_are_left_alone() {
    let aws = served();
    let script =
        "setsid sh -c 'echo $$ > record; exec sleep 60' > /dev/null 2>&1 & until [ -s record ]; do sleep 0.01; done";
    let sandbox = sandbox(&aws).args(["--grace", "0s"]).script(script);
    sandbox.run().launched();
    let process = number(&record::lines(&sandbox)[0]);
    kill(process, Signal::SIGKILL).unwrap();
}

#[test]
fn the_service_manager_is_told_after_the_start() {
    let aws = served();
    let sandbox = sandbox(&aws).arg("--notify-ready");
    let path = sandbox.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let sandbox = sandbox.env("NOTIFY_SOCKET", &path).script("true");
    sandbox.run().launched_silently();
    let mut message = [0; 100];
    let length = socket.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1");
}

#[test]
fn the_service_manager_is_not_told_of_a_start_that_failed() {
    let aws = served();
    let sandbox = sandbox(&aws).arg("--notify-ready").executable("script", "#!/nonexistent\n");
    let path = sandbox.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_nonblocking(true).unwrap();
    sandbox.env("NOTIFY_SOCKET", &path).command(["./script"]).run().refused(126);
    assert!(socket.recv(&mut [0; 100]).is_err());
}
