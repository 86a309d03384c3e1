//! The stop of a command whose secret has changed: the stop signal, the grace period, SIGKILL, and signals that come meanwhile.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::outcome::Status;
use crate::support::record;
use crate::support::running::Running;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;
use crate::support::terminal::at_a_terminal;

fn values(value: &str) -> String {
    format!(r#"{{"x": {{"k": "{CANARY}/{value}"}}}}"#)
}

/// A run that polls only when it gets SIGUSR2.
fn sandbox(mode: &str) -> Sandbox {
    polling(mode).arg("-q")
}

fn polling(mode: &str) -> Sandbox {
    let sandbox = Sandbox::new().local(&values("old")).resolve("A=x:k");
    sandbox.args(["--on-rotation", mode, "--poll-interval", "1h", "--poll-signal", "USR2"])
}

/// A run of a command that records its signals and ends only by the last real-time signal, with status 3.
fn stubborn(mode: &str) -> Sandbox {
    sandbox(mode).args(["--grace", "1h"]).command(record::SIGNALS)
}

/// A run of a command that SIGTERM ends, with status 3.
fn obedient(mode: &str) -> Sandbox {
    let script = record::SIGNALS[2].replace("number == 64", "number == 15");
    sandbox(mode).args(["--grace", "1h"]).command(["python3", "-c", &script])
}

/// Changes the secret and asks for a poll.
fn rotate(sandbox: &Sandbox, running: &Running) {
    fs::write(sandbox.path("local.json"), values("new")).unwrap();
    running.signal(Signal::SIGUSR2);
}

#[allow(unsafe_code, reason = "nix knows no real-time signals")]
fn end(running: &Running) {
    // SAFETY: kill(2) accesses no memory.
    assert_eq!(unsafe { libc::kill(running.pid().as_raw(), 64) }, 0);
}

/// Starts a run and waits for the command.
fn started(sandbox: &Sandbox) -> (Running, String) {
    let running = sandbox.spawn();
    let process = record::await_lines(sandbox, 1).remove(0);
    (running, process.strip_prefix("ready ").unwrap().to_owned())
}

/// Rotates, and waits until the command has got the stop signal.
fn stopping(sandbox: &Sandbox) -> Running {
    let (running, _) = started(sandbox);
    rotate(sandbox, &running);
    record::await_lines(sandbox, 2);
    running
}

/// Asserts the signals, and the starts as `ready`, in the record.
fn recorded(sandbox: &Sandbox, expected: &[&str]) {
    let lines = record::lines(sandbox);
    let words: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(words, expected);
}

#[test]
fn a_restart_stops_the_command_with_term_and_starts_it_again() {
    let sandbox = obedient("restart");
    let running = stopping(&sandbox);
    let lines = record::await_lines(&sandbox, 3);
    assert_ne!(lines[0], lines[2], "the same process");
    running.signal(Signal::SIGTERM);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "15", "ready", "15"]);
}

#[test]
fn the_stop_signal_is_an_option() {
    let sandbox = stubborn("restart").args(["--stop-signal", "QUIT"]);
    let running = stopping(&sandbox);
    end(&running);
    record::await_lines(&sandbox, 4);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "3", "64", "ready", "64"]);
}

#[test]
fn a_command_that_ignores_the_stop_signal_is_killed_after_the_grace_period() {
    let sandbox = stubborn("restart").args(["--grace", "0s"]);
    let (running, process) = started(&sandbox);
    rotate(&sandbox, &running);
    record::await_fact("a second start", || {
        record::lines(&sandbox).iter().filter(|line| line.starts_with("ready")).count() == 2
    });
    assert!(!fs::exists(format!("/proc/{process}")).unwrap());
    end(&running);
    running.wait().ended(Status::Exit(3));
}

#[test]
fn the_whole_process_group_is_gone_before_the_next_start() {
    let script = "\
if [ -e record ]; then [ -e /proc/$(sed -n '1s/ready //p' record) ]; exit $?; fi
python3 -c \"$1\" & trap 'exit 0' TERM; wait; wait; exit 9";
    let sandbox =
        sandbox("restart").args(["--grace", "0s"]).command(["/bin/sh", "-c", script, "sh", record::SIGNALS[2]]);
    let (running, _) = started(&sandbox);
    rotate(&sandbox, &running);
    // The second start finds no process of the first.
    running.wait().ended(Status::Exit(1));
}

