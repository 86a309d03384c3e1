//! Declarations with thousands of lines, up to 1 MiB, the maximum size of a file. Reading one, and
//! reporting a mistake in each of its lines, takes seconds.
//!
//! A limit of CPU time would end a launch that compares every line with every other one, because
//! that takes minutes.

use crate::support::*;

/// A section with the lines that `line` returns for the numbers below `count`.
fn section(name: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    let lines = (0..count).map(|number| line(number) + "\n");
    format!("{name}:\n{}", lines.collect::<String>())
}

/// Checks this declaration with further options, within 30 seconds of CPU time. The deadline is
/// much longer, because a busy machine may need more time than that. `local.json` has the keys
/// `k0_of_the_secret` to `k1999_of_the_secret` of a secret "x".
fn checked_within_30_seconds(declaration: &str, options: &str) -> Outcome {
    let keys: Vec<String> = (0..2_000)
        .map(|number| format!("\"k{number}_of_the_secret\": \"v-4c7a1e\""))
        .collect();
    let sandbox = Sandbox::new()
        .declaration(declaration)
        .file("local.json", format!("{{\"x\": {{{}}}}}", keys.join(",")))
        .prepared_by("ulimit -t 30; exec \"$@\"");
    let options = options.split(' ');
    sandbox
        .args(["check", "--timeout", "5m"])
        .args(options)
        .bare()
        .run()
}

#[test]
fn thousands_of_unknown_names_in_templates_are_reported_within_seconds() {
    let aliases = section("secrets", 20_000, |number| format!(" a{number:05}: x"));
    let templates = section("env", 5_000, |number| {
        format!(" T{number}: {{template: '{{{{ u{number:05} }}}}'}}")
    });
    let run = checked_within_30_seconds(&(aliases + &templates), "--offline");
    let said = [
        "the template uses \"u00000\"",
        "which isn't an alias under \"secrets\"",
    ];
    run.refused(78, said);
}

#[test]
fn ten_thousand_missing_secrets_are_reported_within_seconds() {
    let aliases = section("secrets", 10_000, |number| format!(" a{number:05}: x"));
    let variables = section("env", 10_000, |number| {
        format!(" V{number}: u{number:05}:k")
    });
    let run = checked_within_30_seconds(&(aliases + &variables), "--local local.json");
    run.ended(Status::Exit(78)).says(["doesn't exist"]);
    // The table of `check` has a row for each of them.
    assert_eq!(run.stdout().matches("not-found\n").count(), 10_000);
}

#[test]
fn three_thousand_optional_entries_without_their_keys_are_checked_within_seconds() {
    let variables = section("env", 3_000, |number| {
        format!(" V{number}: {{from: 'x:k{number}_of_the_secrets', optional: true}}")
    });
    let run = checked_within_30_seconds(&variables, "-q --local local.json");
    run.launched();
    assert_eq!(run.stdout().matches("unset\n").count(), 3_000);
}

#[test]
fn three_thousand_missing_keys_are_reported_within_seconds_even_with_2000_keys() {
    let variables = section("env", 3_000, |number| {
        format!(" V{number}: x:k{number}_of_the_secrets")
    });
    let run = checked_within_30_seconds(&variables, "--local local.json");
    run.ended(Status::Exit(78))
        .says(["doesn't have these keys", "did you mean"]);
    assert_eq!(run.stdout().matches("key-not-found\n").count(), 3_000);
}

#[test]
fn a_declaration_with_forty_thousand_files_is_checked_within_seconds() {
    let files = section("files", 40_000, |number| {
        format!("- {{value: x, env: A{number}}}")
    });
    let run = checked_within_30_seconds(&files, "--offline -v");
    run.launched();
    assert_eq!(run.stdout().lines().count(), 40_001);
}

#[test]
fn forty_thousand_duplicate_keys_are_reported_within_seconds() {
    let keys = section("env", 40_000, |_| "a: ".to_owned());
    let message = "secrets-exec.yaml:40001:1: this key appears twice (first on line 2)";
    checked_within_30_seconds(&keys, "--offline").refused(78, [message]);
}
