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
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf";
    asked(&agent()).resolve(&format!("A={arn}:k")).run().refused(78).says(["A (", "region"]);
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

const OTHER_ACCOUNT: &str = "arn:aws:iam::210987654321:role/Reader";

/// Asserts that the answer is refused without a retry, and that the error names the request and the answer.
fn is_refused(sandbox: Sandbox, aws: &Aws, operation: &str, facts: &[&str]) {
    sandbox.run().refused(78).says(["A ("]).says(facts.iter().copied());
    assert_eq!(aws.calls_of(operation).len(), 1);
}

#[test]
fn a_secret_of_another_region_is_refused() {
    for reference in ["x:k", "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k"] {
        let aws = Aws::start().fails("GetSecretValue", answer(&secret("eu-west-1", CURRENT_ID, "AWSCURRENT")));
        let sandbox = Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
        is_refused(sandbox, &aws, "GetSecretValue", &["from region eu-west-1, but us-east-1 was asked"]);
    }
}

#[test]
fn a_secret_of_another_account_than_the_roles_is_refused() {
    let aws = Aws::start().fails("GetSecretValue", answer(&secret("us-east-1", CURRENT_ID, "AWSCURRENT")));
    let sandbox = sandbox(&aws).args(["--role-arn", OTHER_ACCOUNT]);
    is_refused(sandbox, &aws, "GetSecretValue", &["from account 123456789012, but 210987654321 was asked"]);
}

#[test]
fn a_role_may_read_the_arn_of_another_account() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    let aws = Aws::start().secret(arn, Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).args(["--role-arn", OTHER_ACCOUNT]);
    sandbox.resolve(&format!("A={arn}:k")).run().launched().has("A", "v");
}

fn parameter(arn: &str) -> Value {
    json!({ "Parameters": [{ "Name": "/x", "ARN": arn, "Value": CANARY, "Version": 1 }] })
}

#[test]
fn a_parameter_of_another_region_or_account_is_refused() {
    let body = parameter("arn:aws:ssm:eu-west-1:123456789012:parameter/x");
    for reference in ["ssm:/x", "arn:aws:ssm:us-east-1:123456789012:parameter/x"] {
        let aws = Aws::start().fails("GetParameters", answer(&body));
        let sandbox = Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
        is_refused(sandbox, &aws, "GetParameters", &["from region eu-west-1, but us-east-1 was asked"]);
    }
    let aws = Aws::start().fails("GetParameters", answer(&body));
    let sandbox = Sandbox::new().aws(&aws).args(["--region", "eu-west-1", "--role-arn", OTHER_ACCOUNT]);
    let facts = ["from account 123456789012, but 210987654321 was asked"];
    is_refused(sandbox.resolve("A=ssm:/x"), &aws, "GetParameters", &facts);
}

#[test]
fn a_public_parameter_which_no_account_owns_is_read() {
    let aws = Aws::start().fails("GetParameters", answer(&parameter("arn:aws:ssm:us-east-1::parameter/x")));
    let sandbox = Sandbox::new().aws(&aws).args(["--role-arn", OTHER_ACCOUNT]);
    sandbox.resolve("A=ssm:/x").run().launched().has("A", CANARY);
}
