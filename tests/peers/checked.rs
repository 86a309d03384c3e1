//! Roles and sessions, at a server that checks every signature and every permission.

use serde_json::{Value, json};

use super::identity::{check_signatures, policy, user};
use super::moto::{Credentials, Moto};
use super::nginx::Site;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::shared::Shared;

/// A role that may read secrets, and may be assumed by everyone whose policy allows it.
const READER: &str = "arn:aws:iam::123456789012:role/reads";
/// A role that may be assumed, without any permission.
const IDLER: &str = "arn:aws:iam::123456789012:role/idles";

/// A moto that checks signatures and policies, and its identities.
struct Checked {
    moto: Moto,
    /// A user who may assume roles alone.
    assumer: Credentials,
    /// A user who may read secrets alone.
    reader: Credentials,
    /// The session of [`READER`].
    session: Credentials,
}

impl Checked {
    /// The server that these tests share, with the secret `tls/x`.
    fn shared() -> Option<&'static Self> {
        static SHARED: Shared<Checked> = Shared::new();
        SHARED.get(Self::start)
    }

    fn start() -> Option<Self> {
        let moto = Moto::start()?;
        moto.secret("tls/x", &json!({ "k": CANARY }).to_string());
        let (assumer, reader) = (user(&moto, "assumer"), user(&moto, "reader"));
        for role in ["reads", "idles"] {
            let trust = policy(&json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "AWS": "*" } }));
            iam(&moto, "create_role", &json!({ "RoleName": role, "AssumeRolePolicyDocument": trust }));
        }
        let allowed = |action: &str| policy(&json!({ "Effect": "Allow", "Action": action, "Resource": "*" }));
        for (operation, owner, name, action) in [
            ("put_user_policy", "UserName", "assumer", "sts:AssumeRole"),
            ("put_user_policy", "UserName", "reader", "secretsmanager:GetSecretValue"),
            ("put_role_policy", "RoleName", "reads", "secretsmanager:GetSecretValue"),
        ] {
            let parameters = json!({ owner: name, "PolicyName": "allowed", "PolicyDocument": allowed(action) });
            iam(&moto, operation, &parameters);
        }
        let session = moto.assume(READER);
        check_signatures(&moto);
        Some(Self { moto, assumer, reader, session })
    }

    fn sandbox(&self, keys: &Credentials) -> Sandbox {
        keys.give(self.moto.sandbox().resolve("A=tls/x:k"))
    }
}

fn iam(moto: &Moto, operation: &str, parameters: &Value) {
    moto.call(&json!({ "service": "iam", "operation": operation, "parameters": parameters }));
}

#[test]
fn an_assumed_role_reads_what_its_user_may_not() {
    let Some(checked) = Checked::shared() else { return };
    checked.sandbox(&checked.assumer).run().refused(77).says(["A", "tls/x"]);
    let sandbox = checked.sandbox(&checked.assumer).args(["--role-arn", READER, "--external-id", "partner-42"]);
    sandbox.run().launched_silently().has("A", CANARY);
}

#[test]
fn a_role_that_may_not_read_is_denied() {
    let Some(checked) = Checked::shared() else { return };
    let sandbox = checked.sandbox(&checked.assumer).args(["--role-arn", IDLER]);
    sandbox.run().refused(77).says(["A", "tls/x"]);
}

#[test]
fn a_user_who_may_not_assume_the_role_starts_nothing() {
    let Some(checked) = Checked::shared() else { return };
    for keys in [&checked.reader, &checked.assumer.forged("not the secret of this key")] {
        let sandbox = checked.sandbox(keys).args(["--role-arn", READER]);
        let run = sandbox.env("AWS_MAX_ATTEMPTS", "1").run();
        run.refused(77).says(["A", "tls/x"]);
    }
}

#[test]
fn a_session_is_good_with_its_own_token_only() {
    let Some(checked) = Checked::shared() else { return };
    checked.sandbox(&checked.session).run().launched_silently().has("A", CANARY);
    let sandbox = checked.sandbox(&checked.session).env("AWS_SESSION_TOKEN", "of another session");
    sandbox.run().refused(77).says(["A", "tls/x"]);
}

#[test]
fn a_signature_holds_through_tls_and_a_gateway() {
    let Some(checked) = Checked::shared() else { return };
    let Some(site) = Site::before(&checked.moto) else { return };
    let sandbox = || Site::sandbox(&site.url("good", "TLSv1.3")).env("AWS_CA_BUNDLE", site.file("root.pem"));
    checked.reader.give(sandbox()).run().launched_silently().has("A", CANARY);
    checked.reader.forged("not the secret of this key").give(sandbox()).run().refused(77).says(["A", "tls/x"]);
}
