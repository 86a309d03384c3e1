//! What a launch with many secrets costs a service that fails: requests are counted, never timed.

use std::time::Duration;

use crate::support::*;

const READ: &str = "GetSecretValue";
const THROTTLED: &str = "ThrottlingException";

/// A fake with the secrets `s00`, `s01` and so on, and a launch that reads all of them into `V00`,
/// `V01` and so on.
pub fn with_secrets(count: usize) -> (Aws, Sandbox) {
    let mut aws = Aws::start();
    let mut sandbox = Sandbox::new();
    for number in 0..count {
        let id = format!("s{number:02}");
        aws = aws.secret(&id, Secret::text(&format!("value-{id}-4c7a1e")));
        sandbox = sandbox.resolve(&format!("V{number:02}={id}"));
    }
    (aws, sandbox)
}

pub fn has_all_values(run: &Outcome, count: usize) {
    for number in 0..count {
        run.has(
            &format!("V{number:02}"),
            format!("value-s{number:02}-4c7a1e"),
        );
    }
}

#[test]
fn in_an_outage_one_request_of_a_launch_asks_at_a_time() {
    let (internal, throttled) = (fault::internal_error(), fault::throttled());
    side_by_side(
        [
            (20, &internal),
            (100, &internal),
            (20, &throttled),
            (100, &throttled),
        ],
        |(secrets, fault)| {
            let (aws, sandbox) = with_secrets(secrets);
            let aws = aws.fails(READ, fault.clone());
            let run = sandbox.aws(&aws).timeout("6s").run();
            run.refused(75, ["request id"]);
            // The requests that were in flight when the first one failed, and those that took
            // turns. Independent requests would be more than a hundred for 20 secrets.
            let requests = aws.reads().len();
            let most = secrets.min(32) + 25;
            assert!(
                requests <= most,
                "{requests} requests, at most {most}: {run}"
            );
        },
    );
}

#[test]
fn attempts_are_counted_for_the_endpoint_so_all_secrets_end_with_the_same_reason() {
    let page = plain(404, "<html>not found</html>");
    for (fault, attempts, requests) in [(fault::unavailable(), 2, 21), (page, 9, 22)] {
        let (aws, sandbox) = with_secrets(20);
        let aws = aws.fails(READ, fault);
        let run = sandbox.aws(&aws).attempts(attempts).timeout("50s").run();
        run.refused(75, ["20 secrets"]);
        assert_eq!(aws.reads().len(), requests, "{run}");
    }
}

#[test]
fn batches_of_parameters_take_turns_like_secrets() {
    let mut aws = Aws::start().fails("GetParameters", fault::internal_error());
    let mut sandbox = Sandbox::new();
    for number in 0..25 {
        aws = aws.parameter(&format!("/p{number}"), &[Version::text("v-4c7a1e")]);
        sandbox = sandbox.resolve(&format!("V{number}=ssm:/p{number}"));
    }
    let run = sandbox.aws(&aws).attempts(2).timeout("50s").run();
    run.refused(75, ["25 parameters"]);
    // Three batches, and one more request.
    assert_eq!(aws.calls_of("GetParameters").len(), 4, "{run}");
}

#[test]
fn each_region_is_an_endpoint_of_its_own() {
    let (aws, sandbox) = with_secrets(20);
    let aws = aws.region_fails("us-east-1", fault::unavailable());
    let sandbox = sandbox.env("SECRETS_EXEC_FALLBACK_REGION", "us-west-2");
    let run = sandbox.aws(&aws).attempts(2).timeout("50s").run();
    has_all_values(run.launched(), 20);
    let regions: Vec<String> = aws.reads().iter().map(Call::region).collect();
    let in_region = |name: &str| regions.iter().filter(|region| *region == name).count();
    assert_eq!(
        (in_region("us-east-1"), in_region("us-west-2")),
        (21, 20),
        "{run}"
    );
}

#[test]
fn when_the_service_comes_back_every_value_arrives_with_the_next_request() {
    for fault in [fault::internal_error(), fault::throttled()] {
        let (aws, sandbox) = with_secrets(40);
        let aws = aws.fails_for(READ, Duration::from_secs(2), fault);
        let run = sandbox.aws(&aws).timeout("50s").run();
        has_all_values(run.launched(), 40);
        // 32 requests before the first failure, 40 that are answered, and those that took turns.
        let requests = aws.reads().len();
        assert!((72..=90).contains(&requests), "{requests} requests: {run}");
    }
}

#[test]
fn a_secret_that_fails_on_its_own_does_not_delay_the_others() {
    // All of them are in flight together. A request that waited for its turn would end with the
    // one that fails.
    let (aws, sandbox) = with_secrets(20);
    let aws = aws.secret("s05", Secret::failing(fault::internal_error()));
    let run = sandbox.aws(&aws).attempts(3).timeout("50s").run();
    run.refused(75, ["the secret \"s05\"", "3 attempts in"]);
    assert_eq!(aws.reads().len(), 20 - 1 + 3, "{run}");
}

#[test]
fn a_secret_that_recovers_is_read_although_another_one_keeps_failing() {
    let (aws, sandbox) = with_secrets(20);
    let aws = aws.secret("s05", Secret::failing(fault::internal_error()));
    let faults = [(); 2].map(|()| fault::internal_error());
    let aws = aws.secret("s06", Secret::text("value-s06-4c7a1e").after(faults));
    let run = sandbox.aws(&aws).timeout("50s").run();
    run.refused(75, ["the secret \"s05\""]);
    let asked = aws.reads().into_iter().map(|call| call.secret_id());
    assert_eq!(asked.filter(|id| id == "s06").count(), 3, "{run}");
}

#[test]
fn an_absence_ends_the_failure_like_any_answer() {
    let (aws, sandbox) = with_secrets(20);
    let aws = aws.fails_first(READ, 21, fault::unavailable());
    aws.delete("s00");
    let run = sandbox.aws(&aws).timeout("50s").run();
    run.refused(78, ["the secret \"s00\" doesn't exist"]);
    // 20 requests in flight, one that fails, and 20 that are answered.
    assert_eq!(aws.reads().len(), 41, "{run}");
}

#[test]
fn the_report_has_the_number_of_attempts_and_the_secrets_that_were_not_requested() {
    let (aws, sandbox) = with_secrets(40);
    let aws = aws.fails(READ, fault::throttled());
    let run = sandbox.aws(&aws).attempts(1).run();
    let never = "no request was sent, because localhost:";
    run.refused(
        75,
        [
            THROTTLED,
            "1 attempt in ",
            "8 secrets",
            never,
            "raise AWS_MAX_ATTEMPTS",
        ],
    );
    assert_eq!(aws.reads().len(), 32, "{run}");
}

#[test]
fn a_secret_is_read_even_if_each_answer_takes_six_seconds() {
    let (aws, sandbox) = with_secrets(3);
    let aws = aws.delayed(Duration::from_secs(6));
    let run = sandbox.aws(&aws).timeout("50s").run();
    has_all_values(run.launched(), 3);
    assert_eq!(aws.reads().len(), 6, "{run}");
}
