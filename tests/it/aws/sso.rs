//! Credentials of SSO (IAM Identity Center), from a portal of the test, in both forms of profile.

use serde_json::json;

use crate::support::*;

/// A profile with an `sso_session`, and the file of its token, whose name is the SHA-1 of the session's name.
const SESSION: (&str, &str) = (
    "[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
     [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n",
    "ee0bfd2552fbd840c02cc48b6e823320543c450f.json",
);

/// A profile of the old form, and the file of its token, whose name is the SHA-1 of the URL.
const OLD: (&str, &str) = (
    "[profile dev]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
     sso_account_id = 123456789012\nsso_role_name = Reader\n",
    "a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json",
);

/// The same with a URL that has a fragment.
const OLD_WITH_FRAGMENT: (&str, &str) = (
    "[profile dev]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start#/\n\
     sso_account_id = 123456789012\nsso_role_name = Reader\n",
    "89299b9a0529ad2f5a9f7b829db1b8f767e655cc.json",
);

const FORMS: [(&str, &str); 3] = [SESSION, OLD, OLD_WITH_FRAGMENT];

const LOGIN: &str = "help: aws sso login --profile dev";

const LATER: &str = "2999-01-01T00:00:00Z";

fn with_sso(aws: &Aws, config: &str) -> Sandbox {
    keyless(aws).config(config).args(["--profile", "dev"])
}

/// A sandbox with a token.
fn logged_in(aws: &Aws, (config, file): (&str, &str), token: &str, expires: &str) -> Sandbox {
    let token =
        json!({ "accessToken": token, "expiresAt": expires, "region": "eu-west-1", "startUrl": "https://corp" });
    with_sso(aws, config).home_file(&format!(".aws/sso/cache/{file}"), &token.to_string())
}

#[test]
fn a_token_is_exchanged_for_the_credentials_of_the_profiles_role() {
    for form in FORMS {
        let aws = served();
        logged_in(&aws, form, SSO_TOKEN, LATER).run().launched_silently().has("A", "v-4c7a1e");
        let asked = &aws.calls_of("/federation/credentials")[0];
        let query = asked.query();
        assert_eq!((query["role_name"].as_str(), query["account_id"].as_str()), ("Reader", "123456789012"));
        assert_eq!(aws.only_read().access_key(), SSO_KEY);
    }
}

#[test]
fn a_role_is_assumed_with_sso_credentials_of_its_source_profile_or_its_own_profile() {
    for name in ["role", "dev"] {
        let role = format!("[profile {name}]\nrole_arn = {ROLE}\nsource_profile = dev\n");
        for (form, file) in FORMS {
            let aws = served();
            let both = if name == "dev" { form.replacen("[profile dev]\n", &role, 1) } else { format!("{role}{form}") };
            let sandbox = logged_in(&aws, (&both, file), SSO_TOKEN, LATER).args(["--profile", name]);
            sandbox.run().launched_silently().has("A", "v-4c7a1e");
            assert_eq!(aws.calls_of("AssumeRole")[0].access_key(), SSO_KEY);
            assert_eq!(aws.only_read().access_key(), ROLE_KEY);
        }
    }
}

#[test]
fn without_a_token_that_the_portal_accepts_the_user_is_to_log_in() {
    for form in FORMS {
        let aws = served();
        with_sso(&aws, form.0).run().refused(77).says([LOGIN]).says_nothing_of("failed to");
        logged_in(&aws, form, SSO_TOKEN, "2020-01-01T00:00:00Z").run().refused(77).says(["expired", LOGIN]);
        assert!(aws.calls().is_empty());
        let run = logged_in(&aws, form, "revoked", LATER).run();
        run.refused(77).says(["the SSO portal: ", "UnauthorizedException", LOGIN]);
        assert_eq!(aws.calls().len(), 1);
    }
    // A role that is not assigned is not mended by a log in.
    let aws = served().fails("/federation/credentials", own(403, "ForbiddenException"));
    logged_in(&aws, OLD, SSO_TOKEN, LATER).run().refused(77).says_nothing_of("aws sso login");
    assert_eq!(aws.calls().len(), 1);
    // An answer without a code is a proxy's.
    for status in [401, 403] {
        let aws = served().fails("/federation/credentials", fault::status(status));
        let run = logged_in(&aws, OLD, SSO_TOKEN, LATER).timeout("50s").run();
        run.refused(75).says(["is a proxy between?"]).says_nothing_of("aws sso login");
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn a_portal_that_fails_or_throttles_is_asked_again() {
    for status in [500, 503, 429] {
        let aws = served().fails_first("/federation/credentials", 2, fault::status(status));
        logged_in(&aws, SESSION, SSO_TOKEN, LATER).run().launched_silently().has("A", "v-4c7a1e");
        let aws = served().fails("/federation/credentials", fault::status(status));
        let run = logged_in(&aws, OLD, SSO_TOKEN, LATER).attempts(2).run();
        run.refused(75).says_nothing_of("aws sso login");
    }
}

#[test]
fn the_profile_may_have_the_region_as_well_and_a_services_section_the_endpoint() {
    let aws = served();
    let config = SESSION.0.replacen("sso_session", "sso_region = eu-west-1\nservices = mine\nsso_session", 1);
    let config = format!("{config}[services mine]\nsso =\n  endpoint_url = {}\n", aws.endpoint());
    let sandbox = logged_in(&aws, (&config, SESSION.1), SSO_TOKEN, LATER).env_remove("AWS_ENDPOINT_URL");
    sandbox.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint()).run().launched_silently().has("A", "v-4c7a1e");
}

#[test]
fn a_token_that_has_expired_is_refreshed() {
    let aws = served();
    let token = json!({
        "accessToken": "old", "expiresAt": "2020-01-01T00:00:00Z", "refreshToken": "refresh", "clientId": "id",
        "clientSecret": "secret", "registrationExpiresAt": LATER,
    });
    let file = format!(".aws/sso/cache/{}", SESSION.1);
    with_sso(&aws, SESSION.0).home_file(&file, &token.to_string()).run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!(aws.calls_of("/token").len(), 1);
    assert_eq!(aws.only_read().access_key(), SSO_KEY);
}
