//! A signal that arrives while the program reads secrets. The program immediately dies of the
//! signal, doesn't start anything, and prints one line with the signal, the time, what it was
//! waiting for, and the last error. The last test has signals that don't end a launch.

use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::identity::await_all_ended;
use crate::support::*;

/// Asserts that the run printed one line, which begins with the signal and a time.
fn assert_one_line(run: &Outcome, signal: &str, awaited: &str) {
    let stderr = run.stderr();
    let start = format!("secrets-exec: error: {signal} ended secrets-exec after ");
    let line = stderr.strip_prefix(&start);
    let (time, said) = line
        .and_then(|line| line.split_once("s, "))
        .unwrap_or_else(|| panic!("{run}"));
    let is_short = time.parse::<f64>().is_ok_and(|seconds| seconds < 60.0);
    assert!(is_short, "{run}");
    let expected = format!("while it was waiting for {awaited}\n");
    assert_eq!(said, expected, "{run}");
}

/// Launches that wait: the operation that hangs, the options, the number of requests before it
/// waits, and what it then waits for. The last two are blocked in a pipe without a writer.
const WAITING: [(&str, &str, usize, &str); 9] = [
    ("GetSecretValue", "-e A=x:k -q", 1, ONE),
    ("GetSecretValue", "-e A=x:k --on-rotation restart", 1, ONE),
    ("GetSecretValue", "-f files", 1, ONE),
    // AssumeRole has already been answered.
    ("GetSecretValue", "-e A=x:k --role-arn ROLE", 2, ONE),
    ("GetSecretValue", "-f nine", 9, NINE),
    ("GetParametersByPath", "--env-from ssm:/app/", 1, PATH),
    ("/credentials", "-e A=x:k", 1, "AWS credentials"),
    ("config", "-e A=x:k", 0, "the AWS configuration files"),
    ("declaration", "-f pipe", 0, "the declarations"),
];
const ONE: &str = "secret x in us-east-1";
const NINE: &str = "secret x0 in us-east-1 and 8 others";
const PATH: &str = "parameters below /app/ in us-east-1";

/// The service and the launch of a row of [`WAITING`].
fn waiting_launch(operation: &str, options: &str) -> (Aws, Sandbox) {
    let aws = served().fails(operation, Fault::Hang);
    let nine: String = (0..9).map(|n| format!("  A{n}: x{n}\n")).collect();
    let sandbox = Sandbox::new()
        .aws(&aws)
        .args(options.replace("ROLE", ROLE).split(' '))
        .file("files", "files: [{ from: 'x:k', path: ./written }]\n")
        .file("nine", format!("env:\n{nine}"));
    let sandbox = match operation {
        "/credentials" => sandbox.without_keys().in_container(&aws),
        "config" => sandbox.without_keys().env("AWS_CONFIG_FILE", "pipe"),
        _ => sandbox,
    };
    (aws, sandbox)
}

#[test]
fn a_signal_ends_a_waiting_launch_which_says_what_it_has_waited_for() {
    // PID 1 can't die of a signal, so it must exit.
    let namespaces = [Some(Vec::new()), skip::pid_1().map(Vec::from)];
    for namespace in namespaces.into_iter().flatten() {
        let is_pid_1 = !namespace.is_empty();
        for signal in ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL"] {
            let signal: Signal = signal.parse().unwrap();
            // unshare(1) itself prints a message about SIGKILL.
            if is_pid_1 && signal == Signal::SIGKILL {
                continue;
            }
            for (operation, options, calls, awaited) in WAITING {
                let (aws, sandbox) = waiting_launch(operation, options);
                let pipe = sandbox.path("pipe");
                named_pipe(&pipe);
                let sandbox = sandbox
                    .script("touch started")
                    .case(awaited)
                    .through([&namespace[..], &["env"]].concat());
                let before = sandbox.names_in("");
                let running = sandbox.spawn();
                aws.await_calls(calls);
                // Opening the pipe for writing returns as soon as the launch opens it for reading.
                let writer = (calls == 0).then(|| File::options().write(true).open(pipe).unwrap());
                let (process, status) = if is_pid_1 {
                    (running.child(), Status::Exit(128 + signal as i32))
                } else {
                    (running.pid(), Status::Signal(signal as i32))
                };
                kill(process, signal).unwrap();
                let run = running.wait();
                run.ended(status);
                if signal != Signal::SIGKILL {
                    assert_one_line(&run, signal.as_str(), awaited);
                }
                assert_eq!(sandbox.names_in(""), before, "{run}");
                drop(writer);
            }
        }
    }
}

