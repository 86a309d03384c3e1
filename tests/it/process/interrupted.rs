//! A signal that ends the program while it resolves: it dies of the signal at once, starts nothing, and leaves one line with the
//! signal, the time, what is awaited and the last error.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use crate::support::*;

/// Asserts that the run said one line, which begins with the signal and a time.
fn one_line(run: &Outcome, signal: &str, awaited: &str) {
    let stderr = run.stderr();
    let line = stderr.strip_prefix(&format!("secrets-exec: error: {signal} after ")).unwrap_or_else(|| panic!("{run}"));
    let (time, said) = line.split_once("s: ").unwrap_or_else(|| panic!("{run}"));
    assert!(time.parse::<f64>().is_ok_and(|seconds| seconds < 60.0), "{run}");
    assert_eq!(said, format!("ended while waiting for {awaited}; nothing was started\n"), "{run}");
}

#[test]
fn a_waiting_launch_dies_of_each_termination_signal_and_starts_nothing() {
    // PID 1 cannot die of a signal.
    for namespace in [Some(Vec::new()), skip::pid_1().map(Vec::from)].into_iter().flatten() {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
            let aws = hanging();
            let sandbox = sandbox(&aws).arg("-q").script("touch started").through([&namespace[..], &["env"]].concat());
            let running = sandbox.spawn();
            aws.await_calls(1);
            let is_pid_1 = !namespace.is_empty();
            kill(if is_pid_1 { running.child() } else { running.pid() }, signal).unwrap();
            let run = running.wait();
            let number = signal as i32;
            run.ended(if is_pid_1 { Status::Exit(128 + number) } else { Status::Signal(number) });
            one_line(&run, signal.as_str(), "secret x in us-east-1");
            assert!(!sandbox.path("started").exists());
        }
    }
}

#[test]
fn what_is_awaited_is_named() {
    let aws = Aws::start();
    let hang = format!("http://{}/hang", aws.address());
    let running = sandbox(&aws).without_keys().env("AWS_CONTAINER_CREDENTIALS_FULL_URI", hang).spawn();
    aws.await_calls(1);
    one_line(&running.ends_by(Signal::SIGTERM), "SIGTERM", "AWS credentials");

    let aws = Aws::start().fails("GetParametersByPath", Fault::Hang);
    let running = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/"]).spawn();
    aws.await_calls(1);
    one_line(&running.ends_by(Signal::SIGTERM), "SIGTERM", "parameters below /app/ in us-east-1");

    // Blocked in a pipe without an end.
    for (sandbox, awaited) in [
        (sandbox(&aws).without_keys().env("AWS_CONFIG_FILE", "pipe"), "the AWS configuration files"),
        (Sandbox::new().args(["-f", "pipe"]), "the declarations"),
    ] {
        let pipe = sandbox.path("pipe");
        mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let running = sandbox.spawn();
        // Opening it for writing returns when it is opened for reading.
        let writer = File::options().write(true).open(pipe).unwrap();
        one_line(&running.ends_by(Signal::SIGTERM), "SIGTERM", awaited);
        drop(writer);
    }
}

#[test]
fn what_is_no_longer_awaited_is_not_named() {
    let aws = hanging();
    let running = sandbox(&aws).args(["--role-arn", "arn:aws:iam::123456789012:role/Reader"]).spawn();
    // AssumeRole was answered before the second request.
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    run.says(["waiting for secret x in us-east-1"]).says_nothing_of("the role");
}

#[test]
fn of_many_only_the_first_are_named() {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for n in 0..9 {
        aws = aws.secret(&format!("x{n}"), Secret::failing(Fault::Hang));
        sandbox = sandbox.resolve(&format!("A{n}=x{n}"));
    }
    let running = sandbox.aws(&aws).spawn();
    aws.await_calls(9);
    let run = running.ends_by(Signal::SIGTERM);
    run.says(["secret x0 in us-east-1, secret x1 in us-east-1, secret x2 in us-east-1 and 6 more; "]);
}

#[test]
fn the_last_error_is_named_and_what_a_server_says_cannot_end_the_line() {
    let failure = fault::sts(500, "InternalFailure", "no\n\u{1b}[2Ksecrets-exec: all is well");
    let aws = Aws::start().fails("AssumeRole", failure);
    let running = sandbox(&aws).args(["--role-arn", "arn:aws:iam::123456789012:role/Reader"]).spawn();
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    run.says(["waiting for the role arn:aws:iam::123456789012:role/Reader, last error: ", "; nothing was started"]);
    assert!(run.stderr().lines().count() == 1 && !run.stderr().contains('\u{1b}'), "{run}");
}

/// The last child that a process forked.
fn child_of(process: Pid) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    Pid::from_raw(children.split_whitespace().last().unwrap().parse().unwrap())
}

/// Asserts that TERM ends a launch whose standard error is a full pipe that nobody reads, some time after its first request.
fn ends_unread(aws: &Aws, time: Duration, options: &[&str], namespace: Option<[&str; 5]>) {
    let mut child = Command::new("/bin/sh")
        .args(["-c", "head -c 100000 /dev/zero >&2 & sleep 0.3; exec \"$@\"", "sh"])
        .args(namespace.into_iter().flatten())
        .arg(program())
        .arg("--no-file")
        .args(options)
        .args(["--", "true"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", &aws.endpoint())])
        .envs([("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    aws.await_calls(usize::from(!options.contains(&"-vv")));
    std::thread::sleep(time);
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(if namespace.is_some() { child_of(pid) } else { pid }, Signal::SIGTERM).unwrap();
    record::await_fact("the end", || child.try_wait().unwrap().is_some());
    let status = child.wait().unwrap();
    assert_eq!(
        (status.signal(), status.code()),
        if namespace.is_some() { (None, Some(143)) } else { (Some(15), None) }
    );
}

#[test]
fn nobody_who_reads_the_line_or_the_failures_is_no_reason_to_wait() {
    for namespace in [None, skip::pid_1()] {
        ends_unread(&hanging(), Duration::ZERO, &["-e", "A=x:k"], namespace);
        // It is printing that the key is absent.
        ends_unread(&served(), Duration::from_millis(500), &["-e", "A=x:absent"], namespace);
        // The worker is printing its trace, and the main thread that the time is over.
        let options = ["-vv", "--timeout", "1s", "-e", "A=x:k"];
        ends_unread(&hanging(), Duration::from_millis(2500), &options, namespace);
    }
}
