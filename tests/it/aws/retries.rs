//! What each answer of Secrets Manager means: temporary failures are retried until the deadline, permanent ones are not, and an answer
//! about something else becomes no value.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;

const READ: &str = "GetSecretValue";

#[test]
fn a_denial_says_whose_policy_denies_and_who_can_change_it() {
    for (reason, said) in [
        ("with an explicit deny in a resource control policy: arn:aws:x", "control policy denies this"),
        ("with an explicit deny in an identity-based policy", "remove the deny"),
        ("with an explicit deny in a permissions boundary", "whoever set the boundary"),
        ("because no session policy allows the action", "issues the session"),
        ("because no VPC endpoint policy allows the action", "whoever administers the VPC"),
        ("because no resource-based policy allows the action", "whoever owns the secret"),
    ] {
        let aws = served().fails(READ, fault::denied_by(reason));
        sandbox(&aws).case(reason).run().refused(77).says([said, "us-east-1", REQUEST_ID]);
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
fn a_stage_of_another_version_is_an_absence_and_a_success_without_a_secret_is_none() {
    let with_default = "env: { A: { from: 'x:k:AWSPENDING', default: d } }\n";
    let aws = served().fails(READ, fault::empty_object());
    Sandbox::new().aws(&aws).declaration(with_default).attempts(1).run().refused(75);
    let aws = aws.fails(READ, fault::stage_of_another_version());
    Sandbox::new().aws(&aws).declaration(with_default).run().launched_silently().has("A", "d");
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
    let through = |aws: &Aws| Sandbox::new().arg(format!("--agent={}", aws.url())).env("AWS_TOKEN", AGENT_TOKEN);
    let aws = Aws::start().fails(AGENT_READ, secret("AWSCURRENT"));
    through(&aws).args(["--region", "eu-west-1"]).resolve("A=x:k").run().refused(78).says(["A (", "region"]);
    let aws = Aws::start().fails(AGENT_READ, secret("AWSPREVIOUS"));
    through(&aws).timeout("1s").resolve("A=x:k").run().refused(75).says(["A ("]);
}
