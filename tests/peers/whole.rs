//! Whole secrets that boto3 stored, whose keys Python reads too; and `--resolve-env` with real ARNs.

use serde_json::{Value, json};

use super::moto::{Moto, text_of};

/// A secret in the format of those that RDS manages.
const DATABASE: &str = r#"{"username":"admin-4c7a1e","password":"x<&>'\"=\\ \u00e9\n","engine":"postgres-4c7a1e","host":"db.example.com",
    "port":5432,"dbInstanceIdentifier":"db-4c7a1e","ssl":true,"extra":null,"pools":{"max":10,"a":[]}}"#;

/// The text of a Python value in a variable.
fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn each_key_that_python_reads_is_a_variable_and_nothing_else_is_added() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("whole/db", DATABASE);
    let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": "whole/db" }));
    let parameters = json!({ "text": read["SecretString"] });
    let keys = moto.call(&json!({ "service": "python", "operation": "json.loads", "parameters": parameters }));

    let sandbox = moto.sandbox().args(["--env-from", "DB_=whole/db"]);
    let mut names = sandbox.control().names();
    let outcome = sandbox.run();
    outcome.launched_silently();
    for (key, value) in keys.as_object().expect("Python reads an object") {
        let name = format!("DB_{}", key.to_uppercase());
        if value.is_null() {
            outcome.lacks(&name);
            continue;
        }
        outcome.has(&name, spelled(value));
        names.push(name);
    }
    names.sort_unstable();
    assert_eq!(outcome.names(), names);
}

#[test]
fn a_prefix_and_a_choice_of_keys_serve_a_secret_found_by_its_arn() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret("whole/stripe", r#"{"api_key":"sk-4c7a1e","webhook":"wh-4c7a1e","path":"x-4c7a1e"}"#);
    let declaration =
        format!("env-from:\n  - {{ from: \"{arn}\", prefix: STRIPE_, only: [api_key], rename: {{ api_key: KEY }} }}\n");
    let outcome = moto.sandbox().declaration(&declaration).run();
    outcome.launched_silently().has("STRIPE_KEY", "sk-4c7a1e").lacks("STRIPE_WEBHOOK").lacks("STRIPE_API_KEY");
}

#[test]
fn a_previous_version_gives_the_keys_it_had() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("whole/rotated", r#"{"user":"old-4c7a1e","gone":"x-4c7a1e"}"#);
    moto.put("whole/rotated", r#"{"user":"new-4c7a1e"}"#, &[]);
    let sandbox =
        moto.sandbox().args(["--env-from", "NEW_=whole/rotated", "--env-from", "OLD_=whole/rotated::AWSPREVIOUS"]);
    let outcome = sandbox.run();
    outcome.launched_silently().has("NEW_USER", "new-4c7a1e").lacks("NEW_GONE");
    outcome.has("OLD_USER", "old-4c7a1e").has("OLD_GONE", "x-4c7a1e");
}

#[test]
fn a_secret_whose_keys_would_run_code_is_refused() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("whole/evil", r#"{"ld_preload":"/tmp/x.so","user":"u-4c7a1e"}"#);
    let outcome = moto.sandbox().args(["--env-from", "whole/evil"]).run();
    outcome.refused(78).says(["LD_PRELOAD", "whole/evil", "`env`"]);
}

#[test]
fn references_in_inherited_variables_lead_to_what_boto3_stored() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret("whole/inherited", r#"{"user":"u=4c7a1e","password":"old-4c7a1e"}"#);
    let version = text_of(&moto.secretsmanager("get_secret_value", &json!({ "SecretId": arn }))["VersionId"]);
    moto.put("whole/inherited", r#"{"user":"u=4c7a1e","password":"new-4c7a1e"}"#, &[]);
    let sandbox = moto
        .sandbox()
        .env("APP_KEY", format!("{arn}:password::"))
        .env("APP_OLD", format!("{arn}:password::{version}"))
        .env("APP_URL", format!(
            "x://{{{{resolve:secretsmanager:whole/inherited:SecretString:user}}}}:{{{{resolve:secretsmanager:{arn}:SecretString:password:AWSPREVIOUS}}}}@h"
        ))
        .env("OTHER", &arn);
    let outcome = sandbox.args(["--resolve-env", "APP_*"]).run();
    outcome
        .launched_silently()
        .has("APP_KEY", "new-4c7a1e")
        .has("APP_OLD", "old-4c7a1e")
        .has("APP_URL", "x://u=4c7a1e:old-4c7a1e@h")
        .has("OTHER", arn);
}
