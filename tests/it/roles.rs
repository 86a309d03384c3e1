//! Roles: each is assumed once, with the base credentials, before the secrets that it reads.

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY};
use crate::support::sandbox::Sandbox;

const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";
const OTHER: &str = "arn:aws:iam::210987654321:role/Other";
const BASE_KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn served() -> Aws {
    let secret = Secret::json(r#"{"k":"v"}"#);
    Aws::start().secret("x", secret.clone()).secret("y", secret)
}

/// The roles that were assumed, sorted.
fn roles(aws: &Aws) -> Vec<String> {
    let calls = aws.calls_of("AssumeRole");
    let mut roles: Vec<String> = calls.iter().map(|call| call.form()["RoleArn"].clone()).collect();
    roles.sort_unstable();
    roles
}

#[test]
fn a_role_reads_every_secret_and_is_assumed_once() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).args(["--role-arn", ROLE]).resolve("A=x:k").resolve("B=y:k").run();
    run.launched().has("A", "v").has("B", "v");
    assert_eq!(roles(&aws), [ROLE]);
    assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), BASE_KEY);
    for read in aws.reads() {
        assert_eq!(read.access_key(), ROLE_KEY);
    }
}

#[test]
fn a_role_is_assumed_once_however_many_rounds_of_reading_there_are() {
    let aws = served();
    let first = "env:\n  A: y:k\n";
    // The absent optional entry does not override that of the first file, which is fetched in a second round.
    let second = "env:\n  A: { from: \"gone:k\", optional: true }\n";
    let sandbox = Sandbox::new().aws(&aws).file("first.yaml", first).file("second.yaml", second);
    let run = sandbox.args(["-f", "first.yaml", "-f", "second.yaml", "--role-arn", ROLE]).run();
    run.launched().has("A", "v");
    assert_eq!((aws.reads().len(), roles(&aws).len()), (2, 1));
}

#[test]
fn a_role_is_assumed_in_one_region() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).args(["--role-arn", ROLE, "--fallback-region", "us-west-2"]);
    sandbox.resolve("A=x:k").run().launched();
    assert_eq!(aws.calls_of("AssumeRole").len(), 1);
}

#[test]
fn an_external_id_is_given_with_the_role() {
    let aws = served();
    let run =
        Sandbox::new().aws(&aws).args(["--role-arn", ROLE, "--external-id", "shared/secret=1"]).resolve("A=x:k").run();
    run.launched();
    let form = aws.calls_of("AssumeRole")[0].form();
    assert_eq!(form["ExternalId"], "shared/secret=1");
    assert!(!form["RoleSessionName"].is_empty());
}

#[test]
fn the_role_of_an_alias_reads_that_secret_alone() {
    let aws = served();
    let declaration = format!(
        "secrets:\n  there: {{ id: x, role-arn: \"{ROLE}\", external-id: e1 }}\nenv:\n  A: there:k\n  B: y:k\n"
    );
    let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
    run.launched().has("A", "v").has("B", "v");
    assert_eq!(aws.calls_of("AssumeRole")[0].form()["ExternalId"], "e1");
    for read in aws.reads() {
        let wanted = match read.secret_id().as_str() {
            "x" => ROLE_KEY,
            _ => BASE_KEY,
        };
        assert_eq!(read.access_key(), wanted);
    }
}

#[test]
fn the_role_of_an_alias_replaces_that_of_the_options_and_is_assumed_from_the_base() {
    let aws = served();
    let declaration = format!("secrets:\n  there: {{ id: x, role-arn: \"{OTHER}\" }}\nenv:\n  A: there:k\n");
    let run = Sandbox::new().aws(&aws).declaration(&declaration).args(["--role-arn", ROLE]).run();
    run.launched().has("A", "v");
    assert_eq!(roles(&aws), [OTHER]);
    assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), BASE_KEY);
}

#[test]
fn one_secret_by_two_roles_is_two_requests() {
    let aws = served();
    let declaration = format!(
        "secrets:\n  one: {{ id: x, role-arn: \"{ROLE}\" }}\n  two: {{ id: x, role-arn: \"{OTHER}\" }}\nenv:\n  A: one:k\n  B: two:k\n"
    );
    let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
    run.launched();
    assert_eq!(roles(&aws), [OTHER, ROLE]);
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_role_that_is_denied_is_77_and_named() {
    let aws = served().denies_roles();
    let run = Sandbox::new().aws(&aws).args(["--role-arn", ROLE]).resolve("A=x:k").run();
    run.refused(77).says([ROLE]);
    assert!(aws.reads().is_empty());
}

#[test]
fn a_role_that_is_denied_does_not_hide_other_failures() {
    let aws = served().denies_roles();
    let declaration =
        format!("secrets:\n  there: {{ id: x, role-arn: \"{ROLE}\" }}\nenv:\n  A: there:k\n  B: gone:k\n");
    let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
    run.refused(78).says([ROLE, "A", "B", "gone"]);
}

#[test]
fn a_role_may_come_from_a_variable_of_ours() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .env("SECRETS_EXEC_ROLE_ARN", ROLE)
        .env("SECRETS_EXEC_EXTERNAL_ID", "e2")
        .resolve("A=x:k")
        .run();
    run.launched().has("A", "v");
    assert_eq!(roles(&aws), [ROLE]);
    assert_eq!(aws.calls_of("AssumeRole")[0].form()["ExternalId"], "e2");
}