#[test]
fn term_in_the_grace_period_of_a_restart_cancels_the_start_and_is_not_forwarded() {
    let sandbox = stubborn("restart");
    let running = stopping(&sandbox);
    running.signal(Signal::SIGTERM);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "15", "64"]);
}

#[test]
fn a_second_term_in_the_grace_period_kills() {
    for mode in ["restart", "exit"] {
        let sandbox = stubborn(mode);
        let running = stopping(&sandbox);
        running.signal(Signal::SIGTERM);
        // Two pending signals would be one.
        let pending = running.proc("status");
        let is_taken = || !fs::read_to_string(&pending).unwrap().contains("ShdPnd:\t0000000000004000");
        record::await_fact("the first signal", is_taken);
        running.signal(Signal::SIGTERM);
        running.wait().ended(Status::Exit(137));
        recorded(&sandbox, &["ready", "15"]);
    }
}

#[test]
fn term_before_a_change_is_not_undone_by_a_restart() {
    for mode in ["restart", "exit"] {
        let sandbox = polling(mode).args(["--log-format", "json", "--grace", "1h"]).command(record::SIGNALS);
        let sandbox = sandbox.prepared_by("exec \"$@\" 2> log");
        let (running, _) = started(&sandbox);
        running.signal(Signal::SIGTERM);
        record::await_lines(&sandbox, 2);
        rotate(&sandbox, &running);
        let log = sandbox.path("log");
        record::await_fact("the change", || fs::read_to_string(&log).unwrap().contains("\"changed\""));
        end(&running);
        running.wait().ended(Status::Exit(3));
        recorded(&sandbox, &["ready", "15", "64"]);
    }
}

#[test]
fn a_command_that_left_its_group_is_killed_after_the_grace_period() {
    let script = "\
import os, signal, sys, time
if os.path.exists('record'): sys.exit(4)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0: time.sleep(600)
os.setpgid(0, os.getpgid(os.getppid()))
print('ready', os.getpid(), file=open('record', 'w'), flush=True)
time.sleep(600)
";
    let sandbox = sandbox("restart").args(["--grace", "0s"]).command(["python3", "-c", script]);
    let (running, _) = started(&sandbox);
    rotate(&sandbox, &running);
    running.wait().ended(Status::Exit(4));
}

#[test]
fn another_signal_in_the_grace_period_is_forwarded_and_cancels_nothing() {
    let sandbox = stubborn("restart");
    let running = stopping(&sandbox);
    running.signal(Signal::SIGINT);
    record::await_lines(&sandbox, 3);
    end(&running);
    record::await_lines(&sandbox, 5);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "15", "2", "64", "ready", "64"]);
}

#[test]
fn the_exit_after_a_rotation_has_status_75() {
    let sandbox = obedient("exit");
    stopping(&sandbox).wait().ended(Status::Exit(75));
    recorded(&sandbox, &["ready", "15"]);
}

#[test]
fn term_in_the_grace_period_of_an_exit_gives_the_status_of_the_command() {
    let sandbox = stubborn("exit");
    let running = stopping(&sandbox);
    running.signal(Signal::SIGTERM);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "15", "64"]);
}

#[test]
fn signal_mode_signals_the_command_and_keeps_it() {
    let sandbox = sandbox("signal=HUP").command(record::SIGNALS);
    let path = sandbox.path("secret");
    let sandbox = sandbox.declaration(&format!("files: [{{ from: \"x:k\", path: \"{}\" }}]\n", path.display()));
    let (running, _) = started(&sandbox);
    rotate(&sandbox, &running);
    record::await_lines(&sandbox, 2);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "1", "64"]);
}

#[test]
fn the_poll_signal_is_not_forwarded() {
    let sandbox = stubborn("restart");
    let (running, _) = started(&sandbox);
    running.signal(Signal::SIGUSR2);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "64"]);
}

