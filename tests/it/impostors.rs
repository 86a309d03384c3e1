//! Answers for another secret or version than the requested one: none becomes a value.

use serde_json::{Value, json};

use crate::support::aws::agent::{SECRET, TOKEN, plain};
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::{CURRENT_ID, PREVIOUS_ID, Secret};
use crate::support::aws::{Aws, Version};
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

fn answer(body: &Value) -> Fault {
    plain(200, &body.to_string())
}

fn secret(region: &str, id: &str, stage: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:{region}:123456789012:secret:x-AbCdEf"),
        "Name": "x",
        "VersionId": id,
        "VersionStages": [stage],
        "SecretString": format!(r#"{{"k":"{CANARY}"}}"#),
    })
}

/// Asserts that the answer is refused after two attempts.
fn is_no_value(aws: Aws, reference: &str) {
    let sandbox = Sandbox::new().aws(&aws).env("AWS_MAX_ATTEMPTS", "2");
    sandbox.resolve(&format!("A={reference}")).run().refused(75).says(["A (", "not about"]);
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn another_version_of_a_secret() {
    let served = |stage| Aws::start().fails("GetSecretValue", answer(&secret("us-east-1", CURRENT_ID, stage)));
    is_no_value(served("AWSPREVIOUS"), "x:k");
    is_no_value(served("AWSCURRENT"), "x:k:AWSPREVIOUS");
    is_no_value(served("AWSCURRENT"), &format!("x:k::{PREVIOUS_ID}"));
}

#[test]
fn another_parameter() {
    let body =
        |name: &str, version: u32| json!({ "Parameters": [{ "Name": name, "Value": CANARY, "Version": version }] });
    for (body, reference) in [(body("/y", 1), "ssm:/x"), (body("/x", 7), "ssm:/x:::3"), (body("/app/x", 1), "ssm:/x")] {
        let aws = Aws::start().fails("GetParameters", answer(&body));
        let sandbox = Sandbox::new().aws(&aws).env("AWS_MAX_ATTEMPTS", "2");
        sandbox.resolve(&format!("A={reference}")).run().refused(75).says(["A (", "without one of the parameters"]);
    }
}

#[test]
fn a_secret_by_way_of_parameter_store_goes_by_its_own_name_too() {
    let body = json!({ "Parameters": [{ "Name": "x", "Value": "v", "Version": 0 }] });
    let aws = Aws::start().fails("GetParameters", answer(&body));
    let run = Sandbox::new().aws(&aws).resolve("A=ssm:/aws/reference/secretsmanager/x").run();
    run.launched().has("A", "v");
}

#[test]
fn a_secret_of_another_region_through_the_agent() {
    let agent = || Aws::start().fails(SECRET, answer(&secret("us-east-1", CURRENT_ID, "AWSCURRENT")));
    let asked = |aws: &Aws| Sandbox::new().arg(format!("--agent={}", aws.agent())).env("AWS_TOKEN", TOKEN);
    let aws = agent();
    asked(&aws).args(["--region", "eu-west-1"]).resolve("A=x:k").run().refused(78).says(["A (", "region"]);
    let declaration = "secrets:\n  db: { id: x, region: eu-west-1 }\nenv:\n  A: db:k\n";
    asked(&agent()).declaration(declaration).run().refused(78).says(["A (", "region"]);
    let body = secret("us-east-1", CURRENT_ID, "AWSPREVIOUS");
    let aws = Aws::start().fails(SECRET, answer(&body));
    asked(&aws).args(["--timeout", "1s"]).resolve("A=x:k").run().refused(75);
}

#[test]
fn a_page_in_the_place_of_a_denial_is_no_denial() {
    let page = "<!DOCTYPE html><html><title>Blocked</title></html>";
    let aws = Aws::start().fails("GetSecretValue", plain(403, page));
    let run = sandbox(&aws).env("AWS_MAX_ATTEMPTS", "2").run();
    run.refused(75).says(["A (", "captive portal"]);
}

#[test]
fn a_redirect_is_not_followed() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#)).parameter("/p", &[Version::text(CANARY)]);
    let aws = aws.fails("GetSecretValue", plain(302, ""));
    sandbox(&aws).env("AWS_MAX_ATTEMPTS", "2").run().refused(75).says(["A (", "302"]);
    assert_eq!(aws.reads().len(), 2);
}
