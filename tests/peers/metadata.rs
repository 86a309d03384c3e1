//! `check --metadata`, which doesn't read values, for secrets and parameters that boto3 has
//! created; and the policy that it needs.

use serde_json::json;

use super::checked::{check_signatures, iam, user};
use super::moto::Moto;
use crate::support::outcome::Status;
use crate::support::sandbox::CANARY;

const DECLARATION: &str = r#"
secrets: { db: m/db }
env:
  KEY: db:k
  PREVIOUS: db::AWSPREVIOUS
  ABSENT_STAGE: db::green
  DELETED: m/deleted
  ABSENT: m/absent
  DEFAULT: { from: m/absent, default: d }
  OPTIONAL: { from: m/absent, optional: true }
  TEMPLATE: { template: "{{ db.k }}" }
  LITERAL: { value: x }
  PARAMETER: ssm:/m/p
  VERSION: ssm:/m/p:::7
  FOREIGN: arn:aws:ssm:us-east-1:210987654321:parameter/m/p
  NO_PARAMETER: ssm:/m/absent
  UNLISTED: "m/db:k::01234567-89ab-cdef-0123-456789abcdef"
env-from: [ssm:/m/path/, { from: ssm:/m/none/, prefix: NONE_ }, { from: m/db, prefix: DB_ }]
"#;

/// A moto that has everything that [`DECLARATION`] names, except for what it calls absent.
fn moto() -> Option<Moto> {
    let moto = Moto::start()?;
    moto.secret("m/db", &json!({ "k": CANARY }).to_string());
    moto.put("m/db", &json!({ "k": CANARY, "new": 1 }).to_string());
    moto.secret("m/deleted", CANARY);
    moto.secretsmanager(
        "delete_secret",
        &json!({ "SecretId": "m/deleted", "RecoveryWindowInDays": 7 }),
    );
    moto.parameter("/m/p", "SecureString", CANARY);
    moto.parameter("/m/path/a", "SecureString", CANARY);
    Some(moto)
}

#[test]
fn check_metadata_shows_which_secrets_exist_without_reading_a_value() {
    let moto = or_skip!(moto());
    let sandbox = moto
        .sandbox()
        .declaration(DECLARATION)
        .args(["check", "--metadata"])
        .bare();
    let run = sandbox.arg("--json").run();
    run.ended(Status::Exit(78));
    let document = run.document();
    assert_eq!(document["values_read"], json!(false), "{run}");
    for (label, status, source) in [
        ("KEY", "not-read", "ok"),
        ("PREVIOUS", "not-read", "ok"),
        ("ABSENT_STAGE", "failed version-not-found", "failed"),
        ("DELETED", "failed marked-for-deletion", "failed"),
        ("ABSENT", "failed not-found", "failed"),
        ("DEFAULT", "default", "failed"),
        ("OPTIONAL", "unset", "failed"),
        ("TEMPLATE", "not-read", "ok"),
        ("LITERAL", "ok", ""),
        ("PARAMETER", "not-read", "ok"),
        ("VERSION", "not-read version not checked", "ok"),
        ("FOREIGN", "not-checked", "not-checked"),
        ("UNLISTED", "not-checked", "not-checked"),
        ("NO_PARAMETER", "failed not-found", "failed"),
        ("*", "not-read", "ok"),
        ("NONE_*", "failed not-found", "failed"),
        ("DB_*", "not-read", "ok"),
    ] {
        let row = document["values"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["label"] == label);
        let row = row.unwrap_or_else(|| panic!("no {label}: {run}"));
        let words =
            ["status", "error", "note"].map(|field| row[field].as_str().unwrap_or_default());
        let words = words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let seen = (
            words.as_str(),
            row["sources"][0]["status"].as_str().unwrap_or_default(),
        );
        assert_eq!(seen, (status, source), "{label}: {run}");
    }
    let version = moto.secretsmanager("describe_secret", &json!({ "SecretId": "m/db" }))["VersionIdsToStages"].take();
    let current = version
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, stages)| stages[0] == "AWSCURRENT")
        .unwrap()
        .0;
    assert_eq!(
        document["values"][0]["sources"][0]["version"],
        json!(current),
        "{run}"
    );
    assert_eq!(document["secrets"].as_array().unwrap().len(), 3, "{run}");
}

#[test]
fn the_policy_for_check_metadata_suffices_and_does_not_allow_reading_a_value() {
    let moto = or_skip!(moto());
    let sandbox = |command: &[&str]| {
        let sandbox = moto
            .sandbox()
            .args(command)
            .resolve("A=m/db:k")
            .resolve("B=ssm:/m/p");
        sandbox.args(["--env-from", "P_=ssm:/m/path/"])
    };
    let policy = sandbox(&["policy", "--metadata", "--account", "123456789012"])
        .bare()
        .run();
    let policy = policy.launched_silently().document();
    let actions: Vec<_> = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["Action"][0].clone())
        .collect();
    assert_eq!(
        actions,
        ["secretsmanager:DescribeSecret", "ssm:DescribeParameters"]
    );
    let keys = user(&moto, "pipeline");
    // moto compares actions. It compares resources only if they don't have wildcards.
    let statement = json!([{ "Effect": "Allow", "Action": actions, "Resource": "*" }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    iam(
        &moto,
        "put_user_policy",
        &json!({ "UserName": "pipeline", "PolicyName": "a", "PolicyDocument": document }),
    );
    check_signatures(&moto);
    keys.give(sandbox(&["check", "--metadata"]))
        .bare()
        .run()
        .ended(Status::Exit(0));
    let launch = keys.give(sandbox(&[])).run();
    launch.refused(75).says([
        "A (",
        "B (",
        "for --env-from ssm:/m/path/",
        "HTTP status 403",
    ]);
}
