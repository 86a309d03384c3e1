//! Unexpected answers of Secrets Manager, or of an emulator: outages that end, endless bodies, unknown codes.

use std::time::Duration;

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, REQUEST_ID};
use crate::support::outcome::Outcome;
use crate::support::running::Running;
use crate::support::sandbox::{Sandbox, sandbox};

const READ: &str = "GetSecretValue";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn launch(aws: &Aws) -> Outcome {
    // Two attempts show whether the request is retried.
    sandbox(aws).env("AWS_MAX_ATTEMPTS", "2").run()
}

#[test]
fn an_outage_that_ends_well_before_the_time_always_launches() {
    let aws = served().fails_for(READ, Duration::from_secs(2), fault::unavailable());
    // Backoff has jitter, so one launch proves little.
    let sandboxes: Vec<Sandbox> = (0..6).map(|_| sandbox(&aws).args(["--timeout", "6s"])).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_silently().has("A", "v");
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_ever_is_75() {
    for seconds in [u64::MAX, 60 * 60 * 24 * 365] {
        let aws = served().fails(READ, fault::retry_after(seconds));
        launch(&aws).refused(75).says(["A", "x"]);
        assert_eq!(aws.reads().len(), 1);
    }
}

#[test]
fn milliseconds_in_the_header_of_aws_count_as_well() {
    for milliseconds in [u64::MAX, 1000 * 60 * 60] {
        let aws = served().fails(READ, fault::amz_retry_after(milliseconds));
        launch(&aws).refused(75).says(["A", "x"]);
        assert_eq!(aws.reads().len(), 1);
    }
}

#[test]
fn a_server_that_says_when_to_come_back_is_left_alone_until_then() {
    let aws = served().fails_first(READ, 1, fault::retry_after(1));
    launch(&aws).launched_silently().has("A", "v");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_body_without_an_end_is_75_and_takes_no_memory() {
    let aws = served().fails(READ, Fault::Endless);
    // Less than the endless body would fill.
    let small = sandbox(&aws).prepared_by("ulimit -v 400000 && exec \"$@\"").env("AWS_MAX_ATTEMPTS", "2");
    small.run().refused(75).says(["A", "x"]);
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_success_that_is_about_another_secret_is_no_value() {
    let aws = served().fails(READ, fault::another_secret());
    launch(&aws).refused(75).says(["A", "x", "not about this secret"]);
    let aws = served().fails_first(READ, 1, fault::another_secret());
    launch(&aws).launched_silently().has("A", "v");
}

#[test]
fn a_success_that_is_no_secret_is_75() {
    for fault in [fault::empty_object(), fault::page()] {
        let aws = served().fails(READ, fault);
        launch(&aws).refused(75).says(["A", "x"]);
        assert_eq!(aws.reads().len(), 2);
    }
}

#[test]
fn a_success_that_is_no_secret_is_no_absence() {
    let aws = served().fails(READ, fault::empty_object());
    let declaration = "env:\n  A: { from: \"x:k\", default: d }\n";
    let sandbox = Sandbox::new().aws(&aws).declaration(declaration).env("AWS_MAX_ATTEMPTS", "1");
    sandbox.run().refused(75);
}

#[test]
fn the_message_of_an_unknown_code_is_not_repeated() {
    let aws = served().fails(READ, fault::unknown_code());
    // The message holds the canary, which the sandbox looks for.
    launch(&aws).refused(78).says(["A", "x", "BrandNewException", REQUEST_ID]);
}

#[test]
fn a_stage_that_is_not_that_versions_is_an_absence() {
    let aws = served().fails(READ, fault::stage_of_another_version());
    let declaration = "env:\n  A: { from: \"x:k:AWSPENDING\", default: d }\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched_silently().has("A", "d");
    let run = Sandbox::new().aws(&aws).resolve("A=x:k:AWSPENDING").run();
    run.refused(78).says(["A", "x", "AWSPENDING"]);
}

#[test]
fn a_denial_is_told_with_the_id_of_its_request() {
    let aws = served().fails(READ, fault::denied("x"));
    launch(&aws).refused(77).says([REQUEST_ID]);
}

#[test]
fn a_service_that_is_not_there_is_named_by_host_and_port() {
    let aws = served();
    // Port 1 is never served, and never chosen for a test's server.
    for (url, address) in [("http://127.0.0.1:1", "127.0.0.1:1"), ("http://localhost:1", "localhost:1")] {
        let run = sandbox(&aws).endpoint(url).env("AWS_MAX_ATTEMPTS", "2").run();
        run.refused(75).says(["A", "x", address]);
    }
}

#[test]
fn a_date_to_come_back_at_is_kept_to() {
    // The service recovers before that date (in whole seconds), so an earlier retry would be refused and make a third
    // request.
    let aws = served().fails_for(READ, Duration::from_millis(1500), fault::retry_at(Duration::from_secs(3)));
    sandbox(&aws).run().launched_silently().has("A", "v");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_clock_that_is_skewed_is_75_by_whatever_name_and_asked_once() {
    for code in ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"] {
        let fault = Fault::Error { status: 403, code, message: "the difference is too large".to_owned() };
        let aws = served().fails(READ, fault);
        launch(&aws).refused(75).says(["A", "x", "clock"]);
        assert_eq!(aws.reads().len(), 1);
    }
}
