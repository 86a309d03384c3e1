//! The time that `--fallback-region` takes, and a wrong region. `regions.rows` has all other tests.

use std::collections::BTreeMap;
use std::time::Duration;

use super::outages::{has_all_values, with_secrets};
use crate::support::*;

::rows::rows!("tests/it/aws/regions.rows");

/// A launch with this number of secrets, and with a fallback region.
fn with_replicas(secrets: usize) -> (Aws, Sandbox) {
    let (aws, sandbox) = with_secrets(secrets);
    (
        aws,
        sandbox.env("SECRETS_EXEC_FALLBACK_REGION", "us-west-2"),
    )
}

/// The region of the last request for each secret, which has given the value.
fn givers(aws: &Aws) -> BTreeMap<String, String> {
    let reads = aws.reads().into_iter();
    reads
        .map(|call| (call.secret_id(), call.region()))
        .collect()
}

#[test]
fn a_region_that_does_not_answer_costs_six_seconds() {
    side_by_side(
        [
            (1, fault::unavailable(), &[][..], 7),
            (100, fault::unavailable(), &[], 7),
            (1, Fault::Hang, &[], 7),
            (100, Fault::Hang, &[], 7),
            // STS is asked in two regions, too.
            (1, fault::unavailable(), &["--role-arn", ROLE], 13),
        ],
        |(secrets, fault, options, seconds)| {
            let (aws, sandbox) = with_replicas(secrets);
            let aws = aws.region_fails("us-east-1", fault);
            let sandbox = sandbox.aws(&aws).args(options).timeout("30s");
            let run = keeps_to(Duration::from_secs(seconds), &sandbox);
            run.launched();
            let givers = givers(&aws);
            assert_eq!(givers.len(), secrets, "{run}");
            assert!(givers.values().all(|region| region == "us-west-2"), "{run}");
        },
    );
}

/// Faults by operation and region, the time until they are over, and the region that gives the
/// value in the end.
#[test]
fn the_first_region_keeps_its_secrets_and_is_asked_again_if_the_others_fail() {
    const OWN: &str = "GetSecretValue@us-east-1";
    const REPLICA: &str = "GetSecretValue@us-west-2";
    let down = fault::unavailable;
    side_by_side(
        [
            ("a blip of three seconds", 3, down(), None),
            ("the replica is down, too", 20, down(), Some(down())),
            (
                "the replica doesn't have the secret",
                8,
                down(),
                Some(fault::absent()),
            ),
            ("the replica throttles", 8, down(), Some(fault::throttled())),
            ("the region throttles", 8, fault::throttled(), None),
        ],
        |(case, seconds, own, replica)| {
            let (aws, sandbox) = with_replicas(1);
            let aws = aws.fails_for(OWN, Duration::from_secs(seconds), own);
            let aws = replica
                .into_iter()
                .fold(aws, |aws, fault| aws.fails(REPLICA, fault));
            let run = sandbox.aws(&aws).case(case).timeout("50s").run();
            has_all_values(run.launched_silently(), 1);
            assert_eq!(givers(&aws)["s00"], "us-east-1", "{run}");
        },
    );
}

#[test]
fn each_service_of_a_region_gives_way_on_its_own() {
    let (aws, sandbox) = with_replicas(1);
    let aws = aws
        .fails("GetSecretValue@us-east-1", fault::unavailable())
        .parameter("/p", &[Version::text("p-4c7a1e")]);
    let run = keeps_to(
        Duration::from_secs(7),
        &sandbox.resolve("P=ssm:/p").aws(&aws).timeout("30s"),
    );
    has_all_values(run.launched().has("P", "p-4c7a1e"), 1);
    assert_eq!(givers(&aws)["s00"], "us-west-2", "{run}");
    let parameters = aws.calls_of("GetParameters");
    assert!(
        parameters.iter().all(|call| call.region() == "us-east-1"),
        "{run}"
    );
}

#[test]
fn each_fallback_region_gets_its_share_of_the_timeout_that_is_left() {
    let second = Duration::from_secs(1);
    let recovers = served().fails_for("GetSecretValue", second, fault::unavailable());
    let silent = served().region_fails("us-east-1", Fault::Hang);
    for (aws, fallbacks, timeout, asked) in [
        // The first of two regions has 10 of 20 seconds.
        (recovers, "us-west-2", "20s", &["us-east-1"][..]),
        // The second of three answers in time only if the first is given up.
        (
            silent,
            "us-west-2,eu-west-1",
            "12s",
            &["us-east-1", "us-west-2"],
        ),
    ] {
        let launch = sandbox(&aws).env("SECRETS_EXEC_FALLBACK_REGION", fallbacks);
        let run = launch.timeout(timeout).run();
        run.launched().has("A", "v-4c7a1e");
        // Other attempts, or a request that was abandoned, may come in between.
        let mut regions: Vec<String> = aws.reads().iter().map(Call::region).collect();
        regions.dedup();
        assert_eq!(regions, asked, "{run}");
    }
}