/// Starts a sidecar, and becomes the program. Each program's start takes a moment.
const SLOW_STARTS: &str = "\
exec strace -D -f -o /dev/null -e inject=execve:delay_enter=700000 sh -c '
    sleep 1000 >/dev/null 2>&1 & echo $! >sidecar; exec \"$@\" 2>&3 3>&-' sh \"$@\" 3>&2 2>/dev/null
";

#[test]
fn a_signal_while_credential_process_is_being_started_kills_no_other_child() {
    or_skip!(skip::traced(""));
    let sandbox = sandbox(&served())
        .without_keys()
        .config("[default]\ncredential_process = sleep 1000\n")
        .prepared_by(SLOW_STARTS);
    let running = sandbox.spawn();
    // The worker thread starts the program.
    let starts = || {
        let tasks = fs::read_dir(running.proc("task")).unwrap().skip(1);
        let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
        children.flatten().any(|children| !children.is_empty())
    };
    record::await_fact("the program", starts);
    running.signal(Signal::SIGTERM);
    await_all_ended(&[running.proc("")]);
    let sidecar = fs::read_to_string(sandbox.path("sidecar")).unwrap();
    // The arguments of a process that has been killed are empty.
    let arguments = fs::read_to_string(format!("/proc/{}/cmdline", sidecar.trim())).unwrap();
    running::send(Pid::from_raw(sidecar.trim().parse().unwrap()), 9);
    running.wait().ended(Status::Signal(15));
    assert_eq!(arguments, "sleep\x001000\0");
}

#[test]
fn the_line_about_a_signal_shows_the_last_error_with_control_characters_escaped() {
    let message = "no\n\u{1b}[2Ksecrets-exec: all is well";
    let failure = fault::sts(500, "InternalFailure", message);
    let aws = Aws::start().fails("AssumeRole", failure);
    let running = sandbox(&aws).args(["--role-arn", ROLE]).spawn();
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    let said = format!("waiting for the role {ROLE}; the last error was: ");
    run.says([&*said]).says_nothing_of("\u{1b}");
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}

/// Makes a full pipe standard error. Its other end is open, and nobody reads from it.
const FULL_PIPE: &str =
    "mkfifo pipe; exec 3<>pipe 2>&3; (head -c 100000 /dev/zero >&2 3>&- &); sleep 0.3; exec \"$@\"";

/// A launch that writes the file `written` and has a warning about it, while nobody reads standard
/// error. The command removes the file. Returns once there is a temporary file.
fn start_with_unread_warning(aws: &Aws, command: &str) -> (Sandbox, Running) {
    let sandbox = Sandbox::new()
        .aws(aws)
        .declaration("files: [{ from: x, path: written }]")
        .script(&format!("rm written; {command}"))
        .through(["sh", "-c", FULL_PIPE, "sh"]);
    let running = sandbox.spawn();
    record::await_fact("a temporary file", || has_temporary_file(&sandbox));
    (sandbox, running)
}

fn has_temporary_file(sandbox: &Sandbox) -> bool {
    let names = sandbox.names_in("");
    names.iter().any(|name| name.starts_with(".written."))
}

#[test]
fn a_signal_leaves_no_temporary_file_if_nobody_reads_the_warnings() {
    let aws = Aws::start().secret("x", Secret::text("v-4c7a1e "));
    let (sandbox, running) = start_with_unread_warning(&aws, "exec sleep 60");
    let run = running.ends_by(Signal::SIGTERM);
    assert!(!has_temporary_file(&sandbox), "{run}");
}

