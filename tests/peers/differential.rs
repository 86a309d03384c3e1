//! What a reference reads is what boto3 reads by the same words: secrets and parameters, their versions and labels, in two accounts.

use serde_json::{Value, json};

use super::moto::{Moto, text_of};
use crate::support::sandbox::CANARY;

/// A role of another account than that of the tests' keys.
const READER: &str = "arn:aws:iam::222222222222:role/reader";

/// A name with every character that a request might encode wrongly.
const NAME: &str = "differential/of_+=.@-these";

/// A text that boto3's JSON escapes, and that other tools trim, unescape or parse again.
const TEXT: &str = " \"quoted\" \\n $HOME `id` {{x}} <&> пароль 🔑 e\u{301}\u{feff} \t\r\n";

fn ssm(moto: &Moto, operation: &str, parameters: &Value) -> Value {
    moto.call(&json!({ "service": "ssm", "operation": operation, "parameters": parameters }))
}

fn put(moto: &Moto, name: &str, kind: &str, value: &str) {
    let parameters = json!({ "Name": name, "Type": kind, "Value": value, "Overwrite": true });
    ssm(moto, "put_parameter", &parameters);
}

/// Asserts that a launch reads what boto3 reads by this call, or that it is 78 and named when boto3 finds nothing.
fn is_read_alike(moto: &Moto, reference: &str, service: &str, operation: &str, parameters: &Value) {
    let call = json!({ "service": service, "operation": operation, "parameters": parameters });
    let run = moto.sandbox().resolve(&format!("A={reference}")).case(reference).run();
    match moto.try_call(&call) {
        Ok(read) => {
            let value = read["SecretString"].as_str().or(read["Parameter"]["Value"].as_str());
            run.launched_silently().has("A", value.unwrap());
        }
        Err(error) => {
            run.refused(78).says(["A ("]);
            // A secret that is marked for deletion is no absence.
            let declaration = format!("env: {{ A: {{ from: '{reference}', default: d }} }}");
            let run = moto.sandbox().declaration(&declaration).case(reference).run();
            match error.to_string().contains("delet") {
                true => drop(run.refused(78).says(["A (", "marked for deletion"])),
                false => drop(run.launched_silently().has("A", "d")),
            }
        }
    }
}

#[test]
fn a_text_its_key_and_bytes_are_those_that_boto3_stored() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("differential/text", TEXT);
    moto.secret("differential/key", &json!({ "k": TEXT }).to_string());
    let bytes: Vec<u8> = (0..=255).collect();
    let binary = json!({ "Name": "differential/binary", "SecretBinary": { "$bytes": bytes } });
    moto.secretsmanager("create_secret", &binary);
    let read = moto.secretsmanager("get_secret_value", &json!({ "SecretId": "differential/binary" }));
    let sandbox = moto.sandbox().declaration("env: { B: { from: differential/binary, encode: base64 } }\n");
    let run = sandbox.resolve("T=differential/text").resolve("K=differential/key:k").run();
    run.launched_silently().has("T", TEXT).has("K", TEXT).has("B", text_of(&read["SecretBinary"]["$base64"]));
}

#[test]
fn a_version_of_a_secret_is_the_one_that_boto3_reads() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret(NAME, "first-4c7a1e");
    let second = moto.put(NAME, "second-4c7a1e", &[]);
    moto.put(NAME, "third-4c7a1e", &[]);
    moto.put(NAME, "pending-4c7a1e", &["AWSPENDING"]);
    moto.put(NAME, "blue-4c7a1e", &["blue/green"]);
    let unknown = "00000000-0000-4000-8000-000000000000";
    let (partial, _) = arn.rsplit_once('-').unwrap();
    moto.secretsmanager("create_secret", &json!({ "Name": "differential/never-set" }));
    moto.secret("differential/deleted", "deleted-4c7a1e");
    let deletion = json!({ "SecretId": "differential/deleted", "RecoveryWindowInDays": 7 });
    moto.secretsmanager("delete_secret", &deletion);
    for (reference, stage, id) in [
        (NAME.to_owned(), None, None),
        (arn.clone(), None, None),
        (partial.to_owned(), None, None),
        (format!("{arn}:::"), None, None),
        ("differential/never-set".to_owned(), None, None),
        ("differential/deleted".to_owned(), None, None),
        (format!("{NAME}::AWSCURRENT"), Some("AWSCURRENT"), None),
        (format!("{NAME}::AWSPREVIOUS"), Some("AWSPREVIOUS"), None),
        (format!("{arn}::AWSPREVIOUS"), Some("AWSPREVIOUS"), None),
        (format!("{NAME}::AWSPENDING"), Some("AWSPENDING"), None),
        (format!("{NAME}::blue/green"), Some("blue/green"), None),
        (format!("{NAME}::nowhere"), Some("nowhere"), None),
        (format!("{NAME}:::{second}"), None, Some(second.as_str())),
        (format!("{NAME}::AWSPREVIOUS:{second}"), Some("AWSPREVIOUS"), Some(&second)),
        (format!("{NAME}::AWSCURRENT:{second}"), Some("AWSCURRENT"), Some(&second)),
        (format!("{NAME}:::{unknown}"), None, Some(unknown)),
        (format!("{NAME}-nothing"), None, None),
    ] {
        let id_of_secret = reference.strip_prefix(partial).map_or_else(|| reference.split("::").next(), |_| Some(&arn));
        let mut parameters = json!({ "SecretId": id_of_secret });
        let members = [("VersionStage", stage), ("VersionId", id)];
        for (name, value) in members.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            parameters[name] = json!(value);
        }
        is_read_alike(moto, &reference, "secretsmanager", "get_secret_value", &parameters);
    }
}

