//! A server that checks signatures: wrong keys are refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::moto::{Credentials, Moto};
use crate::support::sandbox::CANARY;

/// A name with every character that a signature might encode wrongly.
const NAME: &str = "identity/of_+=.@-these";

#[test]
fn a_server_that_checks_signatures_accepts_ours_and_refuses_wrong_keys() {
    let Some(moto) = Moto::start() else { return };
    let arn = moto.secret(NAME, CANARY);
    let keys = reader(&moto);
    let sandbox = |keys: &Credentials| {
        let sandbox = moto.sandbox().resolve(&format!("NAME={NAME}"));
        keys.give(sandbox.resolve(&format!("ARN={arn}")))
    };

    let forged = sandbox(&keys.forged("not the secret of this key"));
    forged.run().launched_silently().has("NAME", CANARY);
    check_signatures(&moto);
    forged.run().refused(77).says(["NAME", "ARN", NAME]);
    let unknown = Credentials::new("AKIANOSUCHKEY", "dummy");
    sandbox(&unknown).run().refused(77);
    let outcome = sandbox(&keys).run();
    outcome.launched_silently().has("NAME", CANARY).has("ARN", CANARY);
}

/// Keys of a new user who may read every secret (moto matches no other resource than `*`).
fn reader(moto: &Moto) -> Credentials {
    let keys = user(moto, "reader");
    let policy = policy(&json!({ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*" }));
    moto.call(&json!({
        "service": "iam",
        "operation": "put_user_policy",
        "parameters": { "UserName": "reader", "PolicyName": "read", "PolicyDocument": policy },
    }));
    keys
}

/// A policy of one statement.
pub(super) fn policy(statement: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Keys of a new user who may do nothing.
pub(super) fn user(moto: &Moto, name: &str) -> Credentials {
    let iam = |operation: &str| {
        let parameters = json!({ "UserName": name });
        moto.call(&json!({ "service": "iam", "operation": operation, "parameters": parameters }))
    };
    iam("create_user");
    Credentials::of(&iam("create_access_key")["AccessKey"])
}

/// Makes the server check signatures and policies from now on.
pub(super) fn check_signatures(moto: &Moto) {
    let address = moto.url.strip_prefix("http://").expect("moto speaks HTTP");
    let mut stream = TcpStream::connect(address).expect("moto listens");
    let request = "POST /moto-api/reset-auth HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n0";
    stream.write_all(request.as_bytes()).expect("moto reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("moto answers");
    assert!(answer.contains(" 200 OK\r\n"), "{answer}");
}