#[test]
fn warnings_are_not_lost_if_standard_error_is_full_only_for_a_moment() {
    let aws = Aws::start().secret("x", Secret::text("v-4c7a1e "));
    let (sandbox, running) = start_with_unread_warning(&aws, "true");
    let mut pipe = File::open(sandbox.path("pipe")).unwrap();
    let mut log = String::new();
    pipe.read_to_string(&mut log).unwrap();
    let warning = "warning: a value with a space at its end was read for written";
    assert!(log.contains(warning), "{log}");
    running.wait().launched();
}

#[test]
fn a_launch_starts_or_fails_although_nobody_reads_its_messages() {
    let aws = served();
    for (options, status) in [
        ("-vv -e A=x:k", 0),
        ("--unset AWS_ -e A=x:k", 0),
        ("-e A=x:absent", 78),
        ("--no-such-option -e A=x:k", 64),
    ] {
        let launch = Sandbox::new().aws(&aws).case(options);
        let launch = launch.args(options.split(' ')).script("true");
        let launch = launch.through(["sh", "-c", FULL_PIPE, "sh"]);
        launch.run().ended(Status::Exit(status));
    }
}

#[test]
fn a_signal_ends_a_launch_even_if_nobody_reads_its_standard_error() {
    let unread = ["sh", "-c", FULL_PIPE, "sh"];
    for namespace in [None, skip::pid_1()] {
        let namespaced = namespace.as_ref().map_or(&[][..], |words| words);
        let wrapper = [&unread[..], namespaced].concat();
        for (aws, milliseconds, options, what_is_printed) in [
            (hanging(), 0, "-e A=x:k", "nothing"),
            (served(), 500, "-e A=x:absent", "that the key is absent"),
            (hanging(), 500, "-vv -e A=x:k", "a trace"),
        ] {
            let launch = Sandbox::new().aws(&aws).case(what_is_printed);
            let launch = launch.args(options.split(' '));
            let running = launch.through(&wrapper).script("true").spawn();
            aws.await_calls(usize::from(!options.contains("-vv")));
            std::thread::sleep(Duration::from_millis(milliseconds));
            let (process, status) = match namespace {
                Some(_) => (running.child(), Status::Exit(143)),
                None => (running.pid(), Status::Signal(15)),
            };
            kill(process, Signal::SIGTERM).unwrap();
            running.wait().ended(status);
        }
    }
}

#[test]
fn a_waiting_launch_survives_signals_that_are_ignored_blocked_or_harmless() {
    let blocking = ["env", "--block-signal=TERM"];
    let blocking = or_skip!(skip::wrapper(blocking, "ignored and blocked signals"));
    let ignoring = ["env", "--ignore-signal=TERM,INT,HUP,QUIT"];
    let namespace = skip::pid_1().map(Vec::from).unwrap_or_default();
    let as_pid_1 = [&namespace[..], &ignoring].concat();
    let ending = "SIGTERM SIGINT SIGHUP SIGQUIT";
    let harmless = "SIGCHLD SIGWINCH SIGURG SIGSTOP SIGCONT";
    for (case, wrapper, signals, pending) in [
        ("ignored", &ignoring[..], ending, "0"),
        ("ignored by PID 1", &as_pid_1, ending, "0"),
        ("blocked, and pending", &blocking, "SIGTERM", "4000"),
        ("harmless, and a stop", &["env"], harmless, "0"),
    ] {
        let aws = held();
        let launch = sandbox(&aws).through(wrapper).case(case);
        let status = ["grep", "ShdPnd", "/proc/self/status"];
        let running = launch.command(status).spawn();
        aws.await_calls(1);
        let is_pid_1 = wrapper.len() > ignoring.len();
        let process = if is_pid_1 {
            running.child()
        } else {
            running.pid()
        };
        for signal in signals.split(' ') {
            kill(process, signal.parse::<Signal>().unwrap()).unwrap();
        }
        aws.release();
        let run = running.wait();
        run.launched_silently()
            .printed(format!("ShdPnd:\t{pending:0>16}\n"));
    }
}
