//! Several declarations and the command line: later entries win, and overridden secrets are not fetched.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;

fn served() -> Aws {
    Aws::start()
        .secret("first", Secret::json(r#"{"k":"from the first"}"#))
        .secret("second", Secret::json(r#"{"k":"from the second"}"#))
}

fn sandbox(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).file("a.yaml", "secrets:\n  s: first\nenv:\n  A: s:k\n")
}

#[test]
fn a_later_file_wins() {
    let aws = served();
    let run = sandbox(&aws).file("b.yaml", "env:\n  A: second:k\n").args(["-f", "a.yaml", "-f", "b.yaml"]).run();
    run.launched().has("A", "from the second");
}

#[test]
fn the_order_of_the_files_decides() {
    let aws = served();
    let run = sandbox(&aws).file("b.yaml", "env:\n  A: second:k\n").args(["-f", "b.yaml", "-f", "a.yaml"]).run();
    run.launched().has("A", "from the first");
}

#[test]
fn the_command_line_wins_over_files() {
    let aws = served();
    let run = sandbox(&aws).resolve("A=second:k").args(["-f", "a.yaml"]).run();
    run.launched().has("A", "from the second");
}

#[test]
fn the_command_line_adds_to_the_default_file() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).declaration("env:\n  A: first:k\n").resolve("B=second:k").run();
    run.launched().has("A", "from the first").has("B", "from the second");
}

#[test]
fn what_is_overridden_is_not_fetched() {
    let aws = served();
    let run = sandbox(&aws).args(["-f", "a.yaml"]).resolve("A=second:k").run();
    run.launched();
    assert_eq!(aws.only_read().secret_id(), "second");
}

#[test]
fn a_literal_overrides_a_reference() {
    let aws = served();
    let run =
        sandbox(&aws).file("b.yaml", "env:\n  A: { value: plain }\n").args(["-f", "a.yaml", "-f", "b.yaml"]).run();
    run.launched().has("A", "plain");
    assert!(aws.calls().is_empty());
}

#[test]
fn an_alias_serves_later_files() {
    let aws = served();
    let run = sandbox(&aws).file("b.yaml", "env:\n  B: s:k\n").args(["-f", "a.yaml", "-f", "b.yaml"]).run();
    run.launched().has("B", "from the first");
}

#[test]
fn an_alias_does_not_serve_earlier_files() {
    let aws = served();
    let run = sandbox(&aws)
        .file("b.yaml", "secrets:\n  first: second\nenv:\n  B: first:k\n")
        .args(["-f", "a.yaml", "-f", "b.yaml"])
        .run();
    run.launched().has("A", "from the first").has("B", "from the second");
}

#[test]
fn one_name_twice_on_the_command_line_is_an_error() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).resolve("A=first:k").resolve("A=second:k").run();
    run.refused(64).says(["A"]);
    assert!(aws.calls().is_empty());
}
