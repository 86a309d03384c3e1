//! The list of skipped tests, and the failure of CI on a skip that `.ci/run` does not allow.

use std::fs;
use std::process::{Command, Output};

use crate::support::directory::Directory;

/// Runs `tests/skips`, with a file in `directory` as its record.
fn skips<'a>(directory: &Directory, arguments: impl IntoIterator<Item = &'a str>) -> Output {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/skips"));
    command.env("SECRETS_EXEC_SKIPPED", directory.path().join("skipped")).args(arguments);
    command.output().unwrap()
}

fn record(directory: &Directory, line: &str) {
    assert!(skips(directory, ["record", line]).status.success());
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_skip_that_is_not_allowed_fails_the_check_and_is_named() {
    let directory = Directory::new();
    record(&directory, "network::a: no network: [\"unshare\"] does not work here");
    record(&directory, "network::b: no peer");
    let checked = skips(&directory, ["check", "no peer", "no net"]);
    assert!(!checked.status.success());
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.ends_with("not allowed: network::a: no network: [\"unshare\"] does not work here\n"), "{said}");
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn skips_that_are_allowed_pass_the_check() {
    let directory = Directory::new();
    record(&directory, "network::a: no network: [\"unshare\"] does not work here");
    record(&directory, "network::b: no peer");
    assert!(skips(&directory, ["check", "no network: *", "no peer"]).status.success());
}

#[test]
fn a_check_of_no_skip_passes() {
    let directory = Directory::new();
    fs::write(directory.path().join("skipped"), "").unwrap();
    assert!(skips(&directory, ["check", "no peer"]).status.success());
}

#[test]
fn a_check_without_a_record_fails() {
    assert!(!skips(&Directory::new(), ["check", "*"]).status.success());
}

#[test]
fn a_run_ends_with_the_tests_that_it_skipped_by_reason() {
    let directory = Directory::new();
    let script = "echo output; for test in b a; do \"$0\" record \"$test: no peer\"; done";
    let run = skips(&directory, ["run", "sh", "-c", script, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/skips")]);
    assert_eq!(stdout(&run), "output\nskipped, because of:\n  no peer\n      a\n      b\n");
    let recorded = fs::read_to_string(directory.path().join("skipped")).unwrap();
    assert_eq!(recorded, "b: no peer\na: no peer\n");
}

#[test]
fn a_run_that_skips_nothing_says_so() {
    assert_eq!(stdout(&skips(&Directory::new(), ["run", "true"])), "nothing was skipped\n");
}

#[test]
fn a_run_ends_with_the_status_of_its_command() {
    assert_eq!(skips(&Directory::new(), ["run", "sh", "-c", "exit 3"]).status.code(), Some(3));
}
