//! Several launches that refresh an SSO token together, and the operations of the SDK, most of them
//! those of SSO and STS. `sso.rows` has everything else about SSO.

use serde_json::json;

use crate::support::*;

::rows::rows!("tests/it/aws/sso.rows");

/// The token's file of the session `corp`.
const FILE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

const PROFILE: &str = "[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://corp.awsapps.com/start
";

const EXPIRED: &str = r#"{"accessToken":"old","expiresAt":"2020-01-01T00:00:00Z","refreshToken":"refresh",
"clientId":"id","clientSecret":"secret","registrationExpiresAt":"2999-01-01T00:00:00Z"}"#;

#[test]
fn ten_launches_with_an_expired_sso_token_all_start_with_one_refresh_token() {
    let aws = served().refreshes_once();
    let sandbox = keyless(&aws)
        .env("AWS_PROFILE", "dev")
        .home_file(".aws/config", PROFILE)
        .home_file(FILE, EXPIRED)
        .timeout("50s");
    let running: Vec<Running> = (0..10).map(|_| sandbox.spawn()).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_with_value();
    }
}

/// A new version of an `aws-sdk` crate compiles, but may panic, leave out the name of an operation
/// (which AWS refuses), or find no value in a response. This test sends the six operations that we
/// use without the SDK's client, and finds out whether each response was used.
#[test]
fn sdk_operations_still_send_and_parse() {
    let aws = served().describes("x", json!({"KmsKeyId": "alias/of-the-test"}));
    let check = vec!["check".to_owned(), "--metadata".to_owned()];
    // Refreshes the expired SSO token, gets the credentials of the session, and assumes a role with
    // them.
    let sso = keyless(&aws)
        .env("AWS_PROFILE", "dev")
        .home_file(".aws/config", PROFILE)
        .home_file(FILE, EXPIRED)
        .args(["--role-arn", ROLE])
        .options_first(check.clone())
        .run();
    // Assumes a role with a web identity, and asks for the caller.
    let web_identity = keyless(&aws).web_identity().options_first(check).run();
    let assumed = "assumed-role/Reader/secrets-exec in account 210987654321";
    let user = "user/of-the-test in account 123456789012";
    for (run, caller) in [(sso, assumed), (web_identity, user)] {
        let printed = run.ended(Status::Exit(0)).stdout();
        for part in [caller, "alias/of-the-test"] {
            assert!(printed.contains(part), "{part}: {run}");
        }
    }
    let signers = |operation: &str| {
        let calls = aws.calls_of(operation);
        Vec::from_iter(calls.iter().map(Call::access_key))
    };
    assert_eq!(signers("AssumeRole"), [SSO_KEY]);
    assert_eq!(signers("DescribeSecret"), [ROLE_KEY, ROLE_KEY]);

    let json = Some("application/x-amz-json-1.1");
    let form = Some("application/x-www-form-urlencoded");
    let describe = Some("secretsmanager.DescribeSecret");
    for (operation, target, content_type) in [
        ("/token", None, Some("application/json")),
        ("/federation/credentials", None, None),
        ("AssumeRole", None, form),
        ("AssumeRoleWithWebIdentity", None, form),
        ("GetCallerIdentity", None, form),
        ("DescribeSecret", describe, json),
    ] {
        let calls = aws.calls_of(operation);
        let call = calls.first().expect(operation);
        assert_eq!(call.header("x-amz-target"), target, "{operation}");
        assert_eq!(call.header("content-type"), content_type, "{operation}");
    }
}
