//! Polls: their failures, and the credentials that they use for days.

use std::time::Duration;

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, fault};
use crate::support::cache::CacheDirectory;
use crate::support::outcome::Status;
use crate::support::rotating::{Rotating, SLEEPER, polled_on_request, rotating};
use crate::support::sandbox::{ACCESS_SECRET, Sandbox};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"one"}"#).with_id("v1"))
}

/// Changes the secret, and waits for the restart, the first.
fn restarts(aws: &Aws, run: &Rotating) {
    aws.rotate("x", Secret::json(r#"{"k":"two"}"#).with_id("v2"));
    run.poll(aws);
    assert_eq!(run.values(2), ["one", "two"]);
}

#[test]
fn it_polls_by_itself_again_and_again() {
    let aws = served();
    let sandbox = crate::support::sandbox::sandbox(&aws).args(["--on-rotation", "restart", "--poll-interval", "10s"]);
    let run = Rotating::start(sandbox.script(SLEEPER));
    // That of the launch, that at a random moment of the first interval, and the next.
    aws.await_calls(2);
    aws.rotate("x", Secret::json(r#"{"k":"two"}"#).with_id("v2"));
    assert_eq!(run.values(2), ["one", "two"]);
    run.end();
}

#[test]
fn a_change_has_its_consequence_after_the_splay() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart").args(["--splay", "300ms"]));
    restarts(&aws, &run);
    run.end();
}

#[test]
fn failed_polls_are_one_warning_and_their_end_is_one_line() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    for _ in 0..2 {
        aws.begin_to_fail("GetSecretValue", fault::denied("x"));
        for _ in 0..3 {
            run.poll(&aws);
        }
        aws.recover("GetSecretValue");
        run.poll(&aws);
    }
    restarts(&aws, &run);
    let outcome = run.end();
    let count = |text| outcome.stderr().matches(text).count();
    let failed = "warning: the secrets cannot be read again, so /bin/sh keeps its values";
    assert_eq!((count(failed), count("note: the secrets can be read again")), (2, 2), "{outcome}");
}

#[test]
fn an_outage_is_a_failed_poll_after_the_timeout() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart").args(["--timeout", "300ms"]));
    aws.begin_to_fail("GetSecretValue", fault::unavailable());
    run.poll(&aws);
    aws.recover("GetSecretValue");
    restarts(&aws, &run);
    run.end();
}

#[test]
fn signals_are_forwarded_while_a_poll_hangs() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart").args(["--timeout", "1000h"]));
    aws.begin_to_fail("GetSecretValue", fault::Fault::Hang);
    let before = aws.calls().len();
    run.request();
    aws.await_calls(before + 1);
    run.end().ended(Status::Exit(143));
}

#[test]
fn credentials_are_kept_while_they_are_valid() {
    let aws = served();
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k").script(SLEEPER);
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    for _ in 0..3 {
        run.poll(&aws);
    }
    restarts(&aws, &run);
    run.end();
    // Those of the launch, and those of the polls.
    assert_eq!(aws.calls_of("/credentials").len(), 2);
}

#[test]
fn credentials_that_expire_are_renewed() {
    let aws = served();
    aws.credentials_expire_in(Duration::from_secs(5));
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k").script(SLEEPER);
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    for polls in 1..=3 {
        let (credentials, reads) = (aws.calls_of("/credentials").len(), aws.reads().len());
        run.request();
        crate::support::record::await_fact("a poll with new credentials", || {
            aws.calls_of("/credentials").len() > credentials && aws.reads().len() > reads
        });
        assert!(aws.calls_of("/credentials").len() > polls);
    }
    restarts(&aws, &run);
    run.end();
    assert!(aws.reads().iter().all(|read| read.access_key() == CONTAINER_KEY));
}

#[test]
fn an_assumed_role_that_expires_is_assumed_again() {
    let aws = served();
    aws.credentials_expire_in(Duration::from_secs(5));
    let run = Rotating::start(rotating(&aws, "restart").args(["--role-arn", "arn:aws:iam::123456789012:role/reader"]));
    for _ in 0..2 {
        let roles = aws.calls_of("AssumeRole").len();
        run.request();
        crate::support::record::await_fact("a role", || aws.calls_of("AssumeRole").len() > roles);
    }
    restarts(&aws, &run);
    run.end();
}

#[test]
fn credentials_that_are_refused_are_found_anew() {
    let aws = served();
    let config = |key: &str| format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = {ACCESS_SECRET}\n");
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k").script(SLEEPER);
    let sandbox = sandbox.home_file(".aws/credentials", &config("AKIAOLD"));
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    run.poll(&aws);
    let run = Rotating { sandbox: run.sandbox.home_file(".aws/credentials", &config("AKIANEW")), ..run };
    aws.begin_to_fail("GetSecretValue", fault::unrecognized_client());
    run.poll(&aws);
    run.poll(&aws);
    aws.recover("GetSecretValue");
    restarts(&aws, &run);
    run.end();
    assert_eq!(aws.reads().last().unwrap().access_key(), "AKIANEW");
}

#[test]
fn each_poll_has_connections_of_its_own() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "restart"));
    let before = aws.connections();
    run.poll(&aws);
    restarts(&aws, &run);
    assert!(aws.connections() >= before + 2);
    run.end();
}

#[test]
fn a_profile_with_an_mfa_device_is_78_before_any_request() {
    let aws = served();
    let config = format!(
        "[profile one]\nrole_arn = arn:aws:iam::210987654321:role/one\nsource_profile = base\n\
         mfa_serial = arn:aws:iam::123456789012:mfa/jane\n\
         [profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {ACCESS_SECRET}\n"
    );
    let sandbox =
        Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k").args(["--profile", "one"]);
    let run = polled_on_request(sandbox.home_file(".aws/config", &config), "restart").run();
    run.refused(78).says(["mfa/jane", "--on-rotation"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn polls_do_without_a_cache_whose_directory_is_gone_and_warn_once() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let run = Rotating::start(cache.with(rotating(&aws, "restart"), &[]));
    std::fs::remove_dir_all(cache.path()).unwrap();
    run.poll(&aws);
    run.poll(&aws);
    restarts(&aws, &run);
    let outcome = run.end();
    let warning = "does not exist; the secrets are read again without it";
    assert_eq!(outcome.stderr().matches(warning).count(), 1, "{outcome}");
}

#[test]
fn polls_warn_of_an_answer_that_cannot_be_kept() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let run = Rotating::start(cache.with(rotating(&aws, "restart"), &[]));
    let entry = cache.entry();
    std::fs::create_dir(entry.with_extension("new")).unwrap();
    restarts(&aws, &run);
    run.end().says(["the answer cannot be kept", "secret x"]);
    assert!(!entry.exists());
}
