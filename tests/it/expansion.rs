//! `${NAME}` and `${NAME:-default}` in the name of a secret, from the inherited environment.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";

/// Asserts that `reference` reads the secret `id`, in an environment with `variables`.
fn leads_to(reference: &str, variables: &[(&str, &str)], id: &str) -> Aws {
    let aws = served(id);
    let mut sandbox = Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
    for (name, value) in variables {
        sandbox = sandbox.env(name, value);
    }
    let run = sandbox.run();
    run.launched().has("A", "db.internal");
    for (name, value) in variables {
        run.has(name, value);
    }
    aws
}

fn served(id: &str) -> Aws {
    let object = r#"{"host":"db.internal","${STAGE}":"literal"}"#;
    Aws::start().secret(id, Secret::json(object))
}

#[test]
fn a_variable_stands_in_a_name_on_the_command_line() {
    leads_to("${STAGE}/db:host", &[("STAGE", "prod")], "prod/db");
}

#[test]
fn a_variable_stands_in_a_reference_of_a_declaration() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("STAGE", "prod");
    let run = sandbox.declaration("env:\n  A: ${STAGE}/db:host\n").run();
    run.launched().has("A", "db.internal");
}

#[test]
fn a_variable_stands_in_the_id_of_an_alias() {
    for alias in ["\"${STAGE}/db\"", "{ id: \"${STAGE:-test}/db\" }"] {
        let aws = served("prod/db");
        let declaration = format!("secrets:\n  db: {alias}\nenv:\n  A: db:host\n");
        let sandbox = Sandbox::new().aws(&aws).env("STAGE", "prod");
        let run = sandbox.declaration(&declaration).run();
        run.launched().has("A", "db.internal");
    }
}

#[test]
fn a_default_stands_in_for_an_unset_variable() {
    leads_to("${STAGE:-prod}/db:host", &[], "prod/db");
}

#[test]
fn a_default_does_not_stand_in_for_a_set_variable() {
    leads_to("${STAGE:-prod}/db:host", &[("STAGE", "test")], "test/db");
}

#[test]
fn several_variables_stand_in_one_name() {
    leads_to("${TEAM}/${STAGE:-prod}/db:host", &[("TEAM", "acme")], "acme/prod/db");
}

#[test]
fn a_variable_may_hold_an_arn_which_is_not_split_again() {
    let aws = leads_to("${DB_ARN}:host", &[("DB_ARN", ARN)], ARN);
    assert_eq!(aws.only_read().region(), "eu-west-1");
}

#[test]
fn a_variable_may_stand_in_any_field_of_an_arn() {
    let aws = served(ARN);
    let sandbox = Sandbox::new().aws(&aws).env("WHERE", "eu-west-1").env("ACCOUNT", "123456789012");
    let reference = "arn:aws:secretsmanager:${WHERE}:${ACCOUNT}:secret:${STAGE:-prod}/db-AbCdEf:host::";
    sandbox.resolve(&format!("A={reference}")).run().launched().has("A", "db.internal");
    assert_eq!(aws.only_read().region(), "eu-west-1");
}

#[test]
fn a_default_may_be_an_arn_with_its_colons() {
    let aws = served(ARN);
    let sandbox = Sandbox::new().aws(&aws).resolve(&format!("A=${{DB_ARN:-{ARN}}}:host"));
    sandbox.run().launched().has("A", "db.internal");
}

#[test]
fn an_arn_with_a_key_in_a_variable_is_not_split_again() {
    let aws = served(ARN);
    let sandbox = Sandbox::new().aws(&aws).env("DB_ARN", format!("{ARN}:host::"));
    sandbox.resolve("A=${DB_ARN}").run().refused(64).says(["A"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_variable_that_is_not_utf_8_is_an_error_and_no_crash() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("STAGE", OsStr::from_bytes(b"pro\xffd"));
    sandbox.resolve("A=${STAGE}/db:host").run().refused(64).says(["A"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_variable_that_brings_more_fields_than_a_name_is_an_error() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("DB", "prod/db:host");
    let run = sandbox.resolve("A=${DB}").run();
    run.refused(64).says(["A"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn an_unset_variable_is_an_error_of_the_command_line() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.resolve("A=${STAGE}/db:host").run();
    run.refused(64).says(["STAGE"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn an_unset_variable_is_an_error_of_the_declaration() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.declaration("env:\n  A: ${STAGE}/db:host\n").run();
    run.refused(78).says(["STAGE", "secrets-exec.yaml:2"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_dollar_in_a_key_is_not_expanded() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("STAGE", "host");
    let run = sandbox.resolve("A=prod/db:$['${STAGE}']").run();
    run.launched().has("A", "literal");
}

#[test]
fn an_unclosed_variable_is_an_error() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("STAGE", "prod");
    sandbox.resolve("A=${STAGE/db:host").run().refused(64);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_variable_that_is_removed_from_the_target_is_still_expanded() {
    let aws = served("prod/db");
    let sandbox = Sandbox::new().aws(&aws).env("STAGE", "prod");
    let run = sandbox.args(["--unset", "STAGE"]).resolve("A=${STAGE}/db:host").run();
    run.launched().has("A", "db.internal").lacks("STAGE");
}

#[test]
fn what_a_variable_holds_is_not_repeated() {
    // A mistyped name may be that of a variable with a password.
    let aws = served("prod/db");
    let run = Sandbox::new().aws(&aws).env("DB_PASSWORD", "s3cr3t:pw!").resolve("A=${DB_PASSWORD}:k").run();
    run.refused(64).says(["A (--env)"]).says_nothing_of("s3cr3t");
}

#[test]
fn a_variable_beside_other_text_leads_to_no_other_account_region_or_store() {
    let aws = served("prod/db");
    for value in [ARN, "ssm:/prod", "arn:aws:ssm:eu-west-1:123456789012:parameter/x", "prod:db"] {
        let sandbox = || Sandbox::new().aws(&aws).env("STAGE", value);
        for reference in ["${STAGE:-prod}/db:host", "x${STAGE}", "ssm:${STAGE}", "${STAGE}${NONE:-}"] {
            let run = sandbox().resolve(&format!("A={reference}")).run();
            run.refused(64).says(["STAGE", "colon"]).says_nothing_of(value);
        }
        let alias = sandbox().declaration("secrets: { db: '${STAGE:-prod}/db' }\nenv: { A: 'db:host' }\n");
        alias.run().refused(78).says(["STAGE", "colon"]);
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn a_variable_that_is_all_of_a_name_may_be_a_parameters_arn_and_not_its_prefix() {
    let aws = served("x");
    let run = Sandbox::new().aws(&aws).env("P", "ssm:/prod/level").resolve("A=${P}").run();
    run.refused(64).says(["P", "ssm:${P}"]).says_nothing_of("/prod/level");
    let run = Sandbox::new().aws(&aws).resolve("A=${P:-ssm:/prod/level}").run();
    run.refused(64).says(["P", "ssm:"]);
    assert!(aws.calls().is_empty());
}
