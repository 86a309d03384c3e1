//! Retries of requests to Secrets Manager, and the time that they take. `retries.rows` has the
//! reports about failures.

use std::time::Duration;

use super::outages::{has_all_values, with_secrets};
use crate::support::*;

::rows::rows!("tests/it/aws/retries.rows");

const READ: &str = "GetSecretValue";

#[test]
fn a_launch_does_not_try_again_before_the_time_in_x_amz_retry_after() {
    // Without the header, the pauses would be at most 100, 200 and 400 ms long, so there would be
    // more requests.
    let outage = Duration::from_millis(1000);
    let aws = served().fails_for(READ, outage, fault::amz_retry_after(1500));
    sandbox(&aws).timeout("50s").run().launched_with_value();
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn a_secret_is_read_even_if_the_time_in_retry_after_is_longer_than_the_timeout() {
    for fault in [fault::retry_after(60), fault::amz_retry_after(60_000)] {
        let aws = served().fails_first(READ, 1, fault);
        sandbox(&aws).timeout("6s").run().launched_with_value();
        assert_eq!(aws.reads().len(), 2);
    }
}

#[test]
fn of_500_secrets_only_those_that_were_throttled_are_requested_again() {
    let (mut aws, sandbox) = with_secrets(500);
    for number in (0..500).step_by(20) {
        let id = format!("s{number:02}");
        let secret = Secret::text(&format!("value-{id}-4c7a1e"));
        aws = aws.secret(&id, secret.after([fault::throttled()]));
    }
    let run = sandbox.aws(&aws).timeout("50s").run();
    has_all_values(run.launched_silently(), 500);
    assert_eq!(aws.reads().len(), 525);
}

#[test]
fn a_throttled_launch_does_not_end_with_a_burst_of_requests() {
    let aws = served().fails(READ, fault::throttled());
    side_by_side(0..6, |_| {
        sandbox(&aws).timeout("3s").run().refused(75, []);
    });
    // If a pause is longer than the time that is left, it ends at a random moment of that time, as
    // long as a second is left. That results in three to four requests for each launch. Pauses of
    // at most half of the time that is left would result in eight or more.
    let requests = aws.reads().len();
    assert!((6..=36).contains(&requests), "{requests} requests");
}

#[test]
fn a_secret_is_read_even_if_an_html_page_comes_after_three_errors_of_the_service() {
    let faults = [503, 503, 503, 404].map(|status| plain(status, "<html>wait</html>"));
    let secret = Secret::text(r#"{"k":"v-4c7a1e"}"#).after(faults);
    let aws = Aws::start().secret("x", secret);
    let run = sandbox(&aws).timeout("50s").run();
    run.launched_with_value();
    assert_eq!(aws.reads().len(), 5, "{run}");
}

#[test]
fn a_launch_succeeds_if_an_outage_ends_well_before_the_timeout() {
    let aws = served().fails_for(READ, Duration::from_secs(2), fault::unavailable());
    // The pauses are random, so a single launch wouldn't prove much.
    let sandboxes: Vec<Sandbox> = (0..6).map(|_| sandbox(&aws).timeout("6s")).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.says_only(&[]).launched().has("A", "v-4c7a1e");
    }
}

#[test]
fn a_launch_that_aws_throttles_or_never_answers_fails_at_its_timeout_and_says_why() {
    let aws = served().fails(READ, Fault::Hang);
    ends_within(Duration::from_secs(1), sandbox(&aws))
        .refused(75, ["A (", "didn't answer in time (1 attempt in 1.0s)"]);
    let aws = served().fails(READ, fault::throttled());
    let variable = sandbox(&aws).env("SECRETS_EXEC_TIMEOUT", "3s");
    keeps_to(Duration::from_secs(3), &variable)
        .refused(75, ["A (", "the secret \"x\" was throttled by AWS"]);
    assert!(aws.reads().len() >= 2, "{}", aws.reads().len());
    let secret = Secret::failing(Fault::Hang).after([fault::throttled()]);
    let aws = Aws::start().secret("x", secret);
    let said = ["A (", "the secret \"x\"", "ThrottlingException"];
    sandbox(&aws).timeout("2s").run().refused(75, said);
}
