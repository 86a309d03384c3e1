//! References whose names or labels have the maximum length or are too long.

use crate::support::*;

::rows::rows!("tests/it/values/references.rows");

#[test]
fn a_parameter_with_the_longest_name_of_aws_is_read_and_a_longer_name_is_refused() {
    // AWS allows 1011 characters, including `arn:aws:ssm:us-east-1:123456789012:parameter/`.
    let longest = format!("/{}", "x".repeat(1011 - 45));
    let aws = Aws::start().parameter(&longest, &[Version::text(CANARY)]);
    let launch = |name: &str| Sandbox::new().aws(&aws).resolve(&format!("A=ssm:{name}"));
    launch(&longest).run().launched_silently().has("A", CANARY);
    let run = launch(&format!("{longest}x")).run();
    run.refused(64, ["characters, which no parameter can have"]);
    let secret = format!("A={}", "x".repeat(513));
    let run = Sandbox::new().aws(&aws).resolve(&secret).run();
    run.refused(64, ["characters, which no secret can have"]);
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_staging_label_that_is_longer_than_256_characters_is_refused_before_any_request() {
    let (reference, aws) = (format!("prod/db:k:{}", "x".repeat(257)), Aws::start());
    let launch = || Sandbox::new().aws(&aws);
    let run = launch().resolve(&format!("A={reference}"));
    let run = run.refused(&aws, 64, &["A", "--env"]);
    run.says_nothing_of(&reference);
    let message = "has a staging label that is longer than 256 characters";
    for absence in ["default: d", "optional: true"] {
        let declaration = format!("env:\n  A: {{ from: {reference:?}, {absence} }}\n");
        let launch = launch().declaration(&declaration);
        launch.refused(&aws, 78, &["secrets-exec.yaml:2", message]);
    }
    // Two entries use the alias, but there is only one error.
    let stage = "s".repeat(257);
    let alias = format!(
        "secrets: {{ db: {{ id: prod/db, stage: {stage} }} }}\nenv: {{ A: 'db:k', B: 'db:k' }}\n"
    );
    let launch = launch().declaration(&alias);
    let run = launch.refused(&aws, 78, &["secrets-exec.yaml:1:", message]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");

    let longest = format!("A=x:k:{}:{}", "ä".repeat(256), "i".repeat(64));
    let check = Sandbox::new().args(["check", "--offline"]).bare();
    check.resolve(&longest).run().launched();
}
