//! References whose names or labels have the maximum length or are too long; and inherited
//! variables that aren't text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/values/references.rows");

#[test]
fn a_parameter_with_the_longest_name_that_aws_allows_is_read_and_a_longer_name_is_refused() {
    // AWS allows 1011 characters, including `arn:aws:ssm:us-east-1:123456789012:parameter/`.
    let longest = format!("/{}", "x".repeat(1011 - 45));
    let aws = Aws::start().parameter(&longest, &[Version::text(CANARY)]);
    let launch = |name: &str| Sandbox::new().aws(&aws).resolve(&format!("A=ssm:{name}"));
    launch(&longest).run().launched_silently().has("A", CANARY);
    let too_long = format!("{longest}x");
    launch(&too_long)
        .run()
        .refused(64)
        .says(["characters, which no parameter can have"]);
    let secret = "x".repeat(513);
    Sandbox::new()
        .aws(&aws)
        .resolve(&format!("A={secret}"))
        .run()
        .refused(64)
        .says(["characters, which no secret can have"]);
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_staging_label_that_is_longer_than_256_characters_is_refused_before_any_request() {
    let (reference, aws) = (format!("prod/db:k:{}", "x".repeat(257)), Aws::start());
    let run = Sandbox::new()
        .aws(&aws)
        .resolve(&format!("A={reference}"))
        .run();
    run.refused(64)
        .says(["A", "--env"])
        .says_nothing_of(&reference);
    let message = "has a staging label that is longer than 256 characters";
    for absence in ["default: d", "optional: true"] {
        let declaration = format!("env:\n  A: {{ from: {reference:?}, {absence} }}\n");
        Sandbox::new()
            .aws(&aws)
            .declaration(&declaration)
            .run()
            .refused(78)
            .says(["secrets-exec.yaml:2", message]);
    }
    assert!(aws.calls().is_empty(), "{:?}", aws.calls());
    let longest = format!("A=x:k:{}:{}", "ä".repeat(256), "i".repeat(64));
    Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .resolve(&longest)
        .run()
        .launched();
}

#[test]
fn an_alias_with_a_staging_label_that_is_too_long_is_reported_only_once_if_two_entries_use_the_alias()
 {
    let stage = "s".repeat(257);
    let alias = format!(
        "secrets: {{ db: {{ id: prod/db, stage: {stage} }} }}\nenv: {{ A: 'db:k', B: 'db:k' }}\n"
    );
    let run = Sandbox::new().aws(&Aws::start()).declaration(&alias).run();
    run.refused(78).says([
        "secrets-exec.yaml:1:",
        "has a staging label that is longer than 256 characters",
    ]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}

#[test]
fn an_inherited_variable_that_is_not_utf8_reaches_the_command_but_is_refused_in_a_secret_name() {
    let aws = served();
    let sandbox = sandbox(&aws)
        .env("RAW", OsStr::from_bytes(b"\xff\xfe="))
        .args(["--resolve-env", "RAW"]);
    sandbox.run().launched_silently().has("RAW", b"\xff\xfe=");
    let calls = aws.calls().len();
    sandbox
        .resolve("B=${RAW}/db:host")
        .run()
        .refused(64)
        .says(["B"]);
    assert_eq!(aws.calls().len(), calls);
}
