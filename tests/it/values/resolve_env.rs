//! `--resolve-env`: references in inherited variables, ARNs and CloudFormation's; start with `with`, which inherits one
//! value.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{ARN, declared};
use crate::support::aws::secret::{CURRENT_ID, PREVIOUS_ID, Secret};
use crate::support::aws::{Aws, Version};
use crate::support::sandbox::{CANARY, Sandbox};

fn database() -> Aws {
    let current = || Secret::text(r#"{"user":"app-4c7a1e","password":"p=4c7a1e","a.b":"dot-4c7a","$k":"dollar=1"}"#);
    let secret = || current().previous(Secret::text(r#"{"user":"app-4c7a1e","password":"old-4c7a1e"}"#));
    let aws = Aws::start().secret(ARN, secret()).secret("prod/db", secret());
    let aws = aws.secret("prod/token", Secret::text("0123456789abc"));
    let aws = aws.parameter("/app/plain", &[Version::text("old-4c7a1e"), Version::text("plain-4c7a1e")]);
    aws.parameter("/app/key", &[Version::text(r#"{"k":"new-4c7a1e"}"#)])
}

/// A launch that inherits `DB_URL` with this value and resolves every variable that begins with `DB_`.
fn with(aws: &Aws, value: &str) -> Sandbox {
    Sandbox::new().aws(aws).case(value).env("DB_URL", value).args(["--resolve-env", "DB_*"])
}

#[test]
fn a_reference_is_replaced_by_what_it_names() {
    let of_db = |fields: &str| format!("{{{{resolve:secretsmanager:prod/db:{fields}}}}}");
    let (user, password) = (of_db("SecretString:user"), of_db("SecretString:password"));
    let token = "{{resolve:secretsmanager:prod/token}}";
    for (value, resolved) in [
        (&*format!("{ARN}:password"), "p=4c7a1e"),
        (&format!("{ARN}:password::"), "p=4c7a1e"),
        (&format!("{ARN}:password:AWSPREVIOUS:"), "old-4c7a1e"),
        (&format!("{ARN}:password::{PREVIOUS_ID}"), "old-4c7a1e"),
        (&format!("{ARN}:password:AWSCURRENT:{CURRENT_ID}"), "p=4c7a1e"),
        (token, "0123456789abc"),
        ("{{resolve:secretsmanager:prod/token:SecretString}}", "0123456789abc"),
        ("{{resolve:secretsmanager:prod/token:SecretString:::}}", "0123456789abc"),
        (&password, "p=4c7a1e"),
        (&of_db("SecretString:password:AWSPREVIOUS"), "old-4c7a1e"),
        (&of_db(&format!("SecretString:password::{PREVIOUS_ID}")), "old-4c7a1e"),
        (&of_db(&format!(":password::{PREVIOUS_ID}")), "old-4c7a1e"),
        (&format!("{{{{resolve:secretsmanager:{ARN}:SecretString:password::}}}}"), "p=4c7a1e"),
        // Keys are taken literally.
        (&of_db("SecretString:a.b"), "dot-4c7a"),
        (&of_db("SecretString:$k"), "dollar=1"),
        (&format!("{user}{user}"), "app-4c7a1eapp-4c7a1e"),
        (
            &format!("postgres://{user}:{password}@db/app?x={{y}}&t={token}}}}}="),
            "postgres://app-4c7a1e:p=4c7a1e@db/app?x={y}&t=0123456789abc}}=",
        ),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/app/key:k", "new-4c7a1e"),
        ("x{{resolve:ssm:/app/plain}}", "xplain-4c7a1e"),
        ("{{resolve:ssm-secure:/app/plain:1}}", "old-4c7a1e"),
        ("{{resolve:ssm-secure:arn:aws:ssm:us-east-1:123456789012:parameter/app/plain:1}}", "old-4c7a1e"),
    ] {
        let aws = database();
        with(&aws, value).run().launched_silently().has("DB_URL", resolved);
        assert_eq!(aws.calls().len(), 1 + usize::from(value.ends_with('=')), "{value}");
    }
    let aws = Aws::start().secret(ARN, Secret::text(&format!(" {CANARY}\n")));
    with(&aws, ARN).run().launched_silently().has("DB_URL", format!(" {CANARY}\n"));
    assert_eq!(aws.only_read().stage().as_deref(), Some("AWSCURRENT"));
}

#[test]
fn several_globs_choose_variables() {
    let aws = database();
    let sandbox = with(&aws, "{{resolve:secretsmanager:prod/token}}").env("KEY", format!("{ARN}:user"));
    let sandbox = sandbox.env("OTHER", ARN).env("DB_RAW", OsStr::from_bytes(b"\xff\xfe="));
    let run = sandbox.args(["--resolve-env", "K?Y"]).run();
    run.launched_silently().has("DB_URL", "0123456789abc").has("KEY", "app-4c7a1e").has("OTHER", ARN);
    // Bytes that are no text are no reference.
    run.has("DB_RAW", b"\xff\xfe=");
}

#[test]
fn a_name_that_does_not_match_is_left_alone() {
    let aws = database();
    for name in ["DBURL", "MY_DB_URL", "db_url"] {
        for value in [ARN, "{{resolve:secretsmanager:prod/token}}", "{{resolve:"] {
            let sandbox = with(&aws, "plain").env(name, value).declaration("env: { A: { value: x } }\n");
            sandbox.run().launched_silently().has(name, value);
        }
    }
    assert!(aws.calls().is_empty());
}

#[test]
fn without_the_option_nothing_is_resolved_whatever_a_variable_says() {
    let aws = database();
    let reference = "{{resolve:secretsmanager:prod/token}}";
    let sandbox = declared(&aws, "env: { X: { value: x } }\n").env("A", ARN).env("B", reference).env("C", "{{resolve:");
    let run = sandbox.env("SECRETS_EXEC_RESOLVE_ENV", "*").run();
    run.launched_silently().has("A", ARN).has("B", reference).has("C", "{{resolve:");
    assert!(aws.calls().is_empty());
}

#[test]
fn what_only_resembles_a_reference_is_left_alone() {
    let aws = database();
    for value in [
        "arn:aws:s3:::bucket",
        "arn:aws:iam::123456789012:role/app",
        "see arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf",
        "{{ resolve:secretsmanager:prod/db }}",
        "{{config.x}} {{resolve",
        "prod/db:password",
        "$HOME ${HOME}",
        "",
    ] {
        with(&aws, value).run().launched_silently().has("DB_URL", value);
    }
    Sandbox::new().aws(&aws).args(["--resolve-env", "NOT_SET_*"]).run().launched_silently();
    assert!(aws.calls().is_empty());
    Sandbox::new().args(["--resolve-env", "*"]).run().launched_silently();
}

#[test]
fn what_a_secret_holds_is_not_resolved_again() {
    let text = format!("{CANARY}{{{{resolve:secretsmanager:prod/token}}}} {ARN}");
    let aws = database().secret("x", Secret::text(&text));
    with(&aws, "{{resolve:secretsmanager:x}}").run().launched_silently().has("DB_URL", &text);
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_malformed_reference_is_an_error_before_anything_is_read() {
    let aws = database();
    for (value, fact) in [
        ("{{resolve:secretsmanager:prod/db", "is not closed"),
        ("{{resolve:secretsmanager:prod/token}}{{resolve:secretsmanager:prod/db:SecretString:x}", "is not closed"),
        ("{{resolve:secretsmanager:prod/db:SecretBinary}}", "must be SecretString"),
        ("{{resolve:secretsmanager:prod/db:SecretString:k:s:v:more}}", "too many fields"),
        ("{{resolve:secretsmanager:}}", "is empty"),
        ("{{resolve:secretsmanager:arn:aws:secretsmanager}}", "is an ARN cut short"),
        ("{{resolve:secretsmanager:prod/db::k::v1}}", "has a version id"),
        ("{{resolve:ssm:/p:latest}}", "has a version that is not a number"),
        ("{{resolve:vault:x}}", "{{resolve:vault:…}} must name"),
        ("{{resolve:}}", "must name"),
    ] {
        let run = with(&aws, &format!("{CANARY}{value}{CANARY}")).run();
        run.refused(78).says(["DB_URL", fact]);
    }
    for rest in ["", ":123456789012:secret:x-AbCdEf:k:s:v:more", ":123456789012:secret:x-AbCdEf:k y:a b", ":${X}"] {
        with(&aws, &format!("arn:aws:secretsmanager:us-east-1{rest}")).run().refused(78).says(["DB_URL"]);
    }
    let run = with(&aws, "{{resolve:secretsmanager:x").env("DB_TWO", "{{resolve:vault:x}}").run();
    run.refused(78).says(["DB_URL", "DB_TWO"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_key_that_is_not_there_is_reported() {
    let aws = database();
    let run = with(&aws, "x{{resolve:secretsmanager:prod/db:SecretString:pasword}}").run();
    run.refused(78).says(["DB_URL", "prod/db", "\"pasword\"", "\"password\""]);
    with(&aws, "{{resolve:secretsmanager:prod/gone}}").run().refused(78).says(["DB_URL", "prod/gone"]);
}

#[test]
fn resolve_env_wins_over_files_and_the_command_line_over_resolve_env() {
    let aws = database();
    let sandbox =
        with(&aws, "{{resolve:secretsmanager:prod/token}}").declaration("env: { DB_URL: \"prod/db:user\" }\n");
    sandbox.run().launched_silently().has("DB_URL", "0123456789abc");
    assert_eq!(aws.only_read().secret_id(), "prod/token");
    let aws = database();
    let sandbox = with(&aws, "{{resolve:secretsmanager:prod/token}}").resolve("DB_URL=prod/db:user");
    sandbox.run().launched_silently().has("DB_URL", "app-4c7a1e");
    assert_eq!(aws.only_read().secret_id(), "prod/db");
}

#[test]
fn resolve_env_shares_its_requests_with_other_references() {
    let aws = database();
    let sandbox = with(&aws, "{{resolve:secretsmanager:prod/db:SecretString:user}}").resolve("A=prod/db:password");
    sandbox.run().launched_silently().has("DB_URL", "app-4c7a1e").has("A", "p=4c7a1e");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn path_cannot_come_from_a_secret() {
    let aws = database();
    let sandbox = Sandbox::new().aws(&aws).args(["--resolve-env", "*"]);
    sandbox.env("PATH", "{{resolve:secretsmanager:prod/token}}").run().refused(78).says(["PATH"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_variable_that_matches_is_resolved_with_keep_existing_too() {
    let aws = database();
    let run =
        with(&aws, &format!("{ARN}:user")).env("A", "kept").resolve("A=prod/db:user").arg("--keep-existing").run();
    run.launched_silently().has("DB_URL", "app-4c7a1e").has("A", "kept");
}
