//! Declarations with thousands of lines, up to 1 MiB, the maximum size of a file. Reading one, and
//! reporting a mistake in each of its lines, takes seconds.
//!
//! A limit of CPU time would end a launch that compares every line with every other one, because
//! that takes minutes.

use crate::support::*;

/// The lines that `line` returns for the numbers below `count`.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

/// Checks this declaration with further options, within 30 seconds of CPU time.
fn checked(declaration: &str, options: &[&str]) -> Outcome {
    Sandbox::new()
        .declaration(declaration)
        .file("local.json", "{}")
        .prepared_by("ulimit -t 30; exec \"$@\"")
        .arg("check")
        .args(options)
        .bare()
        .run()
}

#[test]
fn thousands_of_unknown_names_in_templates_are_reported_within_seconds_even_with_20000_aliases() {
    let aliases = lines(20_000, |number| format!(" a{number:05}: x"));
    let templates = lines(5_000, |number| {
        format!(" T{number}: {{template: '{{{{ u{number:05} }}}}'}}")
    });
    let run = checked(
        &format!("secrets:\n{aliases}env:\n{templates}"),
        &["--offline"],
    );
    run.refused(78).says([
        "the template uses \"u00000\"",
        "did you mean \"a00000\"?",
        "the template uses a name that isn't under \"secrets\"",
    ]);
}

#[test]
fn ten_thousand_missing_secrets_are_reported_within_seconds_even_with_ten_thousand_aliases() {
    let aliases = lines(10_000, |number| format!(" a{number:05}: x"));
    let variables = lines(10_000, |number| format!(" V{number}: u{number:05}:k"));
    let run = checked(
        &format!("secrets:\n{aliases}env:\n{variables}"),
        &["--local", "local.json"],
    );
    run.ended(Status::Exit(78)).says([
        "the secret that V0 refers to doesn't exist",
        "because 10000 values are missing",
    ]);
}

#[test]
fn the_table_of_check_has_a_row_for_each_of_thousands_of_errors() {
    let variables = lines(20_000, |number| format!(" A{number}: a/{number}"));
    let run = checked(&format!("env:\n{variables}"), &["--local", "local.json"]);
    run.ended(Status::Exit(78))
        .says(["20000 secrets don't exist in local.json"]);
    assert_eq!(run.stdout().matches("not-found\n").count(), 20_000);
}

#[test]
fn a_declaration_with_forty_thousand_files_is_checked_within_seconds() {
    let files = lines(40_000, |number| format!("- {{value: x, env: A{number}}}"));
    let run = checked(&format!("files:\n{files}"), &["--offline", "-v"]);
    run.ended(Status::Exit(0));
    assert_eq!(run.stdout().lines().count(), 40_001);
}

#[test]
fn two_hundred_thousand_duplicate_keys_are_reported_within_seconds() {
    let keys = lines(200_000, |_| "a: ".to_owned());
    let run = checked(&format!("env:\n{keys}"), &["--offline"]);
    run.refused(78)
        .says(["secrets-exec.yaml:200001:1: this key appears twice (first on line 2)"]);
}

#[test]
fn thousands_of_patterns_that_would_take_gigabytes_of_memory_are_refused() {
    let variables = lines(5_000, |number| {
        format!(" A{number}: {{value: x, pattern: 'a{{900}}{{20}}'}}")
    });
    let run = Sandbox::new()
        .declaration(&format!("env:\n{variables}"))
        .prepared_by("ulimit -v 1000000; exec \"$@\"")
        .args(["check", "--offline"])
        .bare()
        .run();
    run.refused(78)
        .says(["isn't a valid regular expression: compiled regex exceeded size limit"]);
}

#[test]
fn thousands_of_ordinary_patterns_are_accepted() {
    let variables = lines(5_000, |number| {
        format!(
            " A{number}: {{value: sk_live_7, pattern: '^(sk|rk)_(live|test)_[A-Za-z0-9]{{1,40}}$'}}"
        )
    });
    let run = checked(&format!("env:\n{variables}"), &["--offline"]);
    run.ended(Status::Exit(0));
}
