//! Roles that STS issues credentials for, and accounts that do not see each other's secrets.

use serde_json::json;

use super::moto::Moto;
use crate::support::sandbox::CANARY;

/// A role of another account than that of the tests' keys.
const READER: &str = "arn:aws:iam::222222222222:role/reader";

#[test]
fn an_assumed_role_reads_the_secrets_of_its_account() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("accounts/same-name", "here");
    secret_there(moto, "accounts/same-name", "there");
    let sandbox = moto.sandbox().resolve("VALUE=accounts/same-name");
    sandbox.run().launched_silently().has("VALUE", "here");
    let outcome = sandbox.args(["--role-arn", READER]).run();
    outcome.launched_silently().has("VALUE", "there");
}

#[test]
fn an_account_does_not_find_the_secrets_of_another() {
    let Some(moto) = Moto::shared() else { return };
    secret_there(moto, "accounts/elsewhere", CANARY);
    let sandbox = moto.sandbox().resolve("VALUE=accounts/elsewhere");
    sandbox.run().refused(78).says(["VALUE", "accounts/elsewhere"]);
    let outcome = moto.assume(READER).give(sandbox).run();
    outcome.launched_silently().has("VALUE", CANARY);
}

#[test]
fn one_launch_reads_from_two_accounts_through_the_role_of_an_alias() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("accounts/both", r#"{"password":"here"}"#);
    secret_there(moto, "accounts/both", r#"{"password":"there"}"#);
    let declaration = format!(
        "\
secrets:
  here: accounts/both
  there: {{ id: accounts/both, role-arn: '{READER}' }}
env:
  HERE: here:password
  THERE: there:password
"
    );
    let outcome = moto.sandbox().declaration(&declaration).run();
    outcome.launched_silently().has("HERE", "here").has("THERE", "there");
}

/// Creates a secret in the account of [`READER`].
fn secret_there(moto: &Moto, name: &str, text: &str) {
    moto.call(&json!({
        "service": "secretsmanager",
        "operation": "create_secret",
        "credentials": moto.assume(READER).as_json(),
        "parameters": { "Name": name, "SecretString": text },
    }));
}
