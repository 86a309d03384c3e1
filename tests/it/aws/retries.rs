//! What each answer of Secrets Manager means: temporary failures are retried until the deadline, permanent ones are not, and an answer
//! about something else becomes no value.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::aws::agent::{SECRET, TOKEN};
use crate::support::*;

const READ: &str = "GetSecretValue";

fn coded(status: u16, code: &'static str) -> Fault {
    Fault::Error { status, code, message: "the difference is too large".to_owned() }
}

#[test]
fn a_failure_that_may_pass_is_tried_again_and_is_75_after_the_allowed_attempts() {
    side_by_side(
        [
            (fault::throttled(), "ThrottlingException"),
            (fault::internal_error(), "InternalServiceError"),
            (fault::unavailable(), "ServiceUnavailable"),
            (Fault::Close, "us-east-1"),
            (Fault::Xml { status: 429 }, "429"),
            (Fault::Xml { status: 500 }, "500"),
            (Fault::Xml { status: 502 }, "502"),
            (Fault::Xml { status: 503 }, "503"),
            (Fault::Xml { status: 504 }, "504"),
            (fault::another_secret(), "not about this secret"),
            (fault::empty_object(), "secret x"),
            (fault::page(), "secret x"),
            (plain(302, ""), "302"),
        ],
        |(fault, said)| {
            let aws = served().fails_first(READ, 2, fault.clone());
            sandbox(&aws).case(said).run().launched_silently().has("A", "v-4c7a1e");
            assert_eq!(aws.reads().len(), 3, "{said}");
            let aws = served().fails(READ, fault);
            sandbox(&aws).attempts(2).timeout("50s").case(said).run().refused(75).says(["A (", "secret x", said]);
            assert_eq!(aws.reads().len(), 2, "{said}");
        },
    );
}

#[test]
fn a_failure_that_does_not_pass_is_reported_after_one_request() {
    for (fault, status, facts) in [
        (fault::not_found(), 78, &["us-east-1"][..]),
        (fault::denied("x"), 77, &["secretsmanager:GetSecretValue", "us-east-1", REQUEST_ID]),
        (fault::no_such_version("staging label: AWSCURRENT"), 78, &["no version with the stage AWSCURRENT"]),
        (fault::denied_by_kms(), 77, &["kms:Decrypt"]),
        (fault::denied("prod/kms"), 77, &["secretsmanager:GetSecretValue", "if the secret does not exist"]),
        (fault::denied("arn:aws:x"), 77, &["GetSecretValue on it; secrets-exec policy prints the policy"]),
        (
            fault::denied_by("with an explicit deny in a resource control policy: arn:aws:x"),
            77,
            &["control policy denies this"],
        ),
        (fault::denied_by("with an explicit deny in an identity-based policy"), 77, &["remove the deny"]),
        (fault::denied_by("with an explicit deny in a permissions boundary"), 77, &["whoever set the boundary"]),
        (fault::denied_by_boundary(), 77, &["a permissions boundary does not allow this"]),
        (fault::denied_by("because no session policy allows the action"), 77, &["issues the session"]),
        (
            fault::denied_by("because no VPC endpoint policy allows the action"),
            77,
            &["policy does not allow this", "the VPC"],
        ),
        (fault::denied_by("because no resource-based policy allows the action"), 77, &["whoever owns the secret"]),
        (fault::key_out_of_use(), 77, &["key", "pending"]),
        (fault::marked_for_deletion(), 78, &["deletion"]),
        (fault::unrecognized_client(), 77, &["UnrecognizedClientException"]),
        (fault::expired_token(), 77, &["ExpiredTokenException"]),
        // The message holds the canary, which the sandbox looks for.
        (fault::unknown_code(), 78, &["BrandNewException", REQUEST_ID]),
        (fault::clock_skew(), 75, &["clock"]),
        (coded(403, "RequestTimeTooSkewed"), 75, &["clock"]),
        (coded(403, "RequestExpired"), 75, &["clock"]),
        (coded(403, "RequestInTheFuture"), 75, &["clock"]),
        // A server that wants to be left alone for longer than there is time.
        (fault::retry_after(u64::MAX), 75, &["503"]),
        (fault::retry_after(60 * 60 * 24 * 365), 75, &["503"]),
        (fault::amz_retry_after(u64::MAX), 75, &["503"]),
        (fault::amz_retry_after(1000 * 60 * 60), 75, &["503"]),
    ] {
        let aws = served().fails(READ, fault);
        let run = sandbox(&aws).case(facts.join(" ")).run();
        run.refused(status).says(["A (", "secret x"]).says(facts.iter().copied());
        assert_eq!(aws.reads().len(), 1, "{run}");
    }
}

