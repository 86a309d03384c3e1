//! Retries of Secrets Manager and the time that they take. `retries.rows` has what is reported of a failure.

use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/aws/retries.rows");

const READ: &str = "GetSecretValue";

#[test]
fn a_server_is_left_alone_for_the_time_that_it_names() {
    let aws = served().fails_first(READ, 1, fault::retry_after(1));
    sandbox(&aws).timeout("50s").run().launched_silently().has("A", "v-4c7a1e");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn one_secret_that_fails_does_not_repeat_the_others() {
    let aws = served().secret("x", Secret::text(r#"{"k":"v-4c7a1e"}"#).after([fault::throttled()]));
    let aws = aws.secret("y", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    sandbox(&aws).resolve("B=y:k").run().launched();
    let mut asked: Vec<String> = aws.reads().iter().map(Call::secret_id).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["x", "x", "y"]);
}

#[test]
fn an_outage_that_ends_well_before_the_time_always_launches() {
    let aws = served().fails_for(READ, Duration::from_secs(2), fault::unavailable());
    // Backoff has jitter, so one launch proves little.
    let sandboxes: Vec<Sandbox> = (0..6).map(|_| sandbox(&aws).timeout("6s")).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_silently().has("A", "v-4c7a1e");
    }
}

#[test]
fn the_timeout_bounds_the_retries_and_the_reason_before_the_timeout_is_reported() {
    let aws = served().fails(READ, Fault::Hang);
    ends_within(Duration::from_secs(1), sandbox(&aws)).refused(75).says(["A (", "secret x"]);
    let variable = sandbox(&aws).env("SECRETS_EXEC_TIMEOUT", "1s");
    keeps_to(Duration::from_secs(1), &variable).refused(75);
    let declaration = Sandbox::new().aws(&aws).declaration("defaults: { timeout: 1s }\nenv: { A: \"x:k\" }\n");
    keeps_to(Duration::from_secs(1), &declaration).refused(75);
    let aws = served().fails(READ, fault::throttled());
    ends_within(Duration::from_secs(3), sandbox(&aws)).refused(75).says(["A (", "secret x"]);
    assert!(aws.reads().len() >= 2, "{}", aws.reads().len());
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang).after([fault::throttled()]));
    sandbox(&aws).timeout("2s").run().refused(75).says(["A (", "secret x", "ThrottlingException"]);
}
