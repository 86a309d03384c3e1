//! Several launches that refresh an SSO token together, and the form of the requests that the SDK
//! writes, most of them for SSO and STS. `sso.rows` has everything else about SSO.

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
fn ten_launches_with_an_expired_sso_token_all_start_although_aws_accepts_a_refresh_token_once() {
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

/// A new version of an `aws-sdk` crate may write its requests differently. AWS refuses a request
/// without the name of its operation.
#[test]
fn requests_that_the_sdk_writes_have_the_content_type_and_the_operation_name_that_aws_expects() {
    let aws = served();
    let (json, form) = (
        Some("application/x-amz-json-1.1"),
        Some("application/x-www-form-urlencoded"),
    );
    let expected = [
        ("/token", None, Some("application/json")),
        ("/federation/credentials", None, None),
        ("AssumeRole", None, form),
        ("AssumeRoleWithWebIdentity", None, form),
        ("GetCallerIdentity", None, form),
        (
            "DescribeSecret",
            Some("secretsmanager.DescribeSecret"),
            json,
        ),
    ];

    let check = vec!["check".to_owned(), "--metadata".to_owned()];
    // Refreshes the expired SSO token, and assumes a role with the credentials of the session.
    keyless(&aws)
        .env("AWS_PROFILE", "dev")
        .home_file(".aws/config", PROFILE)
        .home_file(FILE, EXPIRED)
        .args(["--role-arn", ROLE])
        .options_first(check.clone())
        .run()
        .ended(Status::Exit(0));
    // Assumes a role with a web identity.
    keyless(&aws)
        .web_identity()
        .options_first(check.clone())
        .run()
        .ended(Status::Exit(0));
    for (operation, target, content_type) in expected {
        let calls = aws.calls_of(operation);
        let call = calls.first().expect(operation);
        assert_eq!(call.header("x-amz-target"), target, "{operation}");
        assert_eq!(call.header("content-type"), content_type, "{operation}");
    }
}