#[test]
fn a_refusal_without_a_code_is_a_proxys_and_75_after_one_request_in_each_region() {
    let page = plain(403, "<!DOCTYPE html><html><title>Blocked</title></html>");
    for (operation, reference, fault, said) in [
        (READ, "x:k", page, "HTTP status 403 (text/plain); is a proxy between?"),
        (READ, "x:k", plain(401, "log in first"), "HTTP status 401 (text/plain); is a proxy between?"),
        (READ, "x:k", Fault::Xml { status: 403 }, "HTTP status 403 (text/xml); is a proxy between?"),
        ("GetParameters", "ssm:/x", plain(403, "blocked"), "HTTP status 403 (text/plain); is a proxy between?"),
    ] {
        let aws = served().fails(operation, fault);
        let sandbox =
            Sandbox::new().aws(&aws).args(["--fallback-region", "us-west-2"]).resolve(&format!("A={reference}"));
        let run = sandbox.timeout("50s").case(said).run();
        run.refused(75).says(["A (", "region us-east-1", said, "captive portal"]);
        let mut regions: Vec<String> = aws.calls_of(operation).iter().map(|call| call.region()).collect();
        regions.sort_unstable();
        assert_eq!(regions, ["us-east-1", "us-west-2"], "{operation}");
    }
}

#[test]
fn a_server_is_left_alone_for_the_time_that_it_names_and_asked_again_if_it_stalls() {
    for fault in [fault::retry_after(1), Fault::Hang] {
        let aws = served().fails_first(READ, 1, fault);
        sandbox(&aws).timeout("50s").run().launched_silently().has("A", "v-4c7a1e");
        assert_eq!(aws.reads().len(), 2);
    }
}

#[test]
fn an_outage_that_ends_well_before_the_time_always_launches() {
    let aws = served().fails_for(READ, Duration::from_secs(2), fault::unavailable());
    // Backoff has jitter, so one launch proves little.
    let sandboxes: Vec<Sandbox> = (0..6).map(|_| sandbox(&aws).timeout("6s")).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_silently().has("A", "v-4c7a1e");
    }
}

#[test]
fn one_secret_that_fails_neither_repeats_nor_hides_the_others() {
    let aws = served().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).after([fault::throttled()]));
    let aws = aws.secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    sandbox(&aws).resolve("B=y:k").run().launched();
    assert_eq!((aws.counts()["x"], aws.counts()["y"]), (2, 1));
    let aws = aws.secret("x", Secret::failing(Fault::Hang));
    let run = sandbox(&aws).resolve("B=gone:k").timeout("4s").run();
    run.refused(78).says(["A (", "secret x", "B (", "gone"]);
}

#[test]
fn a_service_that_is_not_there_is_75_and_named_by_host_and_port() {
    let aws = served();
    // Port 1 is never served, and never chosen for a test's server.
    for address in ["127.0.0.1:1", "localhost:1", "nowhere.invalid"] {
        let sandbox = sandbox(&aws).endpoint(&format!("http://{address}")).attempts(2).timeout("5s");
        sandbox.case(address).run().refused(75).says(["A (", "secret x", address]);
    }
}

#[test]
fn the_timeout_bounds_the_retries_and_the_reason_before_the_timeout_is_reported() {
    let aws = served().fails(READ, Fault::Hang);
    ends_within(Duration::from_secs(1), sandbox(&aws)).refused(75).says(["A (", "secret x"]);
    let variable = sandbox(&aws).env("SECRETS_EXEC_TIMEOUT", "1s");
    keeps_to(Duration::from_secs(1), &variable).refused(75);
    let declaration = Sandbox::new().aws(&aws).declaration("defaults: { timeout: 1s }\nenv: { A: \"x:k\" }\n");
    keeps_to(Duration::from_secs(1), &declaration).refused(75);
    let aws = served().fails(READ, fault::throttled());
    ends_within(Duration::from_secs(3), sandbox(&aws)).refused(75).says(["A (", "secret x"]);
    assert!(aws.reads().len() >= 2, "{}", aws.reads().len());
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang).after([fault::throttled()]));
    sandbox(&aws).timeout("2s").run().refused(75).says(["A (", "secret x", "ThrottlingException"]);
}

