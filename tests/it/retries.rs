//! Retries: temporary failures are retried until the deadline, permanent ones are not.

use std::time::Duration;

use crate::support::aws::Aws;
use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::deadline::{ends_within, keeps_to};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{Sandbox, sandbox};

fn value() -> Secret {
    Secret::json(r#"{"k":"v"}"#)
}

fn launch(aws: &Aws, timeout: &str) -> Outcome {
    sandbox(aws).args(["--timeout", timeout]).run()
}

/// Asserts that a launch succeeds after two such failures.
fn is_tried_again(fault: &Fault) {
    let aws = Aws::start().secret("x", value().after([fault.clone(), fault.clone()]));
    launch(&aws, "60s").launched_silently().has("A", "v");
    assert_eq!(aws.reads().len(), 3);
}

#[test]
fn throttling_is_tried_again() {
    is_tried_again(&fault::throttled());
}

#[test]
fn an_internal_error_is_tried_again() {
    is_tried_again(&fault::internal_error());
}

#[test]
fn an_unavailable_service_is_tried_again() {
    is_tried_again(&fault::unavailable());
}

#[test]
fn a_broken_connection_is_tried_again() {
    is_tried_again(&Fault::Close);
}

#[test]
fn a_gateway_that_fails_without_a_code_is_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        is_tried_again(&Fault::Xml { status });
    }
}

#[test]
fn a_request_that_stalls_is_tried_again() {
    let aws = Aws::start().secret("x", value().after([Fault::Hang]));
    launch(&aws, "50s").launched_silently().has("A", "v");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn one_secret_that_is_throttled_does_not_repeat_the_others() {
    let aws = Aws::start().secret("x", value().after([fault::throttled()])).secret("y", value());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k").resolve("B=y:k");
    sandbox.run().launched();
    assert_eq!(aws.counts()["x"], 2);
    assert_eq!(aws.counts()["y"], 1);
}

/// Asserts that this failure is retried as often as allowed, and is status 75.
fn is_temporary(fault: Fault, name: &str) {
    let aws = Aws::start().secret("x", Secret::failing(fault));
    let sandbox = Sandbox::new().aws(&aws).env("AWS_MAX_ATTEMPTS", "3");
    let run = sandbox.args(["--timeout", "60s"]).resolve("A=x:k").run();
    run.refused(75).says(["A", "x", name]);
    assert_eq!(aws.reads().len(), 3);
}

#[test]
fn throttled_to_the_end_is_75() {
    is_temporary(fault::throttled(), "ThrottlingException");
}

#[test]
fn unavailable_to_the_end_is_75() {
    is_temporary(fault::unavailable(), "ServiceUnavailable");
}

#[test]
fn failing_inside_aws_to_the_end_is_75() {
    is_temporary(fault::internal_error(), "InternalServiceError");
}

#[test]
fn closed_connections_to_the_end_are_75() {
    is_temporary(Fault::Close, "us-east-1");
}

#[test]
fn a_service_that_cannot_be_reached_is_75() {
    let aws = Aws::start();
    // Port 1 is never served, and never chosen for a test's server.
    let sandbox = Sandbox::new().aws(&aws).endpoint("http://127.0.0.1:1");
    let run = sandbox.resolve("A=x:k").args(["--timeout", "2s"]).run();
    run.refused(75).says(["A", "x", "127.0.0.1:1"]);
}

#[test]
fn a_service_that_accepts_and_never_answers_is_75_when_the_time_is_over() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    ends_within(Duration::from_secs(1), sandbox(&aws)).refused(75).says(["A", "x"]);
}

#[test]
fn the_timeout_bounds_the_retries() {
    let aws = Aws::start().secret("x", Secret::failing(fault::throttled()));
    ends_within(Duration::from_secs(3), sandbox(&aws)).refused(75).says(["A", "x"]);
    assert!(aws.reads().len() >= 2, "{}", aws.reads().len());
}

#[test]
fn the_timeout_may_come_from_a_variable_or_a_declaration() {
    for variable in [true, false] {
        let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
        let sandbox = Sandbox::new().aws(&aws);
        let sandbox = match variable {
            true => sandbox.env("SECRETS_EXEC_TIMEOUT", "1s").resolve("A=x:k"),
            false => sandbox.declaration("defaults: { timeout: 1s }\nenv: { A: \"x:k\" }\n"),
        };
        keeps_to(Duration::from_secs(1), &sandbox).refused(75);
    }
}

#[test]
fn one_secret_that_hangs_does_not_hide_the_failures_of_others() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let run = Sandbox::new().aws(&aws).resolve("A=x:k").resolve("B=gone:k").args(["--timeout", "2s"]).run();
    run.refused(78).says(["A", "x", "B", "gone"]);
}

#[test]
fn aws_max_attempts_caps_the_attempts() {
    let aws = Aws::start().secret("x", Secret::failing(fault::throttled()));
    let sandbox = Sandbox::new().aws(&aws).env("AWS_MAX_ATTEMPTS", "2");
    sandbox.resolve("A=x:k").run().refused(75);
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn the_attempts_of_the_profile_cap_the_attempts() {
    let aws = Aws::start().secret("x", Secret::failing(fault::throttled()));
    let run = Sandbox::new().aws(&aws).home_file(".aws/config", "[default]\nmax_attempts = 1\n").resolve("A=x:k").run();
    run.refused(75);
    assert_eq!(aws.reads().len(), 1);
}

/// Asserts that this failure is not retried.
fn is_final(fault: Fault, status: i32, facts: &[&str]) {
    let aws = Aws::start().secret("x", Secret::failing(fault));
    let run = launch(&aws, "60s");
    run.refused(status).says(["A", "x"]).says(facts.iter().copied());
    assert_eq!(aws.reads().len(), 1);
}

#[test]
fn a_secret_that_does_not_exist_is_asked_for_once() {
    is_final(fault::not_found(), 78, &["us-east-1"]);
}

#[test]
fn a_denial_is_asked_for_once() {
    is_final(fault::denied("x"), 77, &["secretsmanager:GetSecretValue", "us-east-1"]);
}

#[test]
fn a_denial_by_kms_is_asked_for_once() {
    is_final(fault::denied_by_kms(), 77, &["KMS"]);
}

#[test]
fn a_key_that_is_out_of_use_is_a_denial() {
    is_final(fault::key_out_of_use(), 77, &["key", "pending"]);
}

#[test]
fn a_secret_marked_for_deletion_is_asked_for_once() {
    is_final(fault::marked_for_deletion(), 78, &["deletion"]);
}

#[test]
fn a_denial_in_xml_without_a_code_is_a_denial() {
    is_final(Fault::Xml { status: 403 }, 77, &[]);
}

#[test]
fn unknown_credentials_are_a_denial() {
    is_final(fault::unrecognized_client(), 77, &["UnrecognizedClientException"]);
}

#[test]
fn expired_credentials_are_a_denial() {
    is_final(fault::expired_token(), 77, &["ExpiredTokenException"]);
}

#[test]
fn the_reason_before_the_time_was_over_is_told() {
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang).after([fault::throttled()]));
    launch(&aws, "2s").refused(75).says(["A", "x", "ThrottlingException"]);
}