#[test]
fn a_name_of_any_legal_form_and_an_arn_of_any_region_and_partition_are_read() {
    let Some(moto) = Moto::shared() else { return };
    let generated = "rds!cluster-4d1e2f3a-0b1c-4d5e-8f90-a1b2c3d4e5f6";
    for name in [generated, "/leading/slash", "ends-in-AbCdEf", "0", "UPPER/lower"] {
        let value = format!("{name}-4c7a1e");
        let arn = moto.secret(name, &value);
        let run = moto.sandbox().resolve(&format!("NAME={name}")).resolve(&format!("ARN={arn}")).run();
        run.launched_silently().has("NAME", &value).has("ARN", &value);
    }
    for (region, start) in
        [("eu-west-1", "arn:aws:"), ("cn-north-1", "arn:aws-cn:"), ("us-gov-west-1", "arn:aws-us-gov:")]
    {
        let value = format!("{region}-4c7a1e");
        let parameters = json!({ "Name": "differential/region", "SecretString": value });
        let made = moto.call(&json!({
            "service": "secretsmanager", "operation": "create_secret", "region": region, "parameters": parameters
        }));
        let arn = text_of(&made["ARN"]);
        assert!(arn.starts_with(start), "{arn}");
        moto.sandbox().resolve(&format!("A={arn}")).run().launched_silently().has("A", &value);
        let named = moto.sandbox().args(["--region", region]).resolve("A=differential/region");
        named.run().launched_silently().has("A", &value);
    }
}

#[test]
fn a_version_of_a_parameter_is_the_one_that_boto3_reads() {
    let Some(moto) = Moto::shared() else { return };
    put(moto, "/peers/db", "SecureString", "old-4c7a1e");
    put(moto, "/peers/db", "SecureString", "new-4c7a1e");
    let label = json!({ "Name": "/peers/db", "ParameterVersion": 1, "Labels": ["blue"] });
    ssm(moto, "label_parameter_version", &label);
    put(moto, "plain", "String", CANARY);
    put(moto, "/peers/list", "StringList", "a,b-4c7a1e");
    moto.secret("peers-by-reference", CANARY);
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/peers/db";
    for (reference, name) in [
        ("ssm:/peers/db", "/peers/db"),
        ("ssm:/peers/db::blue", "/peers/db:blue"),
        ("ssm:/peers/db:::1", "/peers/db:1"),
        ("ssm:/peers/db:::9", "/peers/db:9"),
        ("ssm:/peers/db::red", "/peers/db:red"),
        (arn, arn),
        (&format!("{arn}:::1"), &format!("{arn}:1")),
        ("ssm:plain", "plain"),
        ("ssm:/peers/list", "/peers/list"),
        ("ssm:/peers/nothing", "/peers/nothing"),
        ("ssm:/aws/reference/secretsmanager/peers-by-reference", "/aws/reference/secretsmanager/peers-by-reference"),
    ] {
        let parameters = json!({ "Name": name, "WithDecryption": true });
        is_read_alike(moto, reference, "ssm", "get_parameter", &parameters);
    }
}

#[test]
fn more_than_ten_parameters_and_all_below_a_path_are_those_of_boto3() {
    let Some(moto) = Moto::shared() else { return };
    let mut sandbox = moto.sandbox();
    for n in 0..25 {
        put(moto, &format!("/peers-path/many/{n}"), "SecureString", &format!("value-4c7a1e-{n}"));
        sandbox = sandbox.resolve(&format!("V{n}=ssm:/peers-path/many/{n}"));
    }
    put(moto, "/peers-path/db/pass-word", "SecureString", "old-4c7a1e");
    put(moto, "/peers-path/db/pass-word", "SecureString", CANARY);
    put(moto, "/peers-path-other/x", "String", "x-4c7a1e");
    let run = sandbox.args(["--env-from", "P_=ssm:/peers-path/"]).run();
    run.launched_silently().has("P_DB_PASS_WORD", CANARY).lacks("P_X");
    for n in 0..25 {
        run.has(&format!("V{n}"), format!("value-4c7a1e-{n}")).has(&format!("P_MANY_{n}"), format!("value-4c7a1e-{n}"));
    }
    let listed = json!({ "Path": "/peers-path/", "Recursive": true });
    assert!(ssm(moto, "get_parameters_by_path", &listed)["NextToken"].is_string(), "one page is all of it");
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/peers-path/db/";
    moto.sandbox().args(["--env-from", arn]).run().launched_silently().has("PASS_WORD", CANARY);
    let run = moto.sandbox().args(["--env-from", "ssm:/peers-path/nothing/"]).run();
    run.refused(78).says(["parameters below /peers-path/nothing/", "there are none"]);
}

#[test]
fn one_launch_reads_a_name_from_two_accounts_that_do_not_see_each_others_secrets() {
    let Some(moto) = Moto::shared() else { return };
    let there = moto.assume(READER);
    moto.secret("accounts/both", r#"{"password":"here-4c7a1e"}"#);
    moto.secret_of(&there, "accounts/both", r#"{"password":"there-4c7a1e"}"#);
    moto.secret_of(&there, "accounts/elsewhere", CANARY);
    let declaration = format!(
        "secrets:\n  here: accounts/both\n  there: {{ id: accounts/both, role-arn: '{READER}' }}\nenv:\n  HERE: here:password\n  \
         THERE: there:password\n"
    );
    let run = moto.sandbox().declaration(&declaration).run();
    run.launched_silently().has("HERE", "here-4c7a1e").has("THERE", "there-4c7a1e");
    let elsewhere = moto.sandbox().resolve("VALUE=accounts/elsewhere");
    elsewhere.run().refused(78).says(["VALUE", "accounts/elsewhere"]);
    there.give(elsewhere).run().launched_silently().has("VALUE", CANARY);
}