#[test]
fn a_stopped_command_is_continued_for_the_stop_signal() {
    // As PID 1, secrets-exec does not stop with the command.
    let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !skip::can(&[&namespace[..], &["true"]].concat(), "a stopped command of PID 1") {
        return;
    }
    let script = record::SIGNALS[2].replace("number == 64", "number == 15").replace(
        "while True:",
        "if len(open('record').readlines()) == 1: os.kill(os.getpid(), signal.SIGSTOP)\nelse: sys.exit(4)\nwhile True:",
    );
    let sandbox = sandbox("restart").args(["--grace", "1h"]).command(["python3", "-c", &script]).through(namespace);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    let supervisor = running.child();
    let command = || {
        let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
        children.trim().to_owned()
    };
    record::await_fact("a stopped command", || {
        fs::read_to_string(format!("/proc/{}/stat", command())).is_ok_and(|stat| stat.contains(") T "))
    });
    fs::write(sandbox.path("local.json"), values("new")).unwrap();
    kill(supervisor, Signal::SIGUSR2).unwrap();
    running.wait().ended(Status::Exit(4));
    let lines = record::lines(&sandbox);
    assert!(lines.contains(&"15".to_owned()), "{lines:?}");
}

#[test]
fn a_restarted_command_is_the_foreground_job_again() {
    let script = format!(
        "if [ -e second ]; then echo ready; read line; echo got $line; exit; fi
touch second; echo '{}' > local.json; kill -USR2 $PPID; exec sleep 60",
        values("new")
    );
    let Some(sandbox) = at_a_terminal(sandbox("restart").script(&script), &[], "ready", "hello\\n") else { return };
    sandbox.run().launched().printed("ready\ngot hello\n[status 0]\n");
}

/// A run with a service manager whose watchdog is to be fed each 10 ms, and a function that receives its next message.
fn watched(sandbox: Sandbox) -> (Sandbox, UnixDatagram, impl Fn() -> String) {
    let path = sandbox.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let receiver = socket.try_clone().unwrap();
    let next = move || {
        let mut message = [0; 200];
        let length = receiver.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    (sandbox.env("WATCHDOG_USEC", "20000").env("NOTIFY_SOCKET", &path), socket, next)
}

#[test]
fn the_watchdog_of_the_service_manager_is_fed_during_a_restart() {
    let (sandbox, socket, next) = watched(stubborn("restart"));
    let running = stopping(&sandbox);
    assert_eq!(next(), "STATUS=restarting the command, because a secret has changed");
    // Once at the beginning, and then again and again.
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    end(&running);
    record::await_lines(&sandbox, 4);
    let rest: Vec<String> = std::iter::from_fn(|| Some(next())).take_while(|message| message != "STATUS=").collect();
    assert!(rest.iter().all(|message| message == "WATCHDOG=1"), "{rest:?}");
    assert_eq!(next(), "WATCHDOG=1");
    // Many intervals of the watchdog.
    std::thread::sleep(Duration::from_millis(200));
    end(&running);
    running.wait().ended(Status::Exit(3));
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 200]).is_err(), "fed while the command runs");
}

#[test]
fn the_watchdog_of_the_service_manager_is_fed_until_a_command_that_is_stopped_has_ended() {
    for mode in ["restart", "exit"] {
        let (sandbox, _socket, next) = watched(stubborn(mode));
        let running = stopping(&sandbox);
        let status = next();
        assert!(status.starts_with("STATUS=") && status.ends_with(" because a secret has changed"), "{status}");
        running.signal(Signal::SIGTERM);
        while next() == "WATCHDOG=1" {}
        // After the status of the cancelled rotation.
        for _ in 0..3 {
            assert_eq!(next(), "WATCHDOG=1");
        }
        end(&running);
        running.wait().ended(Status::Exit(3));
    }
}

#[test]
fn secrets_exec_stops_with_the_command_and_is_continued_with_it() {
    let sandbox = stubborn("restart");
    let (running, process) = started(&sandbox);
    let process = Pid::from_raw(process.parse().unwrap());
    kill(process, Signal::SIGSTOP).unwrap();
    let stat = running.proc("stat");
    record::await_fact("a stopped secrets-exec", || fs::read_to_string(&stat).unwrap().contains(") T "));
    running.signal(Signal::SIGCONT);
    record::await_lines(&sandbox, 2);
    end(&running);
    running.wait().ended(Status::Exit(3));
    recorded(&sandbox, &["ready", "18", "64"]);
}
