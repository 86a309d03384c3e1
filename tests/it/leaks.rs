//! Secrets do not leak: not into a core dump, /proc, standard error at any verbosity, files or the command line.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A launch whose core may have any size; its command dumps core itself.
fn dumping(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).resolve("A=x:k").prepared_by("ulimit -c unlimited; exec \"$@\"").script("kill -ABRT $$")
}

fn cores(sandbox: &Sandbox) -> usize {
    let files = fs::read_dir(sandbox.path("")).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("core")).count()
}

fn leaves_no_core(signal: Signal) {
    // The credentials are in its memory from the start, so any core would hold a secret.
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let control = dumping(&aws);
    control.control().ended(Status::Signal(6));
    if cores(&control) == 0 {
        return skip::skipped("a core dump: cores are not written into the working directory here");
    }
    let sandbox = dumping(&aws);
    let running = sandbox.spawn();
    aws.await_calls(1);
    running.ends_by(signal);
    assert_eq!(cores(&sandbox), 0);
}

#[test]
fn quit_leaves_no_core() {
    leaves_no_core(Signal::SIGQUIT);
}

#[test]
fn abort_leaves_no_core() {
    leaves_no_core(Signal::SIGABRT);
}

#[test]
fn a_fault_of_arithmetic_leaves_no_core() {
    leaves_no_core(Signal::SIGFPE);
}

#[test]
fn another_process_of_the_same_user_cannot_look_into_it() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let trial = [&other_user[..], &["true"]].concat();
    if !skip::can(&trial, "the owner of /proc/PID of another user") {
        return;
    }
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#).held());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k").through(other_user).command([
        "stat",
        "-c",
        "%u",
        "/proc/self/environ",
    ]);
    let running = sandbox.spawn_copy();
    aws.await_calls(1);
    let owner = fs::metadata(running.proc("environ")).unwrap().uid();
    aws.release();
    // The command itself is dumpable again, which also shows that the owner of /proc/PID is a valid measure.
    running.wait().launched().printed("65534\n");
    assert_eq!(owner, 0, "the launcher is dumpable while it holds values");
}

#[test]
fn no_command_line_holds_a_value() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#).held());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x").script("cat /proc/$$/cmdline; :");
    let running = sandbox.spawn();
    aws.await_calls(1);
    let launcher = fs::read_to_string(running.proc("cmdline")).unwrap();
    assert!(launcher.contains("A=x") && !launcher.contains(CANARY), "{launcher}");
    aws.release();
    let command = running.wait().launched().stdout();
    assert!(command.contains("cmdline"), "{command}");
}

#[test]
fn no_log_of_the_sdk_holds_a_value() {
    for secret in [
        Secret::json(r#"{"k":"v"}"#),
        Secret::json(r#"{"k":"v"}"#).after([fault::internal_error()]),
        Secret::binary(format!(r#"{{"k":"{CANARY}"}}"#)),
    ] {
        let aws = Aws::start().secret("x", secret);
        let run = Sandbox::new()
            .aws(&aws)
            .env("LOG_SENSITIVE_BODIES", "true")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .resolve("A=x:k")
            .run();
        run.launched_silently().has("LOG_SENSITIVE_BODIES", "true").has("RUST_LOG", "trace");
    }
}

#[test]
fn no_failure_with_every_log_on_holds_a_value() {
    for reference in ["A=x:nope", "A=x:$[*]", "A=x:k:AWSPENDING"] {
        let aws = served();
        let run = Sandbox::new()
            .aws(&aws)
            .env("LOG_SENSITIVE_BODIES", "true")
            .env("RUST_LOG", "trace")
            .args(["-v"])
            .resolve(reference)
            .run();
        run.refused(78).says(["A", "x"]);
    }
}

#[test]
fn verbose_tells_where_each_variable_came_from_and_not_its_value() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).args(["-v"]);
    let run = sandbox.resolve("NAME=x").run();
    run.launched().says(["NAME", "x", CURRENT_ID, "AWSCURRENT", "us-east-1"]);
}

#[test]
fn a_default_that_is_used_is_not_printed() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .declaration(&format!("env:\n  A: {{ from: \"x:nope\", default: {CANARY} }}\n"))
        .args(["-v"])
        .run();
    run.launched().has("A", CANARY);
}

/// Every path below a directory.
fn listing(directory: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(listing(&path));
        }
        paths.push(path.display().to_string());
    }
    paths.sort_unstable();
    paths
}

#[test]
fn no_file_is_written() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    let root = sandbox.home().parent().unwrap().to_owned();
    let before = listing(&root);
    sandbox.run().launched();
    assert_eq!(listing(&root), before);
}

#[test]
fn a_local_file_that_is_broken_is_not_quoted() {
    for (name, content) in [
        ("local.json", format!(r#"{{"x": "{CANARY}",,}}"#)),
        ("local.json", format!(r#"["{CANARY}"]"#)),
        ("local.yaml", format!("x: [{CANARY}\ny: }}\n")),
        ("local.yaml", format!("- {CANARY}\n")),
        ("local.json", format!(r#"{{"x": {{"$binary": "{CANARY}"}}}}"#)),
        ("local.json", format!(r#"{{"x": {{"$stages": "{CANARY}"}}}}"#)),
    ] {
        let run = Sandbox::new().file(name, &content).args(["--local", name]).resolve("A=x").run();
        assert!(run.stdout.is_empty(), "{content}: {run}");
        assert!(matches!(run.status, Status::Exit(64 | 78)), "{content}: {run}");
    }
}

#[test]
fn a_declaration_that_is_broken_is_not_quoted_where_it_holds_values() {
    let run = Sandbox::new().declaration(&format!("env:\n  A: {{ value: [{CANARY}] }}\n")).run();
    run.refused(78).says(["secrets-exec.yaml:2"]);
}
