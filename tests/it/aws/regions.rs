//! The time that `--fallback-region` takes. `regions.rows` has all other tests.

use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/aws/regions.rows");

#[test]
fn a_launch_ends_at_its_timeout_and_names_both_reasons_if_two_regions_are_unavailable() {
    let aws = served().region_fails("us-east-1", fault::unavailable());
    let aws = aws.region_fails("us-west-2", fault::internal_error());
    let launch = sandbox(&aws)
        .args(["--fallback-region", "us-west-2"])
        .timeout("4s");
    let run = keeps_to(Duration::from_secs(4), &launch);
    run.refused(75).says([
        "A (",
        "this error occurred in the region us-east-1",
        "AWS says: ServiceUnavailable",
        "in the fallback region us-west-2, AWS returned Internal",
    ]);
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
        run.launched_with_value();
        // Other attempts, or a request that was abandoned, may come in between.
        let mut regions: Vec<String> = aws.reads().iter().map(Call::region).collect();
        regions.dedup();
        assert_eq!(regions, asked, "{run}");
    }
}
