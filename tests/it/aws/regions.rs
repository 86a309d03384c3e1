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

/// A launch that reaches this fake as if it were AWS, without an endpoint, and starts without any
/// of the secrets.
fn run_without_secrets(
    aws: &Aws,
    authority: &Authority,
    count: usize,
    options: &[&str],
) -> Outcome {
    let proxy = Proxy::before(aws.address());
    let entries = (0..count).map(|n| format!("A{n}: {{ from: 'gone/{n}:k', default: dev }}\n"));
    Sandbox::new()
        .region("us-east-1")
        .keys()
        .args(options)
        .declaration(&format!("env:\n  {}", Vec::from_iter(entries).join("  ")))
        .env("AWS_CA_BUNDLE", authority.bundle())
        .env("HTTPS_PROXY", proxy.url())
        .run()
}

#[test]
fn a_launch_that_starts_although_none_of_three_secrets_exists_warns_of_the_region() {
    let authority = or_skip!(Authority::new());
    let aws = Aws::start_tls(authority.acceptor());
    let said = "warning: none of the 3 secrets exists in us-east-1: each value is a default, or";
    let region = "help: check the region (us-east-1, from AWS_REGION)";
    let run = run_without_secrets(&aws, &authority, 3, &[]);
    run.launched();
    run.says([said, region]);
    // Two secrets may well be optional, and an emulator has no other region.
    let two = run_without_secrets(&aws, &authority, 2, &[]);
    assert_eq!(two.launched().stderr(), "", "{two}");
    // An option names the region that is meant.
    let named = run_without_secrets(&aws, &authority, 3, &["--region", "us-east-1"]);
    assert_eq!(named.launched().stderr(), "", "{named}");
}
