//! The line that a signal leaves which ends the program while it resolves: the signal, the time, what is awaited and the last error.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::aws::Aws;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{Sandbox, program, sandbox};
use crate::support::skip;

fn hanging() -> Aws {
    Aws::start().secret("x", Secret::failing(Fault::Hang)).secret("y", Secret::json(r#"{"k":"v"}"#))
}

/// Asserts that the run said one line, which begins with the signal and a time.
fn one_line(run: &Outcome, signal: &str, rest: &str) {
    let stderr = run.stderr();
    let line = stderr.strip_prefix(&format!("secrets-exec: error: {signal} after ")).unwrap_or_else(|| panic!("{run}"));
    let (time, said) = line.split_once("s: ").unwrap_or_else(|| panic!("{run}"));
    assert!(time.parse::<f64>().is_ok_and(|seconds| seconds < 60.0), "{run}");
    assert_eq!(said, format!("{rest}\n"), "{run}");
}

#[test]
fn each_termination_signal_leaves_its_name_and_what_is_awaited() {
    for (signal, name) in [
        (Signal::SIGTERM, "SIGTERM"),
        (Signal::SIGINT, "SIGINT"),
        (Signal::SIGHUP, "SIGHUP"),
        (Signal::SIGQUIT, "SIGQUIT"),
    ] {
        let aws = hanging();
        let running = sandbox(&aws).spawn();
        aws.await_calls(1);
        let rest = "ended while waiting for secret x in us-east-1; nothing was started";
        one_line(&running.ends_by(signal), name, rest);
    }
}

#[test]
fn only_what_is_still_awaited_is_named() {
    let aws = hanging();
    let sandbox =
        sandbox(&aws).resolve("B=y:k").resolve("C=arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf");
    let running = sandbox.spawn();
    aws.await_calls(3);
    // The answer for y is there when the retry of the third is sent.
    std::thread::sleep(Duration::from_millis(500));
    let run = running.ends_by(Signal::SIGTERM);
    run.says(["secret x in us-east-1"]).says_nothing_of("secret y");
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
fn the_last_error_is_named() {
    let aws = Aws::start().secret("x", Secret::failing(fault::status(503)));
    let running = sandbox(&aws).spawn();
    aws.await_calls(3);
    running.ends_by(Signal::SIGTERM).says([", last error: ", "503", "; nothing was started"]);
}

#[test]
fn credentials_and_roles_are_named_while_they_are_awaited() {
    let aws = Aws::start();
    let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let hang = format!("http://{}/hang", aws.address());
    let running = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", hang).spawn();
    aws.await_calls(1);
    one_line(
        &running.ends_by(Signal::SIGTERM),
        "SIGTERM",
        "ended while waiting for AWS credentials; nothing was started",
    );
}

#[test]
fn a_program_that_is_blocked_leaves_the_line_all_the_same() {
    let aws = hanging();
    let sandbox = sandbox(&aws).env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let pipe = sandbox.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    let sandbox = sandbox.env("AWS_CONFIG_FILE", &pipe);
    let running = sandbox.spawn();
    // Opening it for writing returns when it is opened for reading.
    let writer = std::fs::File::options().write(true).open(pipe).unwrap();
    let run = running.ends_by(Signal::SIGTERM);
    one_line(&run, "SIGTERM", "ended while waiting for the AWS configuration files; nothing was started");
    drop(writer);
}

#[test]
fn a_declaration_that_is_a_pipe_without_an_end_is_named() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR).unwrap();
    let sandbox = sandbox.arg("-f").arg(&pipe);
    let running = sandbox.spawn();
    // Opening it for writing returns when it is opened for reading.
    let writer = std::fs::File::options().write(true).open(pipe).unwrap();
    let run = running.ends_by(Signal::SIGTERM);
    one_line(&run, "SIGTERM", "ended while waiting for the declarations; nothing was started");
    drop(writer);
}

#[test]
fn quiet_does_not_hide_it() {
    let aws = hanging();
    let running = sandbox(&aws).arg("-q").spawn();
    aws.await_calls(1);
    running.ends_by(Signal::SIGTERM).says(["SIGTERM after "]);
}

#[test]
fn pid_1_leaves_it_too() {
    let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !skip::can(&[&namespace[..], &["true"]].concat(), "a signal to PID 1") {
        return;
    }
    let aws = hanging();
    let running = sandbox(&aws).through(namespace).spawn();
    aws.await_calls(1);
    kill(running.child(), Signal::SIGTERM).unwrap();
    let run = running.wait();
    run.ended(Status::Exit(143));
    one_line(&run, "SIGTERM", "ended while waiting for secret x in us-east-1; nothing was started");
}

#[test]
fn a_launch_that_has_resolved_leaves_no_line() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = sandbox(&aws).script("kill -TERM $$").run();
    run.ended(Status::Signal(15));
    assert!(run.stderr.is_empty(), "{run}");
}

#[test]
fn what_a_server_says_cannot_end_the_line() {
    let failure = fault::sts(500, "InternalFailure", "no\n\u{1b}[2Ksecrets-exec: all is well");
    let aws = Aws::start().fails("AssumeRole", failure);
    let running = sandbox(&aws).args(["--role-arn", "arn:aws:iam::123456789012:role/Reader"]).spawn();
    aws.await_calls(2);
    let run = running.ends_by(Signal::SIGTERM);
    run.says(["waiting for the role arn:aws:iam::123456789012:role/Reader, last error: "]);
    assert!(run.stderr().lines().count() == 1 && !run.stderr().contains('\u{1b}'), "{run}");
}

#[test]
fn nobody_who_reads_it_is_no_reason_to_wait() {
    let aws = hanging();
    let mut child = Command::new("/bin/sh")
        // Fills the pipe that is standard error, and never reads it.
        .args(["-c", "head -c 100000 /dev/zero >&2 & sleep 0.3; exec \"$@\"", "sh"])
        .arg(program())
        .args(["--no-file", "-e", "A=x:k", "--", "true"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", &aws.endpoint())])
        .envs([("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    aws.await_calls(1);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_path_of_parameters_is_no_parameter() {
    let aws = Aws::start().fails("GetParametersByPath", Fault::Hang);
    let running = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/"]).spawn();
    aws.await_calls(1);
    let rest = "ended while waiting for parameters below /app/ in us-east-1; nothing was started";
    one_line(&running.ends_by(Signal::SIGTERM), "SIGTERM", rest);
}
