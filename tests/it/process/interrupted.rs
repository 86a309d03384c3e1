//! A signal that arrives while the program reads secrets. The program immediately dies of the
//! signal, doesn't start anything, and prints one line with the signal, the time, what it was
//! waiting for, and the last error.

use std::fs::File;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

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

/// Launches that wait: the service, the launch, the number of requests before it waits, and what it
/// then waits for.
fn waiting_launches() -> Vec<(Aws, Sandbox, usize, &'static str)> {
    let plain = |aws: &Aws| Sandbox::new().aws(aws);
    let secrets = || Secret::failing(Fault::Hang);
    let nine = (0..9).fold(Aws::start(), |aws, n| {
        aws.secret(&format!("x{n}"), secrets())
    });
    let all_nine = (0..9).fold(plain(&nine), |all, n| all.resolve(&format!("A{n}=x{n}")));
    let of_nine = "secret … in us-east-1, secret … in us-east-1, secret … in us-east-1 and 6 more";
    let of_a = "secret … in us-east-1";
    let below = served().fails("GetParametersByPath", Fault::Hang);
    let from_path = plain(&below).args(["--env-from", "ssm:/app/"]);
    let container = served().fails("/credentials", Fault::Hang);
    let with_container = keyless(&container).in_container(&container);

    let mut launches = vec![
        (nine, all_nine, 9, of_nine),
        (container, with_container, 1, "AWS credentials"),
        (below, from_path, 1, "parameters below /app/ in us-east-1"),
    ];
    let mut add = |aws: Aws, launch: &dyn Fn(&Aws) -> Sandbox, calls, awaited| {
        let launch = launch(&aws);
        launches.push((aws, launch, calls, awaited));
    };
    add(hanging(), &|aws| sandbox(aws).arg("-q"), 1, of_a);
    let rotation = ["--on-rotation", "restart"];
    add(hanging(), &|aws| sandbox(aws).args(rotation), 1, of_a);
    let file = "files: [{ from: 'x:k', path: ./written }]\n";
    let of_file = "secret … in us-east-1";
    add(hanging(), &|aws| plain(aws).declaration(file), 1, of_file);
    // AssumeRole has already been answered.
    let role = ["--role-arn", ROLE];
    add(hanging(), &|aws| sandbox(aws).args(role), 2, of_a);
    // These launches are blocked in a pipe without a writer.
    let config = |aws: &Aws| keyless(aws).env("AWS_CONFIG_FILE", "pipe");
    add(served(), &config, 0, "the AWS configuration files");
    let declaration = |_: &Aws| Sandbox::new().args(["-f", "pipe"]);
    add(served(), &declaration, 0, "the declarations");
    launches
}

#[test]
fn a_signal_ends_a_waiting_launch_which_says_what_it_was_waiting_for_and_leaves_nothing() {
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
            for (aws, sandbox, calls, awaited) in waiting_launches() {
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

#[test]
fn a_signal_ends_a_launch_even_if_nobody_reads_its_standard_error() {
    // The pipe is full. Its other end is open, and nobody reads from it.
    let unread = "mkfifo pipe; exec 3<>pipe 2>&3; (head -c 100000 /dev/zero >&2 3>&- &); sleep 0.3; exec \"$@\"";
    let unread = ["sh", "-c", unread, "sh"];
    for namespace in [None, skip::pid_1()] {
        let namespaced = namespace.as_ref().map_or(&[][..], |words| words);
        let wrapper = [&unread[..], namespaced].concat();
        for (aws, milliseconds, options, what_is_printed) in [
            (hanging(), 0, "-e A=x:k", "nothing"),
            (served(), 500, "-e A=x:absent", "that the key is absent"),
            // The worker prints its trace, and the main thread that the time is over.
            (hanging(), 2500, "-vv --timeout 1s -e A=x:k", "a trace"),
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
