//! `--keep-existing`: variables that are already set stay, and their secrets are not fetched.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{Sandbox, sandbox};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"resolved"}"#))
}

#[test]
fn keep_existing_keeps_what_is_set_and_does_not_fetch_it() {
    let aws = served();
    let run = sandbox(&aws).env("A", "inherited").args(["--keep-existing"]).run();
    run.launched().has("A", "inherited");
    assert!(aws.calls().is_empty());
}

#[test]
fn keep_existing_resolves_what_is_empty() {
    let aws = served();
    let run = sandbox(&aws).env("A", "").args(["--keep-existing"]).run();
    run.launched().has("A", "resolved");
}

#[test]
fn keep_existing_resolves_what_is_not_set() {
    let aws = served();
    let run = sandbox(&aws).env("B", "inherited").resolve("B=y:k").args(["--keep-existing"]).run();
    run.launched().has("A", "resolved").has("B", "inherited");
    assert_eq!(aws.only_read().secret_id(), "x");
}

#[test]
fn keep_existing_keeps_what_is_not_utf_8() {
    let aws = served();
    let run = sandbox(&aws).env("A", OsStr::from_bytes(b"\xff")).args(["--keep-existing"]).run();
    run.launched().has("A", b"\xff");
}

#[test]
fn what_unset_removed_is_not_kept() {
    let aws = served();
    let run = sandbox(&aws).env("A", "inherited").args(["--unset", "A", "--keep-existing"]).run();
    run.launched().has("A", "resolved");
}

#[test]
fn what_clean_env_removed_is_not_kept() {
    let aws = served();
    let run = sandbox(&aws).env("A", "inherited").args(["--clean-env", "--keep-existing"]).run();
    run.launched().has("A", "resolved");
}

#[test]
fn keep_existing_keeps_over_a_literal_too() {
    let run = Sandbox::new()
        .env("LEVEL", "debug")
        .declaration("env:\n  LEVEL: { value: info }\n")
        .args(["--keep-existing"])
        .run();
    run.launched().has("LEVEL", "debug");
}
