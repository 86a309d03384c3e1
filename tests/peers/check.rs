//! `check` of secrets that boto3 has created: versions, rotation, KMS key and replicas, as boto3
//! describes them.

use serde_json::{Value, json};

use super::moto::{Moto, text_of};
use crate::support::outcome::Status;
use crate::support::sandbox::CANARY;

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn check_shows_the_same_versions_labels_and_dates_as_boto3() {
    let moto = or_skip!(Moto::shared());
    moto.secret("check/x", &json!({ "k": CANARY }).to_string());
    moto.put("check/x", &json!({ "k": CANARY, "new": 1 }).to_string());
    moto.parameter("/check/p", "SecureString", CANARY);
    let bindings = ["A=check/x:k", "B=check/x:k:AWSPREVIOUS", "C=ssm:/check/p"];
    let sandbox = moto.sandbox().args(["check", "--json"]).bare();
    let run = bindings
        .iter()
        .fold(sandbox, |sandbox, binding| sandbox.resolve(binding))
        .run();
    run.ended(Status::Exit(0));
    let document = run.document();
    for (at, stage) in ["AWSCURRENT", "AWSPREVIOUS"].into_iter().enumerate() {
        let expected = json!({ "SecretId": "check/x", "VersionStage": stage });
        let version = moto.secretsmanager("get_secret_value", &expected);
        let source = &document["values"][at]["sources"][0];
        assert_eq!(
            (&source["version"], &source["stages"]),
            (&version["VersionId"], &version["VersionStages"]),
            "{run}"
        );
        assert_eq!(
            source["created"],
            text_of(&version["CreatedDate"])[..19].replace(' ', "T") + "Z",
            "{run}"
        );
    }
    let source = &document["values"][2]["sources"][0];
    assert_eq!(
        (&source["store"], &source["version"]),
        (&json!("ssm"), &json!("1")),
        "{run}"
    );
    assert!(source["created"].is_string(), "{run}");
}

#[test]
fn check_shows_the_same_rotation_kms_key_and_replicas_as_boto3() {
    let moto = or_skip!(Moto::shared());
    let replicas = json!([{ "Region": "us-west-2" }, { "Region": "eu-west-1" }]);
    let secret = json!({
        "Name": "check/described", "SecretString": CANARY, "KmsKeyId": KEY, "AddReplicaRegions": replicas,
    });
    moto.secretsmanager("create_secret", &secret);
    let rotation = json!({
        "SecretId": "check/described", "RotationRules": { "AutomaticallyAfterDays": 30 }, "RotateImmediately": false,
    });
    moto.secretsmanager("rotate_secret", &rotation);
    moto.secret("check/plain", CANARY);
    let sandbox = || {
        moto.sandbox().args([
            "check",
            "--describe",
            "-e",
            "A=check/described",
            "-e",
            "B=check/plain",
        ])
    };
    let run = sandbox().arg("--json").bare().run();
    run.ended(Status::Exit(0));
    let secrets = run.document()["secrets"].take();
    let described = &secrets[0];
    let expected =
        moto.secretsmanager("describe_secret", &json!({ "SecretId": "check/described" }));
    assert_eq!(described["kms_key"], expected["KmsKeyId"], "{run}");
    assert_eq!(
        described["rotation"]["enabled"], expected["RotationEnabled"],
        "{run}"
    );
    assert_eq!(
        described["rotation"]["every_days"], expected["RotationRules"]["AutomaticallyAfterDays"],
        "{run}"
    );
    let regions: Vec<&Value> = described["replicas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|replica| &replica["region"])
        .collect();
    assert_eq!(regions, ["eu-west-1", "us-west-2"], "{run}");
    let plain = &secrets[1];
    assert_eq!(
        (&plain["rotation"]["enabled"], &plain["kms_key"]),
        (&json!(false), &Value::Null),
        "{run}"
    );
    let table = sandbox().bare().run().stdout();
    assert!(
        table.contains("every 30 days") && table.contains("eu-west-1, us-west-2"),
        "{table}"
    );
    // A replica names its primary region.
    let run = sandbox()
        .arg("--json")
        .bare()
        .region("us-west-2")
        .args(["--no-file", "-e", "C=check/described"])
        .run();
    let replica = run.document()["secrets"][0].take();
    assert_eq!(replica["primary_region"], "us-east-1", "{run}");
}
