//! `check --describe`: rotation, KMS key and replicas of each secret.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{check, line};
use crate::docs::page::Page;
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Call, Version, fault};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const READER: &str = "arn:aws:iam::123456789012:role/Reader";

fn described(aws: &Aws) -> Sandbox {
    check(aws).arg("--describe")
}

/// The cells of the table of secrets in the line that begins with this word.
fn cells(run: &Outcome, secret: &str) -> Vec<String> {
    let stdout = run.stdout();
    let (_, table) = stdout.split_once("\nSECRET ").unwrap_or_else(|| panic!("no table of secrets: {run}"));
    line(table, secret)
}

fn days_ago(days: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    // A minute more, so that the age does not depend on the time that the run takes.
    now - days * 24 * 60 * 60 - 60
}

#[test]
fn rotation_key_and_replicas_of_each_secret_are_shown() {
    let aws = Aws::start()
        .secret("rotated", Secret::text(r#"{"k":"v-4c7a1e"}"#))
        .describes(
            "rotated",
            json!({
                "KmsKeyId": KEY,
                "RotationEnabled": true,
                "RotationRules": { "AutomaticallyAfterDays": 30 },
                "LastRotatedDate": days_ago(12),
                "NextRotationDate": days_ago(0) + 18 * 24 * 60 * 60,
                "ReplicationStatus": [
                    { "Region": "us-west-2", "Status": "Failed", "StatusMessage": "no key" },
                    { "Region": "eu-west-1", "Status": "InSync" },
                ],
            }),
        )
        .secret("plain", Secret::text(CANARY));
    let run = described(&aws).resolve("A=rotated:k").resolve("B=plain").run();
    run.ended(Status::Exit(0));
    assert!(run.stderr.is_empty(), "{run}");
    let replicas = "eu-west-1, us-west-2 (Failed)";
    assert_eq!(cells(&run, "rotated"), ["rotated", "us-east-1", "every 30 days", "12d", KEY, replicas], "{run}");
    assert_eq!(cells(&run, "plain"), ["plain", "us-east-1", "off", "-", "aws/secretsmanager", "-"], "{run}");
}

#[test]
fn an_overdue_rotation_is_shown_and_does_not_fail() {
    let rotation = |rules: Value, last: Value, next: Value| {
        json!({
            "RotationEnabled": true, "RotationRules": rules, "LastRotatedDate": last, "NextRotationDate": next,
        })
    };
    let days = || json!({ "AutomaticallyAfterDays": 10 });
    let every = |expression: &str| json!({ "ScheduleExpression": expression });
    let (now, day) = (days_ago(0), 24 * 60 * 60);
    let rows = [
        ("late", days(), json!(days_ago(40)), json!(days_ago(30)), "overdue, every 10 days", "40d"),
        ("undated", days(), json!(days_ago(40)), Value::Null, "overdue, every 10 days", "40d"),
        ("due", days(), json!(days_ago(5)), json!(now + 5 * day), "every 10 days", "5d"),
        ("lastday", days(), json!(days_ago(10)), Value::Null, "every 10 days", "10d"),
        (
            "cron",
            every("cron(0 8 1 * ? *)"),
            json!(days_ago(40)),
            json!(days_ago(9)),
            "overdue, cron(0 8 1 * ? *)",
            "40d",
        ),
        ("hourly", every("rate(4 hours)"), json!(days_ago(40)), Value::Null, "rate(4 hours)", "40d"),
        (
            "endless",
            json!({ "AutomaticallyAfterDays": u32::MAX }),
            json!(days_ago(40)),
            Value::Null,
            "every 4294967295 days",
            "40d",
        ),
        ("daily", every("rate(1 day)"), Value::Null, Value::Null, "every day", "never"),
    ];
    for (id, rules, last, next, shown_rotation, shown_last) in rows {
        let aws = Aws::start().secret(id, Secret::text(CANARY)).describes(id, rotation(rules, last, next));
        let run = described(&aws).resolve(&format!("A={id}")).run();
        assert_eq!(cells(run.launched(), id)[2..4], [shown_rotation, shown_last], "{run}");
    }
}

#[test]
fn a_denied_description_is_not_permitted_and_no_failure() {
    let aws = Aws::start()
        .secret("x", Secret::text(CANARY))
        .refuses_to_describe("x", fault::denied_description())
        .secret("y", Secret::text(CANARY));
    let run = described(&aws).resolve("A=x").resolve("B=y").run();
    run.launched_silently();
    assert_eq!(cells(&run, "x")[2], "not-permitted", "{run}");
    assert_eq!(cells(&run, "y")[2], "off", "{run}");
    let run = described(&aws).arg("--json").resolve("A=x").run();
    run.ended(Status::Exit(0));
    let secret = &run.document()["secrets"][0];
    assert_eq!((&secret["status"], &secret["error"]), (&json!("not-permitted"), &Value::Null), "{run}");
    assert!(secret.get("rotation").is_none(), "{run}");
}

#[test]
fn a_secret_that_cannot_be_read_is_described() {
    let aws = Aws::start()
        .secret("denied", Secret::failing(fault::denied_by_kms()))
        .describes("denied", json!({ "KmsKeyId": KEY }))
        .secret("gone", Secret::failing(fault::marked_for_deletion()))
        .describes("gone", json!({ "DeletedDate": days_ago(3) }));
    let run = described(&aws).resolve("A=denied").resolve("B=gone").resolve("C=nothing").run();
    run.ended(Status::Exit(78));
    assert_eq!(cells(&run, "denied")[4], KEY, "{run}");
    assert_eq!(cells(&run, "gone")[2], "marked-for-deletion", "{run}");
    // The answer for a secret that does not exist would only come again.
    assert_eq!(aws.calls_of("DescribeSecret").len(), 2);
}

#[test]
fn a_secret_is_described_once_and_a_parameter_is_not() {
    let secret = Secret::text(r#"{"a":"v-4c7a1e","b":"w-4c7a1e"}"#).previous(Secret::text(r#"{"a":"old-4c7a1e"}"#));
    let aws = Aws::start().secret("x", secret).parameter("/p", &[Version::text(CANARY)]);
    let sandbox = described(&aws).resolve("A=x:a").resolve("B=x:b").resolve("C=x:a:AWSPREVIOUS").resolve("D=ssm:/p");
    sandbox.run().ended(Status::Exit(0));
    let described: Vec<String> = aws.calls_of("DescribeSecret").iter().map(Call::secret_id).collect();
    assert_eq!(described, ["x"]);
}

#[test]
fn a_secret_is_described_by_the_role_and_in_the_region_that_read_it() {
    let aws = Aws::start()
        .region_fails("us-east-1", fault::unavailable())
        .secret("x", Secret::text(CANARY))
        .describes("x", json!({ "PrimaryRegion": "us-east-1" }));
    let sandbox = described(&aws).resolve("A=x").args(["--fallback-region", "eu-west-1"]).env("AWS_MAX_ATTEMPTS", "1");
    let run = sandbox.env_remove("AWS_ENDPOINT_URL").endpoint(&aws.endpoint()).run();
    run.ended(Status::Exit(0));
    assert_eq!(cells(&run, "x"), ["x", "eu-west-1", "off", "-", "aws/secretsmanager", "of us-east-1"], "{run}");
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let run = described(&aws).arg("--json").resolve("A=x").args(["--role-arn", READER]).run();
    assert_eq!(run.document()["secrets"][0]["role"], READER, "{run}");
    let (read, described) = (aws.only_read(), aws.calls_of("DescribeSecret"));
    assert_eq!(described[0].access_key(), read.access_key());
}

#[test]
fn a_local_file_and_the_agent_describe_nothing() {
    let local = format!(r#"{{"x": "{CANARY}"}}"#);
    let sandbox = || Sandbox::new().args(["check", "--describe"]).bare().local(&local).resolve("A=x");
    let run = sandbox().run();
    run.ended(Status::Exit(0));
    assert!(!run.stdout().contains("ROTATION"), "{run}");
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let token = crate::support::aws::secret::AGENT_TOKEN;
    let sandbox = || described(&aws).resolve("A=x").env("AWS_TOKEN", token).arg(format!("--agent={}", aws.agent()));
    sandbox().run().ended(Status::Exit(0));
    assert!(aws.calls_of("DescribeSecret").is_empty());
    let run = sandbox().arg("--agent-fallback").run();
    assert_eq!(cells(&run, "x")[2], "off", "{run}");
}

#[test]
fn machines_get_every_field_of_a_description() {
    let aws = Aws::start().secret("x", Secret::text(CANARY)).describes(
        "x",
        json!({
            "KmsKeyId": KEY,
            "RotationEnabled": true,
            "RotationRules": { "ScheduleExpression": "rate(10 days)" },
            "LastRotatedDate": 1_523_477_145.713,
            "NextRotationDate": 1_524_341_145,
            "ReplicationStatus": [{ "Region": "eu-west-1", "Status": "InSync", "KmsKeyId": "alias/aws/secretsmanager" }],
        }),
    );
    let run = described(&aws).arg("--json").resolve("A=x").run();
    assert_eq!(
        run.document()["secrets"],
        json!([{
            "id": "x",
            "region": "us-east-1",
            "role": null,
            "status": "ok",
            "error": null,
            "rotation": {
                "enabled": true,
                "every_days": 10,
                "schedule": "rate(10 days)",
                "last": "2018-04-11T20:05:45Z",
                "next": "2018-04-21T20:05:45Z",
                "overdue": true,
            },
            "kms_key": KEY,
            "replicas": [{ "region": "eu-west-1", "status": "InSync", "kms_key": null }],
            "primary_region": null,
            "deleted": null,
        }]),
        "{run}"
    );
}

#[test]
fn the_documented_gate_passes_only_a_rotated_secret_with_a_key_of_its_own() {
    if !skip::can(&["jq", "--version"], "the gate of docs/check.md") {
        return;
    }
    let gate = Page::read("docs/check.md").blocks("sh")[0].replacen("secrets-exec", "\"$@\"", 1);
    let rotation = |last: u64| {
        let rules = json!({ "AutomaticallyAfterDays": 30 });
        json!({ "KmsKeyId": KEY, "RotationEnabled": true, "RotationRules": rules, "LastRotatedDate": last })
    };
    let passes = |aws: Aws| {
        let aws = aws.secret("x", Secret::text(CANARY));
        let sandbox = Sandbox::new().aws(&aws).file("secrets.yaml", "env: { A: x }\n").bare().prepared_by(&gate);
        sandbox.run().status == Status::Exit(0)
    };
    assert!(passes(Aws::start().describes("x", rotation(days_ago(5)))));
    assert!(!passes(Aws::start().describes("x", rotation(days_ago(50)))), "overdue");
    assert!(!passes(Aws::start()), "no rotation");
    assert!(!passes(Aws::start().describes("x", json!({ "KmsKeyId": KEY }))), "no rotation, but a key");
    assert!(!passes(Aws::start().refuses_to_describe("x", fault::denied_description())), "not permitted");
    let aws = Aws::start().parameter("/p", &[Version::text(CANARY)]);
    let without_secrets = Sandbox::new().aws(&aws).file("secrets.yaml", "env: { A: 'ssm:/p' }\n").bare();
    assert_ne!(without_secrets.prepared_by(&gate).run().status, Status::Exit(0), "no secret");
}

#[test]
fn a_secret_that_does_not_answer_leaves_the_time_to_describe_the_others() {
    let aws = Aws::start()
        .secret("ok", Secret::text(r#"{"k":"v-4c7a1e"}"#))
        .describes("ok", json!({ "RotationEnabled": false }))
        .secret("held", Secret { held: true, ..Secret::text(CANARY) });
    let run = described(&aws).resolve("A=ok:k").resolve("B=held").args(["--timeout", "3s"]).run();
    aws.release();
    run.ended(Status::Exit(75));
    assert_eq!(cells(&run, "ok")[..3], ["ok", "us-east-1", "off"], "{run}");
}

#[test]
fn a_description_that_fails_is_no_missing_permission() {
    for (failure, shown) in
        [(fault::internal_error(), "service-failure"), (fault::expired_token(), "credentials-refused")]
    {
        let aws = Aws::start().secret("x", Secret::text(CANARY)).refuses_to_describe("x", failure);
        let run = described(&aws).resolve("A=x").env("AWS_MAX_ATTEMPTS", "1").run();
        run.launched_silently();
        assert_eq!(cells(&run, "x")[2], shown, "{run}");
    }
}
