//! Failures of one secret: their exit statuses and errors.

use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, IDENTITY};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::Sandbox;

fn launch(secret: Option<Secret>, reference: &str) -> Outcome {
    let mut aws = Aws::start();
    if let Some(secret) = secret {
        aws = aws.secret("prod/db", secret);
    }
    let sandbox = Sandbox::new().aws(&aws).args(["--timeout", "3s"]);
    let run = sandbox.resolve(&format!("NAME={reference}")).run();
    let whoami = aws.calls_of("GetCallerIdentity").len();
    assert_eq!(aws.calls().len(), aws.reads().len() + whoami, "another operation was asked for");
    assert!(whoami <= 1, "asked who it is {whoami} times");
    run
}

#[test]
fn a_denial_without_a_name_gets_the_one_that_sts_knows() {
    let run = launch(Some(Secret::failing(fault::denied_by_kms())), "prod/db:password");
    run.refused(77).says(["caller: ", IDENTITY, "kms:Decrypt"]);
    let run = launch(Some(Secret::failing(fault::denied("prod/db"))), "prod/db:password");
    run.refused(77).says_nothing_of("caller: ");
}

fn value() -> Secret {
    Secret::json(r#"{"password":"p"}"#)
}

#[test]
fn a_missing_secret_starts_nothing() {
    launch(None, "prod/db:password").refused(78).says(["NAME", "prod/db", "us-east-1"]);
}

#[test]
fn an_unknown_stage_is_told_as_such() {
    launch(Some(value()), "prod/db:password:AWSPENDING").refused(78).says(["NAME", "prod/db", "AWSPENDING"]);
}

#[test]
fn an_unknown_version_is_told_as_such() {
    let id = "d0d0d0d0-1111-4222-8333-444455556666";
    launch(Some(value()), &format!("prod/db:password::{id}")).refused(78).says(["NAME", "prod/db", id]);
}

#[test]
fn a_missing_key_suggests_the_nearest() {
    launch(Some(value()), "prod/db:passwrd").refused(78).says(["NAME", "prod/db", "passwrd", "password"]);
}

#[test]
fn a_denial_and_a_missing_secret_are_told_apart() {
    let denied = launch(Some(Secret::failing(fault::denied("prod/db"))), "prod/db:password");
    let missing = launch(None, "prod/db:password");
    assert_eq!(denied.status, Status::Exit(77));
    assert_eq!(missing.status, Status::Exit(78));
    assert_ne!(denied.stderr(), missing.stderr());
}

#[test]
fn a_denial_that_names_no_arn_says_that_the_secret_may_not_exist() {
    launch(Some(Secret::failing(fault::denied("prod/db"))), "prod/db:password").refused(77).says_one_of([
        "not exist",
        "does not exist",
        "missing",
        "no such",
        "no secret",
    ]);
}

#[test]
fn a_denial_names_the_action_and_the_principal() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";
    launch(Some(Secret::failing(fault::denied(arn))), "prod/db:password")
        .refused(77)
        .says(["secretsmanager:GetSecretValue", "arn:aws:sts::123456789012:assumed-role/app/i-1"]);
}

#[test]
fn a_secret_that_kms_cannot_decrypt_is_no_outage() {
    let run = launch(Some(Secret::failing(fault::not_decrypted())), "prod/db:password");
    assert!(matches!(run.status, Status::Exit(77 | 78)), "{run}");
    run.says(["NAME", "prod/db"]).says_one_of(["decrypt"]);
}

#[test]
fn a_clock_that_is_wrong_is_temporary() {
    launch(Some(Secret::failing(fault::clock_skew())), "prod/db:password").refused(75).says_one_of(["clock"]);
}

#[test]
fn a_request_id_is_told_for_an_answer_of_aws() {
    launch(Some(Secret::failing(fault::internal_error())), "prod/db:password").refused(75).says(["NAME", "prod/db"]);
}

