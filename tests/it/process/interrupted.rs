//! A signal that arrives while the program reads secrets. The program immediately dies of the
//! signal, doesn't start anything, and prints one line with the signal, the time, what it was
//! waiting for, and the last error.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::*;

/// Asserts that the run printed one line, which begins with the signal and a time.
fn assert_one_line(run: &Outcome, signal: &str, awaited: &str) {
    let stderr = run.stderr();
    let line = stderr
        .strip_prefix(&format!(
            "secrets-exec: error: {signal} ended secrets-exec after "
        ))
        .unwrap_or_else(|| panic!("{run}"));
    let (time, said) = line.split_once("s, ").unwrap_or_else(|| panic!("{run}"));
    assert!(
        time.parse::<f64>().is_ok_and(|seconds| seconds < 60.0),
        "{run}"
    );
    assert_eq!(
        said,
        format!("while it was waiting for {awaited}\n"),
        "{run}"
    );
}

/// Launches that wait: the service, the launch, the number of requests before it waits, and what it
/// then waits for.
fn waiting_launches() -> Vec<(Aws, Sandbox, usize, &'static str)> {
    let nine = (0..9).fold(Aws::start(), |aws, n| {
        aws.secret(&format!("x{n}"), Secret::failing(Fault::Hang))
    });
    let first_three = "the secret of A0 in us-east-1, the secret of A1 in us-east-1, the secret of A2 in us-east-1 and 6 more";
    let row = |aws: Aws, launch: fn(&Aws) -> Sandbox, calls: usize, awaited| {
        let sandbox = launch(&aws).script("touch started").case(awaited);
        (aws, sandbox, calls, awaited)
    };
    let files = |aws: &Aws| {
        Sandbox::new()
            .aws(aws)
            .declaration("files: [{ from: 'x:k', path: ./written }]\n")
    };
    let all_nine = |aws: &Aws| {
        (0..9).fold(Sandbox::new().aws(aws), |all, n| {
            all.resolve(&format!("A{n}=x{n}"))
        })
    };
    let below = |aws: &Aws| Sandbox::new().aws(aws).args(["--env-from", "ssm:/app/"]);
    vec![
        row(
            hanging(),
            |aws| sandbox(aws).arg("-q"),
            1,
            "the secret of A in us-east-1",
        ),
        row(
            hanging(),
            |aws| sandbox(aws).args(["--on-rotation", "restart"]),
            1,
            "the secret of A in us-east-1",
        ),
        row(hanging(), files, 1, "the secret of ./written in us-east-1"),
        // AssumeRole has already been answered.
        row(
            hanging(),
            |aws| sandbox(aws).args(["--role-arn", ROLE]),
            2,
            "the secret of A in us-east-1",
        ),
        row(nine, all_nine, 9, first_three),
        row(
            served().fails("/credentials", Fault::Hang),
            |aws| keyless(aws).in_container(aws),
            1,
            "AWS credentials",
        ),
        row(
            served().fails("GetParametersByPath", Fault::Hang),
            below,
            1,
            "parameters below /app/ in us-east-1",
        ),
        // This launch is blocked in a pipe without a writer.
        row(
            served(),
            |aws| keyless(aws).env("AWS_CONFIG_FILE", "pipe"),
            0,
            "the AWS configuration files",
        ),
        row(
            served(),
            |_| Sandbox::new().args(["-f", "pipe"]),
            0,
            "the declarations",
        ),
    ]
}

#[test]
fn a_signal_ends_a_waiting_launch_which_says_what_it_was_waiting_for_and_leaves_nothing() {
    // PID 1 can't die of a signal, so it must exit.
    for namespace in [Some(Vec::new()), skip::pid_1().map(Vec::from)]
        .into_iter()
        .flatten()
    {
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGKILL,
        ] {
            // unshare(1) itself prints a message about SIGKILL.
            let has_only_our_messages = namespace.is_empty() || signal != Signal::SIGKILL;
            for (aws, sandbox, calls, awaited) in waiting_launches()
                .into_iter()
                .filter(|_| has_only_our_messages)
            {
                let pipe = sandbox.path("pipe");
                named_pipe(&pipe);
                let sandbox = sandbox.through([&namespace[..], &["env"]].concat());
                let before = sandbox.names_in("");
                let running = sandbox.spawn();
                aws.await_calls(calls);
                // Opening the pipe for writing returns as soon as the launch opens it for reading.
                let writer = (calls == 0).then(|| File::options().write(true).open(pipe).unwrap());
                let is_pid_1 = !namespace.is_empty();
                kill(
                    if is_pid_1 {
                        running.child()
                    } else {
                        running.pid()
                    },
                    signal,
                )
                .unwrap();
                let run = running.wait();
                let number = signal as i32;
                run.ended(if is_pid_1 {
                    Status::Exit(128 + number)
                } else {
                    Status::Signal(number)
                });
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
    let failure = fault::sts(
        500,
        "InternalFailure",
        "no\n\u{1b}[2Ksecrets-exec: all is well",
    );
    let aws = Aws::start().fails("AssumeRole", failure);
    let running = sandbox(&aws).args(["--role-arn", ROLE]).spawn();
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    let said = format!("waiting for the role {ROLE}; the last error was: ");
    run.says([&*said]);
    assert!(
        run.stderr().lines().count() == 1 && !run.stderr().contains('\u{1b}'),
        "{run}"
    );
}

/// The last child that a process forked.
fn child_of(process: Pid) -> Pid {
    let children =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    Pid::from_raw(children.split_whitespace().last().unwrap().parse().unwrap())
}

/// Asserts that TERM ends a launch whose standard error is a full pipe that nobody reads, some time
/// after its first request.
fn assert_term_ends_launch(
    aws: &Aws,
    time: Duration,
    options: &[&str],
    namespace: Option<[&str; 5]>,
) {
    let mut child = Command::new("/bin/sh")
        .args([
            "-c",
            "head -c 100000 /dev/zero >&2 & sleep 0.3; exec \"$@\"",
            "sh",
        ])
        .args(namespace.into_iter().flatten())
        .arg(program())
        .arg("--no-file")
        .args(options)
        .args(["--", "true"])
        .env_clear()
        .envs([
            ("PATH", "/usr/bin:/bin"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT_URL", &aws.endpoint()),
        ])
        .envs([
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    aws.await_calls(usize::from(!options.contains(&"-vv")));
    std::thread::sleep(time);
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(
        if namespace.is_some() {
            child_of(pid)
        } else {
            pid
        },
        Signal::SIGTERM,
    )
    .unwrap();
    record::await_fact("the end", || child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    assert_eq!(
        (status.signal(), status.code()),
        if namespace.is_some() {
            (None, Some(143))
        } else {
            (Some(15), None)
        }
    );
}

#[test]
fn a_signal_ends_a_launch_even_if_nobody_reads_its_standard_error() {
    for namespace in [None, skip::pid_1()] {
        assert_term_ends_launch(&hanging(), Duration::ZERO, &["-e", "A=x:k"], namespace);
        // TERM arrives while the launch prints that the key is absent.
        assert_term_ends_launch(
            &served(),
            Duration::from_millis(500),
            &["-e", "A=x:absent"],
            namespace,
        );
        // TERM arrives while the worker prints its trace, and while the main thread prints that the
        // time is over.
        let options = ["-vv", "--timeout", "1s", "-e", "A=x:k"];
        assert_term_ends_launch(&hanging(), Duration::from_millis(2500), &options, namespace);
    }
}
