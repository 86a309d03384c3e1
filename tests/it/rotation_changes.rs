//! `--on-rotation`: the facts that are a change, and those that are none. Each test ends with a change, so that an earlier start would
//! be in the record.

use crate::support::aws::agent::TOKEN;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version, fault};
use crate::support::rotating::{Rotating, SLEEPER, polled_on_request, rotating};
use crate::support::sandbox::{self, CANARY, Sandbox};

fn secret(version: &'static str, value: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{value}","other":"{version}"}}"#)).with_id(version)
}

fn served() -> Aws {
    Aws::start().secret("x", secret("v1", "one"))
}

/// Changes the secret, and asserts the values with which the command was started until then.
fn starts_after_a_change(aws: &Aws, run: &Rotating, expected: &[&str]) {
    aws.rotate("x", secret("v9", "last"));
    run.poll(aws);
    assert_eq!(run.values(expected.len()), expected);
}

#[test]
fn a_new_version_with_another_value_is_a_change() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    starts_after_a_change(&aws, &run, &["one", "last"]);
    run.end();
}

#[test]
fn the_same_version_is_no_change() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    for _ in 0..5 {
        run.poll(&aws);
    }
    starts_after_a_change(&aws, &run, &["one", "last"]);
    run.end();
}

#[test]
fn a_new_version_with_the_same_values_is_no_change() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    for version in ["v2", "v3", "v4"] {
        aws.rotate("x", secret(version, "one"));
        run.poll(&aws);
    }
    starts_after_a_change(&aws, &run, &["one", "last"]);
    run.end();
}

#[test]
fn several_secrets_that_change_together_are_one_change() {
    let aws = served().secret("y", Secret::json(r#"{"k":"one"}"#).with_id("w1"));
    let run = Rotating::start(rotating(&aws, "restart").resolve("B=y:k").arg("-v"));
    aws.rotate("x", secret("v2", "two"));
    aws.rotate("y", Secret::json(r#"{"k":"two"}"#).with_id("w2"));
    run.poll(&aws);
    assert_eq!(run.values(2), ["one", "two"]);
    starts_after_a_change(&aws, &run, &["one", "two", "last"]);
    let outcome = run.end();
    outcome.says(["secret x has version v2 after v1: A", "secret y has version w2 after w1: B", "A and B changed"]);
}

#[test]
fn a_version_that_becomes_current_again_is_another_change() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    for (at, (version, value)) in [("v2", "two"), ("v1", "one")].into_iter().enumerate() {
        aws.rotate("x", secret(version, value));
        run.poll(&aws);
        run.values(at + 2);
    }
    starts_after_a_change(&aws, &run, &["one", "two", "one", "last"]);
    run.end();
}

#[test]
fn a_change_that_reverts_within_the_splay_does_nothing() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart").args(["-v", "--splay", "1000h"]));
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    aws.rotate("x", secret("v1", "one"));
    run.poll(&aws);
    let process = run.command(0);
    assert!(std::path::Path::new("/proc").join(process).exists());
    let outcome = run.end();
    assert_eq!(outcome.stderr().matches(" started with").count(), 1, "{outcome}");
}

#[test]
fn an_optional_secret_that_appears_and_vanishes_is_a_change() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).declaration("env:\n  O: { from: \"y:k\", optional: true }\n");
    let sandbox = polled_on_request(sandbox, "restart").script("echo start [$O] $$ >> record; exec sleep 1000");
    let run = Rotating::start(sandbox);
    aws.rotate("y", Secret::json(r#"{"k":"there"}"#).with_id("w1"));
    run.poll(&aws);
    assert_eq!(run.values(2), ["[]", "[there]"]);
    aws.delete("y");
    run.poll(&aws);
    assert_eq!(run.values(3), ["[]", "[there]", "[]"]);
    run.end();
}

#[test]
fn a_parameter_is_compared_by_its_version_number() {
    let value = |text: &str| Version::text(&format!("{CANARY}/{text}"));
    let aws = Aws::start().parameter("/app/key", &[value("one")]);
    let run = Rotating::start(
        polled_on_request(Sandbox::new().aws(&aws).resolve("A=ssm:/app/key"), "restart").arg("-v").script(SLEEPER),
    );
    run.poll(&aws);
    aws.rotate_parameter("/app/key", &[value("one"), value("two")]);
    run.poll(&aws);
    run.awaits(2);
    run.end().says(["parameter /app/key has version 2 after 1: A"]);
}

#[test]
fn a_parameter_that_appears_below_a_path_is_a_change() {
    let value = |text: &str| Version::text(&format!("{CANARY}/{text}"));
    let aws = Aws::start().parameter("/app/a", &[value("one")]);
    let sandbox = Sandbox::new().aws(&aws).args(["--env-from", "ssm:/app/"]);
    let sandbox = polled_on_request(sandbox, "restart").script("echo start [$B] $$ >> record; exec sleep 1000");
    let run = Rotating::start(sandbox);
    aws.rotate_parameter("/app/b", &[value("new")]);
    run.poll(&aws);
    assert_eq!(run.values(2)[1], format!("[{CANARY}/new]"));
    run.end();
}

#[test]
fn a_local_file_is_read_again() {
    let document = |value: &str| format!(r#"{{"x":{{"k":"{CANARY}/{value}"}}}}"#);
    let sandbox = Sandbox::new().local(&document("one")).resolve("A=x:k").script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    run.request();
    std::fs::write(run.sandbox.path("local.json"), document("two")).unwrap();
    run.request();
    assert_eq!(run.values(2)[1], format!("{CANARY}/two"));
    run.end();
}

#[test]
fn the_agent_is_asked_again() {
    let aws = served();
    let sandbox =
        sandbox::sandbox(&aws).args([&format!("--agent={}", aws.agent())]).env("AWS_TOKEN", TOKEN).script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    starts_after_a_change(&aws, &run, &["one", "last"]);
    run.end();
    assert!(aws.reads().is_empty());
}

#[test]
fn a_secret_that_becomes_unreadable_changes_nothing() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    aws.begin_to_fail("GetSecretValue", fault::denied("x"));
    run.poll(&aws);
    run.poll(&aws);
    aws.recover("GetSecretValue");
    starts_after_a_change(&aws, &run, &["one", "last"]);
    run.end().says(["AccessDeniedException"]);
}