#[test]
fn a_bad_endpoint_is_a_usage_error() {
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
        for url in ["notaurl", "localhost:4566", "ftp://localhost", "http://"] {
            let aws = Aws::start();
            let run = Sandbox::new().aws(&aws).env(name, url).resolve("A=x:k").run();
            run.refused(64).says([name]);
        }
    }
}

#[test]
fn a_bad_number_of_attempts_is_a_usage_error() {
    for attempts in ["0", "-1", "many", "1.5"] {
        let aws = Aws::start();
        let sandbox = Sandbox::new().aws(&aws).env("AWS_MAX_ATTEMPTS", attempts);
        sandbox.resolve("A=x:k").run().refused(64).says(["AWS_MAX_ATTEMPTS"]);
        assert!(aws.calls().is_empty(), "{attempts}");
    }
}

#[test]
fn a_bad_retry_mode_is_a_usage_error() {
    let aws = Aws::start();
    let sandbox = Sandbox::new().aws(&aws).env("AWS_RETRY_MODE", "sometimes");
    sandbox.resolve("A=x:k").run().refused(64).says(["AWS_RETRY_MODE"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn every_retry_mode_of_the_cli_is_taken() {
    for mode in ["standard", "adaptive", "legacy"] {
        let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
        let sandbox = Sandbox::new().aws(&aws).env("AWS_RETRY_MODE", mode);
        sandbox.resolve("A=x:k").run().launched().has("A", "v");
    }
}

#[test]
fn a_profile_that_does_not_exist_is_a_usage_error() {
    for config in [None, Some("[profile other]\nregion = us-east-1\n")] {
        let aws = Aws::start();
        let mut sandbox = Sandbox::new().aws(&aws).env("AWS_PROFILE", "nope");
        if let Some(config) = config {
            sandbox = sandbox.home_file(".aws/config", config);
        }
        sandbox.resolve("A=x:k").run().refused(64).says(["nope"]);
        assert!(aws.calls().is_empty());
    }
}

#[test]
fn a_profile_option_that_does_not_exist_is_a_usage_error() {
    let aws = Aws::start();
    let sandbox = Sandbox::new().aws(&aws).args(["--profile", "nope"]);
    sandbox.resolve("A=x:k").run().refused(64).says(["nope"]);
}

#[test]
fn a_profile_file_that_is_broken_is_told() {
    let aws = Aws::start();
    let run = Sandbox::new()
        .endpoint(&aws.endpoint())
        .region("us-east-1")
        .home_file(".aws/config", "[default\nnot a profile file\n")
        .resolve("A=x:k")
        .run();
    assert!(matches!(run.status, Status::Exit(64 | 77)), "{run}");
    run.says(["config"]);
}

#[test]
fn a_variable_of_aws_that_is_not_utf_8_is_an_error_and_no_crash() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    for name in ["AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "HTTPS_PROXY"] {
        let aws = Aws::start();
        let sandbox = Sandbox::new().aws(&aws).env(name, OsStr::from_bytes(b"v\xff"));
        sandbox.resolve("A=x:k").run().refused(64).says([name]);
        assert!(aws.calls().is_empty(), "{name}");
    }
}

#[test]
fn a_home_that_is_not_utf_8_is_no_crash() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).env("HOME", OsStr::from_bytes(b"/nowhere/\xff"));
    sandbox.resolve("A=x:k").run().launched().has("A", "v").has("HOME", b"/nowhere/\xff");
}

#[test]
fn an_answer_cut_short_is_neither_quoted_nor_an_absence() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"k":"v"}"#).cut_short());
    let declaration = "env:\n  A: { from: \"prod/db:k\", default: d }\n";
    let sandbox = Sandbox::new().aws(&aws).args(["--timeout", "3s"]).declaration(declaration);
    let run = sandbox.run();
    assert!(matches!(run.status, Status::Exit(75 | 78)), "{run}");
    assert!(run.stdout.is_empty(), "{run}");
    run.says(["A", "prod/db"]);
}
