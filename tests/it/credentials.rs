//! Credentials: found in the order of the AWS CLI, resolved once and before any secret; an error names every source.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY, INSTANCE_REGION, ROLE_KEY};
use crate::support::deadline::ends_within;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

fn served() -> Aws {
    let secret = Secret::json(r#"{"k":"v"}"#);
    Aws::start().secret("x", secret.clone()).secret("y", secret)
}

/// A launch without credentials.
fn without_credentials(aws: &Aws) -> Sandbox {
    Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k").resolve("B=y:k")
}

#[test]
fn without_credentials_each_source_says_why_it_gave_none() {
    let aws = served();
    let run = without_credentials(&aws).run();
    run.refused(77)
        .says_one_of(["AWS_ACCESS_KEY_ID", "environment"])
        .says_one_of(["profile"])
        .says_one_of(["web identity", "AWS_WEB_IDENTITY_TOKEN_FILE"])
        .says_one_of(["container", "AWS_CONTAINER_CREDENTIALS"])
        .says_one_of(["IMDS", "instance metadata", "AWS_EC2_METADATA_DISABLED"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn missing_credentials_are_told_once_and_not_for_every_variable() {
    let aws = served();
    let run = without_credentials(&aws).run();
    let said = run.refused(77).stderr().matches("AWS_WEB_IDENTITY_TOKEN_FILE").count();
    assert!(said <= 1, "{run}");
}

#[test]
fn half_a_pair_of_keys_is_no_credential() {
    let aws = served();
    let run = without_credentials(&aws).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").run();
    run.refused(77).says(["AWS_SECRET_ACCESS_KEY"]);
}

#[test]
fn a_secret_key_without_its_id_counts_as_not_set() {
    let aws = served();
    let run = without_credentials(&aws)
        .env("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET)
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials())
        .run();
    run.launched().has("A", "v");
    assert_eq!(aws.reads()[0].access_key(), CONTAINER_KEY);
}

#[test]
fn the_older_name_of_the_session_token_precedes_the_newer_one() {
    for (security, session, sent) in [("a", "", "a"), ("a", "b", "a"), ("", "b", "b")] {
        let aws = served();
        let run =
            without_credentials(&aws).aws(&aws).env("AWS_SECURITY_TOKEN", security).env("AWS_SESSION_TOKEN", session);
        run.run().launched();
        assert_eq!(aws.reads()[0].header("x-amz-security-token"), Some(sent));
    }
}

#[test]
fn the_session_token_is_sent() {
    let aws = served();
    let run = without_credentials(&aws).aws(&aws).env("AWS_SESSION_TOKEN", "session-token-of-the-test").run();
    run.launched().has("A", "v");
    let token = "x-amz-security-token";
    for read in aws.reads() {
        assert_eq!(read.header(token), Some("session-token-of-the-test"));
    }
}

#[test]
fn credentials_of_a_profile_are_used() {
    let aws = served();
    let file = format!(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {ACCESS_SECRET}\n\
         [work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = {ACCESS_SECRET}\n"
    );
    for (option, key) in [(None, "AKIADEFAULT"), (Some("work"), "AKIAWORK")] {
        let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
        let mut sandbox = Sandbox::new()
            .endpoint(&aws.endpoint())
            .region("us-east-1")
            .home_file(".aws/credentials", &file)
            .resolve("A=x:k");
        if let Some(profile) = option {
            sandbox = sandbox.args(["--profile", profile]);
        }
        sandbox.run().launched().has("A", "v");
        assert_eq!(aws.only_read().access_key(), key);
    }
    drop(aws);
}

#[test]
fn a_profile_option_wins_over_the_variables() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let key = format!("aws_secret_access_key = {ACCESS_SECRET}");
    let config = format!(
        "[profile one]\nregion = one-1\naws_access_key_id = AKIAONE\n{key}\n\
         [profile two]\nregion = two-1\naws_access_key_id = AKIATWO\n{key}\n"
    );
    // As with the AWS CLI, `--profile` overrides keys in the environment.
    Sandbox::new()
        .aws(&aws)
        .env_remove("AWS_REGION")
        .home_file(".aws/config", &config)
        .env("AWS_PROFILE", "one")
        .args(["--profile", "two"])
        .resolve("A=x:k")
        .run()
        .launched();
    let read = aws.only_read();
    assert_eq!((read.region().as_str(), read.access_key().as_str()), ("two-1", "AKIATWO"));
}

#[test]
fn keys_in_the_environment_are_stronger_than_a_profile_named_there() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let config = format!("[profile one]\naws_access_key_id = AKIAONE\naws_secret_access_key = {ACCESS_SECRET}\n");
    let sandbox = Sandbox::new().aws(&aws).home_file(".aws/config", &config).env("AWS_PROFILE", "one");
    sandbox.resolve("A=x:k").run().launched();
    assert_eq!(aws.only_read().access_key(), "AKIAIOSFODNN7EXAMPLE");
}

#[test]
fn aws_default_profile_names_the_profile_and_precedes_aws_profile() {
    let key = format!("aws_secret_access_key = {ACCESS_SECRET}");
    let file = format!("[one]\naws_access_key_id = AKIAONE\n{key}\n[two]\naws_access_key_id = AKIATWO\n{key}\n");
    for (profile, default_profile, used) in [("", "two", "AKIATWO"), ("one", "two", "AKIATWO"), ("one", "", "AKIAONE")]
    {
        let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
        let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").home_file(".aws/credentials", &file);
        let sandbox = sandbox.env("AWS_PROFILE", profile).env("AWS_DEFAULT_PROFILE", default_profile).resolve("A=x:k");
        sandbox.run().launched().has("A", "v");
        assert_eq!(aws.only_read().access_key(), used);
    }
}

#[test]
fn a_credential_process_is_asked() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let answer = format!(r#"{{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"{ACCESS_SECRET}"}}"#);
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").file("answer.json", answer);
    let config = format!("[default]\ncredential_process = cat {}\n", sandbox.path("answer.json").display());
    let sandbox = sandbox.home_file(".aws/config", &config).resolve("A=x:k");
    sandbox.run().launched().has("A", "v");
    assert_eq!(aws.only_read().access_key(), "AKIAPROCESS");
}

#[test]
fn credentials_of_a_container_are_fetched_once() {
    let aws = served();
    let run = without_credentials(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials()).run();
    run.launched().has("A", "v").has("B", "v");
    assert_eq!(aws.calls_of("/credentials").len(), 1);
    for read in aws.reads() {
        assert_eq!(read.access_key(), CONTAINER_KEY);
    }
}

#[test]
fn credentials_of_a_container_do_not_go_through_the_proxy() {
    let aws = served();
    let run = without_credentials(&aws)
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials())
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("NO_PROXY", "localhost")
        .run();
    run.launched().has("A", "v");
}

#[test]
fn a_credential_source_that_never_answers_is_75_when_the_time_is_over() {
    let aws = served();
    let silent = format!("http://{}/hang", aws.address());
    let sandbox = without_credentials(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", silent);
    ends_within(Duration::from_secs(2), sandbox).refused(75);
    assert!(aws.reads().is_empty());
}

#[test]
fn a_credential_source_that_cannot_be_reached_is_75() {
    let aws = served();
    // Port 1 is never served, and never chosen for a test's server.
    let nobody = "http://127.0.0.1:1/credentials";
    let run =
        without_credentials(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", nobody).args(["--timeout", "10s"]).run();
    run.refused(75);
    assert!(aws.reads().is_empty());
}

#[test]
fn a_web_identity_token_that_is_not_there_is_told() {
    let aws = served();
    let run = without_credentials(&aws)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app")
        .run();
    run.refused(77).says_one_of(["/nowhere/token", "AWS_WEB_IDENTITY_TOKEN_FILE"]);
}

#[test]
fn a_web_identity_is_exchanged_once() {
    let aws = served();
    let role = "arn:aws:iam::123456789012:role/app";
    let sandbox = without_credentials(&aws).file("token", "token-of-the-test");
    let token = sandbox.path("token");
    let run = sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ROLE_ARN", role).run();
    run.launched_silently().has("A", "v").has("B", "v");
    let exchanges = aws.calls_of("AssumeRoleWithWebIdentity");
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].form()["RoleArn"], role);
    assert_eq!(exchanges[0].form()["WebIdentityToken"], "token-of-the-test");
    for read in aws.reads() {
        assert_eq!(read.access_key(), ROLE_KEY);
    }
}

#[test]
fn credentials_and_region_of_the_instance_are_the_last_resort() {
    let aws = served();
    let run = without_credentials(&aws)
        .env_remove("AWS_REGION")
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata())
        .run();
    run.launched_silently().has("A", "v").has("B", "v");
    for read in aws.reads() {
        assert_eq!((read.access_key().as_str(), read.region().as_str()), (INSTANCE_KEY, INSTANCE_REGION));
    }
    let asked = aws.calls_of("/latest/meta-data/iam/security-credentials/app");
    assert_eq!(asked.len(), 1);
}

#[test]
fn instance_metadata_that_never_answers_is_75_within_the_time() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let aws = served();
    let sandbox = without_credentials(&aws)
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", silent.local_addr().unwrap()));
    ends_within(Duration::from_secs(2), sandbox).refused(75);
    assert!(aws.calls().is_empty());
}

#[test]
fn failing_credentials_are_not_asked_for_again_for_every_secret() {
    let aws = served();
    let mut sandbox = without_credentials(&aws);
    for number in 0..20 {
        sandbox = sandbox.resolve(&format!("V{number}=s{number}:k"));
    }
    let nowhere = format!("{}/nowhere", aws.instance_metadata());
    // The endpoint answers 404, which is permanent, so one request suffices for all twenty.
    let run = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", nowhere).args(["--timeout", "5s"]).run();
    assert!(run.stdout.is_empty(), "{run}");
    assert!(aws.reads().is_empty());
    assert!(aws.calls().len() <= 4, "{:?}", aws.calls().len());
}
