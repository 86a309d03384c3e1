//! Roles and sessions, at a server that checks every signature and every permission.
//!
//! moto denies without an error code, which AWS never does: its denial counts as a proxy's.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::moto::{Credentials, Moto};
use crate::peers::shared::Shared;
use crate::support::sandbox::{CANARY, Sandbox};

/// A role that may read secrets, and may be assumed by everyone whose policy allows it.
const READER: &str = "arn:aws:iam::123456789012:role/reads";

/// A name with every character that a signature might encode wrongly.
const NAME: &str = "identity/of_+=.@-these";

/// A moto that checks signatures and policies, and its identities.
struct Checked {
    moto: Moto,
    /// A user who may assume roles alone.
    assumer: Credentials,
    /// A user who may read secrets alone.
    reader: Credentials,
    /// The ARN of [`NAME`].
    arn: String,
}

impl Checked {
    /// The server that these tests share, with the secrets `tls/x` and [`NAME`].
    fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Checked> = Shared::new();
        SHARED.get(Self::start)
    }

    fn start() -> Option<Self> {
        let moto = Moto::start()?;
        moto.secret("tls/x", &json!({ "k": CANARY }).to_string());
        let arn = moto.secret(NAME, CANARY);
        let (assumer, reader) = (user(&moto, "assumer"), user(&moto, "reader"));
        let trust = policy(&json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" } }));
        iam(&moto, "create_role", &json!({ "RoleName": "reads", "AssumeRolePolicyDocument": trust }));
        let allowed = |action: &str| policy(&json!({ "Effect": "Allow", "Action": action, "Resource": "*" }));
        for (operation, owner, name, action) in [
            ("put_user_policy", "UserName", "assumer", "sts:AssumeRole"),
            ("put_user_policy", "UserName", "reader", "secretsmanager:GetSecretValue"),
            ("put_role_policy", "RoleName", "reads", "secretsmanager:GetSecretValue"),
        ] {
            let parameters = json!({ owner: name, "PolicyName": "allowed", "PolicyDocument": allowed(action) });
            iam(&moto, operation, &parameters);
        }
        check_signatures(&moto);
        Some(Self { moto, assumer, reader, arn })
    }

    fn sandbox(&self, keys: &Credentials) -> Sandbox {
        keys.give(self.moto.sandbox().resolve("A=tls/x:k"))
    }
}

pub(super) fn iam(moto: &Moto, operation: &str, parameters: &Value) {
    moto.call(&json!({ "service": "iam", "operation": operation, "parameters": parameters }));
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

fn is_denied(sandbox: &Sandbox, said: &str) {
    sandbox.run().refused(75).says(["A", said, "HTTP status 403", "is a proxy between?"]);
}

#[test]
fn every_character_of_a_name_is_signed_and_wrong_keys_are_refused() {
    let Some(checked) = Checked::shared() else { return };
    let sandbox = checked.moto.sandbox().resolve(&format!("NAME={NAME}")).resolve(&format!("ARN={}", checked.arn));
    let sandbox = checked.reader.give(sandbox);
    sandbox.run().launched_silently().has("NAME", CANARY).has("ARN", CANARY);
    let forged = checked.reader.forged("not the secret of this key").give(sandbox);
    is_denied(&forged, NAME);
    is_denied(&Credentials::new("AKIANOSUCHKEY", "dummy").give(forged), "ARN");
}

#[test]
fn an_assumed_role_reads_what_its_user_may_not() {
    let Some(checked) = Checked::shared() else { return };
    is_denied(&checked.sandbox(&checked.assumer), "tls/x");
    let sandbox = checked.sandbox(&checked.assumer).args(["--role-arn", READER, "--external-id", "partner-42"]);
    sandbox.run().launched_silently().has("A", CANARY);
}
