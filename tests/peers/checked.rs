//! Users of a moto that checks every signature and every permission.
//!
//! moto denies a request without an error code. AWS never does that, so secrets-exec takes moto's
//! denial for the answer of a proxy.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::moto::{Credentials, Moto};

/// A policy with one statement.
pub(super) fn policy(statement: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Creates a user with this policy, and returns the user's keys.
pub(super) fn user(moto: &Moto, name: &str, policy: &str) -> Credentials {
    let iam = |operation: &str, parameters: &Value| moto.ask("iam", operation, parameters);
    let user = json!({ "UserName": name });
    iam("create_user", &user);
    let parameters = json!({ "UserName": name, "PolicyName": "a", "PolicyDocument": policy });
    iam("put_user_policy", &parameters);
    Credentials::from_answer(&iam("create_access_key", &user)["AccessKey"])
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
