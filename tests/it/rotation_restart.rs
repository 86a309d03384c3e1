//! `--on-rotation restart`: the new start, with all values of the change and none of before.

use std::fs;
use std::path::Path;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::record;
use crate::support::rotating::{Rotating, polled_on_request, rotating};
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

fn secret(version: &'static str, value: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{value}"}}"#)).with_id(version)
}

fn served() -> Aws {
    Aws::start().secret("x", secret("v1", "one"))
}

/// Changes the secret, and asks for a poll.
fn rotate(aws: &Aws, run: &Rotating) {
    aws.rotate("x", secret("v2", "two"));
    run.poll(aws);
}

#[test]
fn the_old_command_has_ended_before_the_new_one_starts() {
    let aws = served();
    let script = "trap 'echo ended >> record; exit' TERM; echo start $A $$ >> record; sleep 1000 & wait";
    let run = Rotating::start(rotating(&aws, "restart").script(script));
    rotate(&aws, &run);
    let lines: Vec<_> = run.awaits(3).into_iter().map(|words| words[0].clone()).collect();
    assert_eq!(lines, ["start", "ended", "start"]);
    assert!(!Path::new("/proc").join(run.command(0)).exists());
    run.end();
}

#[test]
fn one_note_names_the_variables_and_none_the_values() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    rotate(&aws, &run);
    run.awaits(2);
    let outcome = run.end();
    assert_eq!(outcome.stderr(), "secrets-exec: note: /bin/sh was started again: A changed\n");
}

#[test]
fn the_status_is_that_of_the_last_command() {
    let aws = served();
    let script = "echo start $A $$ >> record; [ $A = two ] && exit 7; exec sleep 1000";
    let run = Rotating::start(rotating(&aws, "restart").script(script));
    rotate(&aws, &run);
    run.running.wait().ended(Status::Exit(7));
}

#[test]
fn a_program_that_has_vanished_ends_the_run_with_127() {
    let aws = served();
    let sandbox =
        rotating(&aws, "restart").executable("app", "#!/bin/sh\necho start $A $$ >> record; exec sleep 1000\n");
    let run = Rotating::start(sandbox.command(["./app"]));
    fs::remove_file(run.sandbox.path("app")).unwrap();
    rotate(&aws, &run);
    let outcome = run.running.wait();
    outcome.ended(Status::Exit(127)).says(["./app was stopped for new values, and cannot be started again: A changed"]);
    outcome.says(["error: ./app"]);
}

#[test]
fn a_program_that_cannot_be_executed_any_more_ends_the_run_with_126() {
    let aws = served();
    let sandbox =
        rotating(&aws, "restart").executable("app", "#!/bin/sh\necho start $A $$ >> record; exec sleep 1000\n");
    let run = Rotating::start(sandbox.command(["./app"]));
    fs::rename(run.sandbox.path("app"), run.sandbox.path("old")).unwrap();
    let run = Rotating { sandbox: run.sandbox.executable("app", "#!/no/such/interpreter\n"), ..run };
    rotate(&aws, &run);
    run.running.wait().ended(Status::Exit(126)).says(["app"]);
}

#[test]
fn values_that_no_environment_can_hold_leave_the_old_command_running() {
    let aws = served();
    let sandbox = rotating(&aws, "restart");
    let run = Rotating::start(sandbox);
    for (version, value) in [("v2", "a\\u0000b".to_owned()), ("v3", "x".repeat(131_072))] {
        aws.rotate("x", secret(version, &value));
        run.poll(&aws);
    }
    aws.rotate("x", secret("v4", "last"));
    run.poll(&aws);
    assert_eq!(run.values(2), ["one", "last"]);
    run.end().says(["the secrets cannot be read again", "NUL"]);
}

#[test]
fn variables_that_are_too_large_together_leave_the_old_command_running() {
    let aws = served();
    let names = ["B", "C", "D", "E", "F", "G", "H", "I", "J"];
    let sandbox = names.iter().fold(rotating(&aws, "restart"), |sandbox, name| sandbox.resolve(&format!("{name}=x:k")));
    let run = Rotating::start(sandbox.prepared_by("ulimit -s 4096; exec \"$@\""));
    // Ten of them are above a quarter of 4 MiB; each is below the limit of one string.
    aws.rotate("x", secret("v2", &"x".repeat(120_000)));
    run.poll(&aws);
    aws.rotate("x", secret("v3", "last"));
    run.poll(&aws);
    assert_eq!(run.values(2), ["one", "last"]);
    run.end().says(["the secrets cannot be read again"]);
}

#[test]
fn the_new_command_has_files_in_memory_of_its_own() {
    let aws = served();
    let script = "echo start $(cat $F) $$ $F >> record; exec sleep 1000";
    let run = Rotating::start(rotating(&aws, "restart").args(["--as-file", "F=x:k"]).script(script));
    rotate(&aws, &run);
    let lines = run.awaits(2);
    assert_eq!((lines[0][1].as_str(), lines[1][1].as_str()), ("one", "two"));
    assert_eq!(lines[0][3], "/proc/self/fd/100");
    let ours = fs::read_dir(run.running.proc("fd")).unwrap().map(|entry| fs::read_link(entry.unwrap().path()));
    let memfds = ours.filter(|target| target.as_ref().is_ok_and(|target| target.starts_with("/memfd:secrets-exec")));
    assert_eq!(memfds.count(), 0);
    let command = fs::read_dir(Path::new("/proc").join(&lines[1][2]).join("fd")).unwrap();
    let targets = command.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    assert_eq!(targets.filter(|target| target.to_string_lossy().contains("memfd:secrets-exec")).count(), 1);
    run.end();
}

#[test]
fn a_hundred_restarts_leave_no_descriptor_and_no_process() {
    let aws = served();
    let sandbox = polled_on_request(sandbox(&aws), "restart").args(["--as-file", "F=x:k"]);
    let run = Rotating::start(sandbox.script("echo start $A $$ >> record; exec sleep 1000"));
    let descriptors = |run: &Rotating| fs::read_dir(run.running.proc("fd")).unwrap().count();
    let versions = ["v1", "v2"];
    let mut first = 0;
    for at in 1..=100 {
        aws.rotate("x", secret(versions[at % 2], &format!("value-{at}")));
        run.request();
        run.awaits(at + 1);
        if at == 10 {
            first = descriptors(&run);
        }
    }
    // The command may run before this process has closed what it started it with.
    record::await_fact("no more descriptors", || descriptors(&run) <= first);
    record::await_fact("at most three threads", || run.threads() <= 3);
    run.end();
}

#[test]
fn the_lines_of_two_levels_of_verbosity_have_no_value() {
    let aws = Aws::start().secret("x", Secret::text(&format!("{CANARY}/one")).with_id("v1"));
    let sandbox = polled_on_request(Sandbox::new().aws(&aws), "restart").args(["-vv", "--env", "A=x"]);
    let run = Rotating::start(sandbox.script("echo start $A $$ >> record; exec sleep 1000"));
    aws.rotate("x", Secret::text(&format!("{CANARY}/two")).with_id("v2"));
    run.poll(&aws);
    run.awaits(2);
    run.end();
}
