//! The lines of a rotation, in text and as JSON: a note for each restart, signal or exit, warnings, and the rest as details.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, fault};
use crate::support::outcome::{Outcome, Status};
use crate::support::record;
use crate::support::rotating::{Rotating, rotating};
use crate::support::running::Running;
use crate::support::sandbox::{CANARY, Sandbox};

fn values(value: &str) -> String {
    format!(r#"{{"x": {{"k": "{CANARY}/{value}"}}}}"#)
}

/// A run that polls only when it gets SIGUSR2, of a command that records its starts and signals. SIGTERM ends it with status 3.
fn sandbox(mode: &str) -> Sandbox {
    let script = record::SIGNALS[2].replace("number == 64", "number == 15");
    let sandbox = Sandbox::new().local(&values("old")).resolve("A=x:k").command(["python3", "-c", &script]);
    sandbox.args(["--on-rotation", mode, "--poll-interval", "1h", "--poll-signal", "USR2"])
}

fn in_json(mode: &str) -> Sandbox {
    sandbox(mode).args(["--log-format", "json"])
}

fn rotate(sandbox: &Sandbox, running: &Running) {
    fs::write(sandbox.path("local.json"), values("new")).unwrap();
    running.signal(Signal::SIGUSR2);
}

/// Restarts the command once, and ends it.
fn restarted(sandbox: &Sandbox) -> Outcome {
    let running = sandbox.spawn();
    record::await_lines(sandbox, 1);
    rotate(sandbox, &running);
    record::await_lines(sandbox, 3);
    running.signal(Signal::SIGTERM);
    let run = running.wait();
    run.ended(Status::Exit(3));
    run
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn a_restart_has_an_object_for_each_step() {
    let sandbox = in_json("restart");
    let run = restarted(&sandbox);
    let events = run.events();
    assert_eq!(names(&events), ["warning", "started", "changed", "ended", "restarted", "ended"], "{run}");
    let [_, started, changed, ended, restarted, last] = events.as_slice() else { panic!("{run}") };
    assert_eq!((&changed["secret"], &changed["variables"]), (&json!("x"), &json!(["A"])));
    // The versions of a local file have no ids.
    assert_eq!((changed.get("old_version"), changed.get("new_version")), (None, None));
    assert_eq!((&ended["status"], &ended["pid"]), (&json!(3), &started["pid"]));
    assert_eq!((&restarted["variables"], &restarted["pid"]), (&json!(["A"]), &last["pid"]));
    assert_ne!(started["pid"], restarted["pid"]);
}

#[test]
fn in_text_a_restart_is_one_note() {
    let run = restarted(&sandbox("restart"));
    let stderr = run.stderr();
    let notes: Vec<_> = stderr.lines().filter(|line| !line.contains("(--local)")).collect();
    assert_eq!(notes, ["secrets-exec: note: python3 was started again: A changed"], "{run}");
}

#[test]
fn verbose_adds_the_details_and_quiet_leaves_nothing() {
    let run = restarted(&sandbox("restart").arg("-v"));
    run.says(["secret x changed: A", "python3 ended with status 3", "python3 started with the process id "]);
    assert_eq!(restarted(&sandbox("restart").arg("-q")).stderr(), "");
    assert_eq!(restarted(&in_json("restart").arg("-q")).stderr(), "");
}

#[test]
fn an_exit_is_one_note_with_its_status() {
    for (sandbox, is_json) in [(sandbox("exit"), false), (in_json("exit"), true)] {
        let running = sandbox.spawn();
        record::await_lines(&sandbox, 1);
        rotate(&sandbox, &running);
        let run = running.wait();
        run.ended(Status::Exit(75));
        if is_json {
            let events = run.events();
            assert_eq!(names(&events), ["warning", "started", "changed", "ended", "exiting"], "{run}");
            assert_eq!((&events[4]["status"], &events[4]["variables"]), (&json!(75), &json!(["A"])));
        } else {
            run.says(["note: python3 was stopped for new values, and secrets-exec exits with status 75: A changed"]);
        }
    }
}

#[test]
fn a_signal_names_the_files_and_what_the_command_cannot_see() {
    let sandbox = in_json("signal=HUP");
    let path = sandbox.path("file").display().to_string();
    let sandbox = sandbox.declaration(&format!("files:\n  - {{ from: 'x:k', path: '{path}' }}\n"));
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    rotate(&sandbox, &running);
    record::await_lines(&sandbox, 2);
    running.signal(Signal::SIGTERM);
    let run = running.wait();
    run.ended(Status::Exit(3));
    assert!(!Path::new(&path).exists());
    let events = run.events();
    let of = |name: &str| of(&events, name).first().copied().unwrap_or_else(|| panic!("{name}: {run}"));
    assert_eq!((&of("signalled")["signal"], &of("signalled")["variables"]), (&json!("SIGHUP"), &json!([path])));
    assert_eq!((&of("unseen")["level"], &of("unseen")["variables"]), (&json!("warning"), &json!(["A"])));
}

/// A run whose secrets AWS has, with JSON on standard error.
fn served_in_json(aws: &Aws, mode: &str) -> Sandbox {
    rotating(aws, mode).args(["--log-format", "json"])
}

fn secret(version: &'static str, value: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{value}"}}"#)).with_id(version)
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn a_failed_poll_is_one_warning_and_its_end_one_note() {
    let aws = Aws::start().secret("x", secret("v1", "one"));
    let run = Rotating::start(served_in_json(&aws, "restart"));
    aws.begin_to_fail("GetSecretValue", fault::denied("x"));
    for _ in 0..3 {
        run.poll(&aws);
    }
    aws.recover("GetSecretValue");
    run.poll(&aws);
    let run = run.end();
    let events = run.events();
    let [failed] = of(&events, "poll_failed").try_into().unwrap_or_else(|_| panic!("{run}"));
    assert_eq!(
        (&failed["level"], &failed["variables"], &failed["secret"]),
        (&json!("warning"), &json!(["A"]), &json!("x"))
    );
    assert_eq!(of(&events, "poll_recovered").len(), 1, "{run}");
}

#[test]
fn a_new_value_that_no_variable_can_hold_is_a_failed_poll_with_the_variable() {
    let aws = Aws::start().secret("x", secret("v1", "one"));
    let run = Rotating::start(served_in_json(&aws, "restart"));
    aws.rotate("x", secret("v2", "\\u0000"));
    run.poll(&aws);
    let run = run.end();
    let events = run.events();
    assert_eq!(of(&events, "poll_failed")[0]["variables"], json!(["A"]), "{run}");
}

#[test]
fn two_changes_within_the_splay_are_each_reported_once() {
    let aws = Aws::start().secret("x", secret("v1", "one")).secret("y", secret("w1", "one"));
    let run = Rotating::start(served_in_json(&aws, "restart").resolve("B=y:k").args(["--splay", "1000h"]));
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    aws.rotate("y", secret("w2", "two"));
    run.poll(&aws);
    let run = run.end();
    let events = run.events();
    let changed: Vec<_> =
        of(&events, "changed").iter().map(|event| [&event["secret"], &event["new_version"]]).collect();
    assert_eq!(changed, [["x", "v2"], ["y", "w2"]], "{run}");
    // One consequence for both.
    let [delayed] = of(&events, "delayed").try_into().unwrap_or_else(|_| panic!("{run}"));
    assert!(delayed["seconds"].as_u64().is_some_and(|seconds| seconds <= 3_600_000), "{run}");
}

#[test]
fn a_change_that_the_command_cannot_see_has_its_versions_and_follows_the_recovery() {
    let aws = Aws::start().secret("x", secret("v1", "one"));
    let sandbox = served_in_json(&aws, "signal=HUP");
    let path = sandbox.path("file").display().to_string();
    let sandbox = sandbox.declaration(&format!("files:\n  - {{ value: text, path: '{path}' }}\n"));
    let run = Rotating::start(sandbox);
    aws.begin_to_fail("GetSecretValue", fault::denied("x"));
    run.poll(&aws);
    aws.recover("GetSecretValue");
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    run.poll(&aws);
    let run = run.end();
    let events = run.events();
    let steps: Vec<_> = names(&events).into_iter().filter(|name| *name != "warning").collect();
    assert_eq!(steps, ["started", "poll_failed", "poll_recovered", "changed", "unseen", "ended"], "{run}");
    let changed = of(&events, "changed")[0];
    assert_eq!((&changed["secret"], &changed["variables"]), (&json!("x"), &json!(["A"])));
    assert_eq!((&changed["old_version"], &changed["new_version"]), (&json!("v1"), &json!("v2")));
    assert!(of(&events, "unseen")[0]["help"][0].as_str().unwrap().contains("--on-rotation restart"), "{run}");
}

#[test]
fn a_group_that_is_killed_is_a_warning_in_text() {
    let sandbox = Sandbox::new().local(&values("old")).resolve("A=x:k").command(record::SIGNALS);
    let sandbox =
        sandbox.args(["--on-rotation", "exit", "--poll-interval", "1h", "--poll-signal", "USR2", "--grace", "100ms"]);
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    rotate(&sandbox, &running);
    let run = running.wait();
    run.ended(Status::Exit(75));
    run.says(["warning: the process group of python3 did not end and is killed (--grace 100ms)"]);
}
