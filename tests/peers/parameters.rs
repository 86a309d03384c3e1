//! Parameters that boto3 has put into moto: names and ARNs, versions, labels, lists, and more than ten.

use serde_json::{Value, json};

use super::moto::Moto;
use crate::support::sandbox::CANARY;

fn ssm(moto: &Moto, operation: &str, parameters: &Value) -> Value {
    moto.call(&json!({ "service": "ssm", "operation": operation, "parameters": parameters }))
}

fn put(moto: &Moto, name: &str, kind: &str, value: &str) {
    let parameters = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true });
    ssm(moto, "put_parameter", &parameters);
}

#[test]
fn names_and_arns_versions_and_labels_are_read_decrypted() {
    let Some(moto) = Moto::shared() else { return };
    put(moto, "/peers/db", "SecureString", r#"{"k":"old"}"#);
    put(moto, "/peers/db", "SecureString", r#"{"k":"new"}"#);
    let label = json!({ "Name": "/peers/db", "ParameterVersion": 1, "Labels": ["blue"] });
    ssm(moto, "label_parameter_version", &label);
    put(moto, "plain", "String", CANARY);
    put(moto, "/peers/list", "StringList", "a,b");
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/peers/db";
    let mut sandbox = moto.sandbox();
    for binding in [
        "A=ssm:/peers/db:k",
        "B=ssm:/peers/db:k:blue",
        "C=ssm:/peers/db:k::1",
        "D=ssm:plain",
        "E=ssm:/peers/list",
        &format!("F={arn}:k"),
        &format!("G={arn}:k::1"),
    ] {
        sandbox = sandbox.resolve(binding);
    }
    let run = sandbox.run();
    run.launched_silently().has("A", "new").has("B", "old").has("C", "old").has("D", CANARY).has("E", "a,b");
    run.has("F", "new").has("G", "old");
}

#[test]
fn more_than_ten_are_read() {
    let Some(moto) = Moto::shared() else { return };
    let mut sandbox = moto.sandbox();
    for n in 0..25 {
        put(moto, &format!("/peers/many/{n}"), "SecureString", &format!("value {n}"));
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/peers/many/{n}"));
    }
    let run = sandbox.run();
    run.launched_silently();
    for n in 0..25 {
        run.has(&format!("V{n}"), format!("value {n}"));
    }
}

#[test]
fn all_below_a_path_are_read_page_by_page() {
    let Some(moto) = Moto::shared() else { return };
    for n in 0..25 {
        put(moto, &format!("/peers-path/many/{n}"), "SecureString", &format!("value {n}"));
    }
    put(moto, "/peers-path/db/pass-word", "SecureString", "old");
    put(moto, "/peers-path/db/pass-word", "SecureString", CANARY);
    put(moto, "/peers-path-other/x", "String", "x");
    let run = moto.sandbox().args(["--env-from", "P_=ssm:/peers-path/"]).run();
    run.launched_silently().has("P_DB_PASS_WORD", CANARY).lacks("P_X");
    for n in 0..25 {
        run.has(&format!("P_MANY_{n}"), format!("value {n}"));
    }
    let listed = json!({ "Path": "/peers-path/", "Recursive": true });
    assert!(ssm(moto, "get_parameters_by_path", &listed)["NextToken"].is_string(), "one page is all of it");
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/peers-path/db/";
    moto.sandbox().args(["--env-from", arn]).run().launched_silently().has("PASS_WORD", CANARY);
    let run = moto.sandbox().args(["--env-from", "ssm:/peers-path/nothing/"]).run();
    run.refused(78).says(["parameters below /peers-path/nothing/", "there are none"]);
}

#[test]
fn what_is_not_there_is_78_for_each() {
    let Some(moto) = Moto::shared() else { return };
    put(moto, "/peers/there", "String", CANARY);
    let sandbox = moto.sandbox().resolve("A=ssm:/peers/nothing").resolve("B=ssm:/peers/there:::9");
    let run = sandbox.resolve("C=ssm:/peers/there").run();
    run.refused(78).says(["A (", "parameter /peers/nothing", "B (", "parameter /peers/there, version 9"]);
    run.says_nothing_of("C (");
}

#[test]
fn a_secret_by_way_of_parameter_store_is_read() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("peers-by-reference", r#"{"k":"v"}"#);
    let run = moto.sandbox().resolve("A=ssm:/aws/reference/secretsmanager/peers-by-reference:k").run();
    run.launched().has("A", "v");
}
