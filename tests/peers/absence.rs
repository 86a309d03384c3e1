//! Absent secrets end the launch, unless the declaration says otherwise; deleted and malformed ones always do.

use serde_json::json;

use super::moto::Moto;
use crate::support::sandbox::CANARY;

#[test]
fn a_missing_secret_ends_the_launch_and_is_named() {
    let Some(moto) = Moto::shared() else { return };
    let outcome = moto.sandbox().resolve("PASSWORD=absence/nowhere").run();
    let facts = ["PASSWORD", "absence/nowhere", "us-east-1"];
    outcome.refused(78).says(facts);
}

#[test]
fn a_missing_secret_has_its_default_or_leaves_its_variable_as_it_was() {
    let Some(moto) = Moto::shared() else { return };
    let declaration = "\
env:
  DEFAULTED: { from: absence/missing, default: fallback }
  EMPTY: { from: 'absence/missing:key', default: '' }
  OPTIONAL: { from: absence/missing, optional: true }
  INHERITED: { from: absence/missing, optional: true }
";
    let sandbox = moto.sandbox().declaration(declaration);
    let outcome = sandbox.env("INHERITED", "kept").run();
    outcome
        .launched_silently()
        .has("DEFAULTED", "fallback")
        .has("EMPTY", "")
        .lacks("OPTIONAL")
        .has("INHERITED", "kept");
}

#[test]
fn missing_keys_labels_versions_and_nulls_are_absences_too() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("absence/partly", r#"{"none":null,"other":"there"}"#);
    moto.secretsmanager("create_secret", &json!({ "Name": "absence/never-set" }));
    let declaration = "\
env:
  KEY: { from: 'absence/partly:password', default: used }
  NODE: { from: 'absence/partly:$.a.b', default: used }
  NONE: { from: 'absence/partly:none', default: used }
  LABEL: { from: 'absence/partly::AWSPREVIOUS', default: used }
  VERSION: { from: 'absence/partly:::00000000-0000-4000-8000-000000000000', default: used }
  NEVER_SET: { from: absence/never-set, default: used }
  THERE: { from: 'absence/partly:other', default: unused }
";
    let outcome = moto.sandbox().declaration(declaration).run();
    outcome.launched_silently().has("THERE", "there");
    for name in ["KEY", "NODE", "NONE", "LABEL", "VERSION", "NEVER_SET"] {
        outcome.has(name, "used");
    }
}

#[test]
fn a_missing_key_is_answered_with_the_nearest_one() {
    let Some(moto) = Moto::shared() else { return };
    let secret = json!({ "username": "app", "password": CANARY });
    moto.secret("absence/key", &secret.to_string());
    let outcome = moto.sandbox().resolve("DB=absence/key:pasword").run();
    let facts = ["DB", "absence/key", "pasword", "password"];
    outcome.refused(78).says(facts);
}

#[test]
fn a_secret_marked_for_deletion_is_no_absence() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("absence/deleted", CANARY);
    let deletion = json!({ "SecretId": "absence/deleted", "RecoveryWindowInDays": 7 });
    moto.secretsmanager("delete_secret", &deletion);
    let sandbox = moto.sandbox().declaration("env:\n  PASSWORD: { from: absence/deleted, default: fallback }\n");
    let facts = ["PASSWORD", "absence/deleted", "marked for deletion"];
    sandbox.run().refused(78).says(facts);
}

#[test]
fn a_key_of_a_secret_that_is_not_json_is_no_absence() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("absence/not-json", CANARY);
    let sandbox = moto.sandbox().declaration("env:\n  PASSWORD: { from: 'absence/not-json:key', default: fallback }\n");
    let facts = ["PASSWORD", "absence/not-json", "JSON"];
    sandbox.run().refused(78).says(facts);
}

#[test]
fn every_failure_is_told_at_once() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("absence/one", &json!({ "key": CANARY }).to_string());
    let sandbox = moto
        .sandbox()
        .resolve("FINE=absence/one:key")
        .resolve("NO_SECRET=absence/two")
        .resolve("NO_KEY=absence/one:other")
        .resolve("NO_LABEL=absence/one:key:AWSPENDING");
    let outcome = sandbox.run();
    let facts = ["NO_SECRET", "NO_KEY", "NO_LABEL"];
    outcome.refused(78).says(facts).says_nothing_of("FINE");
}