#[test]
fn the_attempts_of_the_profile_cap_the_attempts() {
    let aws = served().fails(READ, fault::throttled());
    sandbox(&aws).config("[default]\nmax_attempts = 1\n").run().refused(75);
    assert_eq!(aws.reads().len(), 1);
}

#[test]
fn a_body_without_an_end_is_75_and_takes_no_memory() {
    let aws = served().fails(READ, Fault::Endless);
    // Less than the endless body would fill.
    let small = sandbox(&aws).prepared_by("ulimit -v 400000 && exec \"$@\"").attempts(2);
    small.run().refused(75).says(["A (", "secret x"]);
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_success_without_a_secret_is_no_absence_but_a_stage_of_another_version_is() {
    let declaration = |reference: &str| format!("env:\n  A: {{ from: \"{reference}\", default: d }}\n");
    let aws = served().fails(READ, fault::empty_object());
    Sandbox::new().aws(&aws).declaration(&declaration("x:k")).attempts(1).run().refused(75);
    let aws = served().fails(READ, fault::stage_of_another_version());
    let sandbox = Sandbox::new().aws(&aws).declaration(&declaration("x:k:AWSPENDING"));
    sandbox.run().launched_silently().has("A", "d");
    let run = Sandbox::new().aws(&aws).resolve("A=x:k:AWSPENDING").run();
    run.refused(78).says(["A (", "secret x", "AWSPENDING"]);
}

fn answer(body: &Value) -> Fault {
    plain(200, &body.to_string())
}

fn secret(stage: &str) -> Fault {
    answer(&json!({
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf",
        "Name": "x",
        "VersionId": CURRENT_ID,
        "VersionStages": [stage],
        "SecretString": format!(r#"{{"k":"{CANARY}"}}"#),
    }))
}

#[test]
fn an_answer_about_another_version_or_parameter_is_no_value() {
    let parameter = |name: &str, version: u32| {
        answer(&json!({ "Parameters": [{ "Name": name, "Value": CANARY, "Version": version }] }))
    };
    for (operation, fault, reference, said) in [
        (READ, secret("AWSPREVIOUS"), "x:k", "not about"),
        (READ, secret("AWSCURRENT"), "x:k:AWSPREVIOUS", "not about"),
        (READ, secret("AWSCURRENT"), &format!("x:k::{PREVIOUS_ID}"), "not about"),
        ("GetParameters", parameter("/y", 1), "ssm:/x", "without one of the parameters"),
        ("GetParameters", parameter("/x", 7), "ssm:/x:::3", "without one of the parameters"),
        ("GetParameters", parameter("/app/x", 1), "ssm:/x", "without one of the parameters"),
        ("GetParameters", parameter("/d6789012:parameter/x", 1), "ssm:/x", "without one of the parameters"),
    ] {
        let aws = Aws::start().fails(operation, fault);
        let sandbox = Sandbox::new().aws(&aws).attempts(2).resolve(&format!("A={reference}"));
        sandbox.case(reference).run().refused(75).says(["A (", said]);
        assert_eq!(aws.calls().len(), 2, "{reference}");
    }
    let aws = Aws::start().fails("GetParameters", parameter("x", 0));
    let sandbox = Sandbox::new().aws(&aws).resolve("A=ssm:/aws/reference/secretsmanager/x");
    sandbox.run().launched().has("A", CANARY);
}

#[test]
fn a_secret_of_another_region_or_stage_through_the_agent_is_no_value() {
    let through = |aws: &Aws| Sandbox::new().arg(format!("--agent={}", aws.agent())).env("AWS_TOKEN", TOKEN);
    let aws = Aws::start().fails(SECRET, secret("AWSCURRENT"));
    through(&aws).args(["--region", "eu-west-1"]).resolve("A=x:k").run().refused(78).says(["A (", "region"]);
    let aws = Aws::start().fails(SECRET, secret("AWSPREVIOUS"));
    through(&aws).timeout("1s").resolve("A=x:k").run().refused(75).says(["A ("]);
}
