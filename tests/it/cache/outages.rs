//! AWS is unavailable, in every possible way, or it answers that a value is denied or absent. The
//! cache provides the value in the first case, and never in the second one.

use crate::support::*;

::rows::rows!("tests/it/cache/outages.rows");

fn launch_with_filled_cache(cache: &CacheDirectory, sandbox: Sandbox, options: &[&str]) -> Sandbox {
    let launch = cache.with(sandbox, options);
    launch.run().launched_silently();
    launch
}

/// Asserts that a launch starts with the last good value, and prints one warning.
fn assert_uses_cached_value(sandbox: &Sandbox) {
    let run = sandbox.run();
    run.launched().has("A", "v-4c7a1e");
    run.says([
        "warning: ",
        "so the cache is used\n",
        "note: the cached value of the secret \"x\" is ",
        " old (version c0c0c0c0-",
    ]);
    assert_eq!(run.stderr().matches("warning: ").count(), 1, "{run}");
}

#[test]
fn with_wait_a_cached_answer_is_used_without_waiting_if_aws_refuses_connections() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = launch_with_filled_cache(&cache, sandbox(&aws), &["--wait", "1h"]);
    drop(aws);
    assert_uses_cached_value(&launch);
}

#[test]
fn a_cached_answer_is_used_after_a_broken_tls_handshake_but_not_without_trust() {
    let authority = or_skip!(Authority::new());
    let other = or_skip!(Authority::new());
    let cache = CacheDirectory::new();
    let aws = served_over_tls(authority.acceptor());
    let relay = Relay::start("127.0.0.1", aws.address());
    let endpoint = format!("https://localhost:{}", relay.address().port());
    let sandbox = sandbox(&aws)
        .endpoint(&endpoint)
        .env("AWS_CA_BUNDLE", authority.bundle());
    let launch = launch_with_filled_cache(&cache, sandbox.attempts(1), &[]);
    let broken = scripted(&["greet; cut"]);
    relay.leads_to(([127, 0, 0, 1], broken.port()).into());
    assert_uses_cached_value(&launch);
    assert!(broken.connections() > 0);
    // An endpoint that speaks something other than TLS is a wrong setting, not an outage.
    let other_protocol = scripted(&["greet; send SSH-2.0-x⏎"]);
    relay.leads_to(([127, 0, 0, 1], other_protocol.port()).into());
    launch.run().refused(78, ["doesn't speak TLS"]);
    let impostor = served_over_tls(other.acceptor());
    relay.leads_to(impostor.address());
    launch.run().refused(78, ["certificate"]);
    // The answer didn't say anything about the secret, so the entry is still there.
    cache.entry();
    drop(impostor);
    assert_uses_cached_value(&launch);
}

#[test]
fn a_secret_that_is_not_cached_is_tried_until_the_timeout_next_to_a_cached_one() {
    // Retries for the cached secret stop after five seconds. The secret that isn't cached answers
    // later than that.
    let (aws, cache) = (served(), CacheDirectory::new());
    launch_with_filled_cache(&cache, sandbox(&aws), &[]);
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    let failures = std::iter::repeat_n(fault::amz_retry_after(3000), 2);
    let aws = aws.secret("y", Secret::text(r#"{"k":"z-4c7a1e"}"#).after(failures));
    let two = sandbox(&aws).resolve("B=y:k");
    let run = cache.with(two, &["--timeout", "15s"]).run();
    run.launched()
        .has("A", "v-4c7a1e")
        .has("B", "z-4c7a1e")
        .says(["note: the cached value of the secret \"x\" is "])
        .says_nothing_of("the cached value of the secret \"y\"");
}
