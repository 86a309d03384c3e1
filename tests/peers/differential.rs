//! References read what boto3 has stored: texts and bytes, with names and paths of every form, in
//! every partition and in two accounts. `tests/aws/cases` has the rows for versions and labels.

use serde_json::json;

use super::moto::{Moto, text_of};

/// A role in another account than that of the tests' keys.
const READER: &str = "arn:aws:iam::222222222222:role/reader";

/// A text with characters that boto3 escapes in JSON, and that other tools trim, unescape or parse
/// a second time.
const TEXT: &str = " \"quoted\" \\n $HOME `id` {{x}} <&> пароль 🔑 e\u{301}\u{feff} \t\r\n\n";

#[test]
fn texts_keys_and_bytes_are_read_exactly_as_boto3_has_stored_them() {
    let moto = or_skip!(Moto::shared());
    moto.secret("differential/text", TEXT);
    moto.secret("differential/key", &json!({ "k": TEXT }).to_string());
    let bytes: Vec<u8> = (0..=255).collect();
    let binary = json!({ "Name": "differential/binary", "SecretBinary": { "$bytes": bytes } });
    moto.secretsmanager("create_secret", &binary);
    let id = json!({ "SecretId": "differential/binary" });
    let read = moto.secretsmanager("get_secret_value", &id);
    let declaration = "env: { B: { from: differential/binary, encode: base64 } }\n";
    let sandbox = moto.sandbox().declaration(declaration);
    let sandbox = sandbox.resolve("T=differential/text");
    let run = sandbox.resolve("K=differential/key:k").run();
    run.launched_silently().has("T", TEXT).has("K", TEXT);
    run.has("B", text_of(&read["SecretBinary"]["$base64"]));
}

#[test]
fn a_secret_is_read_by_any_legal_name_and_by_an_arn_of_any_region_and_partition() {
    let moto = or_skip!(Moto::shared());
    let (mut launch, mut expected) = (moto.sandbox(), Vec::new());
    for (at, name) in [
        "rds!cluster-4d1e2f3a-0b1c-4d5e-8f90-a1b2c3d4e5f6",
        "/leading/slash",
        "ends-in-AbCdEf",
        "0",
        "UPPER/lower",
    ]
    .into_iter()
    .enumerate()
    {
        let value = format!("{name}-4c7a1e");
        let arn = moto.secret(name, &value);
        launch = launch.resolve(&format!("NAME_{at}={name}"));
        launch = launch.resolve(&format!("ARN_{at}={arn}"));
        expected.extend([
            (format!("NAME_{at}"), value.clone()),
            (format!("ARN_{at}"), value),
        ]);
    }
    for (at, region, start) in [
        ("EU", "eu-west-1", "arn:aws:"),
        ("CN", "cn-north-1", "arn:aws-cn:"),
        ("GOV", "us-gov-west-1", "arn:aws-us-gov:"),
    ] {
        let value = format!("{region}-4c7a1e");
        let parameters = json!({ "Name": "differential/region", "SecretString": value });
        let made = moto.call(&json!({
            "service": "secretsmanager", "operation": "create_secret", "region": region, "parameters": parameters
        }));
        let arn = text_of(&made["ARN"]);
        assert!(arn.starts_with(start), "{arn}");
        let sandbox = moto.sandbox().resolve("A=differential/region");
        let run = sandbox.args(["--region", region]).run();
        run.launched_silently().has("A", &value);
        launch = launch.resolve(&format!("{at}={arn}"));
        expected.push((at.to_owned(), value));
    }
    let run = launch.run();
    run.launched_silently();
    for (name, value) in expected {
        run.has(&name, value);
    }
}

#[test]
fn one_launch_reads_secrets_with_the_same_name_from_two_accounts() {
    let moto = or_skip!(Moto::shared());
    let there = moto.assume(READER);
    moto.secret("accounts/both", r#"{"password":"here-4c7a1e"}"#);
    let secret =
        json!({ "Name": "accounts/both", "SecretString": r#"{"password":"there-4c7a1e"}"# });
    moto.call(&json!({
        "service": "secretsmanager", "operation": "create_secret", "credentials": there.as_json(), "parameters": secret
    }));
    let declaration = format!(
        "secrets:\n  here: accounts/both\n  there: {{ id: accounts/both, role-arn: '{READER}' }}\nenv:\n  HERE: here:password\n  \
         THERE: there:password\n"
    );
    let run = moto.sandbox().declaration(&declaration).run();
    run.launched_silently().has("HERE", "here-4c7a1e");
    run.has("THERE", "there-4c7a1e");
}
