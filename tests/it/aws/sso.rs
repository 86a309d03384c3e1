//! Several launches that refresh an SSO token together. `sso.rows` has everything else about SSO.

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
