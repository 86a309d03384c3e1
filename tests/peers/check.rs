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
    let line = "check --json -e A=check/x:k -e B=check/x:k:AWSPREVIOUS -e C=ssm:/check/p";
    let run = moto.sandbox().args(line.split(' ')).bare().run();
    run.ended(Status::Exit(0));
    let document = run.document();
    let source = |at: usize| &document["values"][at]["sources"][0];
    for (at, stage) in ["AWSCURRENT", "AWSPREVIOUS"].into_iter().enumerate() {
        let expected = json!({ "SecretId": "check/x", "VersionStage": stage });
        let version = moto.secretsmanager("get_secret_value", &expected);
        let created = text_of(&version["CreatedDate"])[..19].replace(' ', "T") + "Z";
        assert_eq!(source(at)["version"], version["VersionId"], "{run}");
        assert_eq!(source(at)["stages"], version["VersionStages"], "{run}");
        assert_eq!(source(at)["created"], created, "{run}");
    }
    assert_eq!(source(2)["store"], "ssm", "{run}");
    assert_eq!(source(2)["version"], "1", "{run}");
    assert!(source(2)["created"].is_string(), "{run}");
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
    let line = "check --metadata --json -e A=check/described -e B=check/plain";
    let run = moto.sandbox().args(line.split(' ')).bare().run();
    run.ended(Status::Exit(0));
    let secrets = run.document()["secrets"].take();
    let (described, plain) = (&secrets[0], &secrets[1]);
    let id = json!({ "SecretId": "check/described" });
    let expected = moto.secretsmanager("describe_secret", &id);
    let (rotation, every) = (&described["rotation"], &expected["RotationRules"]);
    assert_eq!(described["kms_key"], expected["KmsKeyId"], "{run}");
    assert_eq!(rotation["enabled"], expected["RotationEnabled"], "{run}");
    assert_eq!(
        rotation["every_days"], every["AutomaticallyAfterDays"],
        "{run}"
    );
    let replicas = described["replicas"].as_array().unwrap().iter();
    let regions: Vec<&Value> = replicas.map(|replica| &replica["region"]).collect();
    assert_eq!(regions, ["eu-west-1", "us-west-2"], "{run}");
    assert_eq!(plain["rotation"]["enabled"], false, "{run}");
    assert_eq!(plain["kms_key"], Value::Null, "{run}");
}
