//! The time that `--fallback-region` takes, and a wrong region. `regions.rows` has all other tests.

use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/aws/regions.rows");

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
