//! `check --metadata`, which doesn't read values, for secrets that boto3 has created.

use serde_json::json;

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
  UNLISTED: "m/db:k::01234567-89ab-cdef-0123-456789abcdef"
env-from: [ssm:/m/path/, { from: m/db, prefix: DB_ }]
"#;

#[test]
fn check_metadata_shows_which_secrets_exist_without_reading_a_value() {
    let moto = or_skip!(Moto::shared());
    moto.secret("m/db", &json!({ "k": CANARY }).to_string());
    moto.put("m/db", &json!({ "k": CANARY, "new": 1 }).to_string());
    moto.secret("m/deleted", CANARY);
    let deletion = json!({ "SecretId": "m/deleted", "RecoveryWindowInDays": 7 });
    moto.secretsmanager("delete_secret", &deletion);
    moto.parameter("/m/p", "SecureString", CANARY);
    moto.parameter("/m/path/a", "SecureString", CANARY);
    let sandbox = moto.sandbox().declaration(DECLARATION).bare();
    let run = sandbox.args(["check", "--metadata", "--json"]).run();
    run.ended(Status::Exit(78));
    let document = run.document();
    let values = document["values"].as_array().unwrap();
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
        ("PARAMETER", "not-checked", "not-checked"),
        ("UNLISTED", "not-checked", "not-checked"),
        ("*", "not-checked", "not-checked"),
        ("DB_*", "not-read", "ok"),
    ] {
        let row = values.iter().find(|row| row["label"] == label);
        let row = row.unwrap_or_else(|| panic!("no {label}: {run}"));
        let words = ["status", "error", "note"].map(|field| row[field].as_str());
        let words = Vec::from_iter(words.into_iter().flatten()).join(" ");
        let of_source = row["sources"][0]["status"].as_str().unwrap_or_default();
        assert_eq!((&*words, of_source), (status, source), "{label}: {run}");
    }
    let described = moto.secretsmanager("describe_secret", &json!({ "SecretId": "m/db" }));
    let stages = &described["VersionIdsToStages"];
    let current = values[0]["sources"][0]["version"].as_str().unwrap();
    assert_eq!(stages[current][0], "AWSCURRENT", "{run}");
    assert_eq!(document["secrets"].as_array().unwrap().len(), 3, "{run}");
}
