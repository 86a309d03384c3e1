//! The last line of `-v` and `-vv`. `trace.rows` has all other lines, and those of `-vv`.

use crate::support::*;

::rows::rows!("tests/it/process/trace.rows");

#[test]
fn the_last_line_of_v_in_json_counts_values_secrets_requests_and_cached_answers() {
    let aws = served().parameter("/p", &[Version::text(CANARY)]);
    let cache = CacheDirectory::new();
    let launch = sandbox(&aws).resolve("B=ssm:/p").resolve("C=x:k").arg("-v");
    let launch = launch.args(["--log-format", "json"]);
    let launch = cache.with(launch, &["--cache-ttl", "1h"]);
    for (requests, from_cache) in [(2, 0), (0, 2)] {
        let event = &launch.run().launched().events()[0];
        assert_eq!(event["event"], "resolution");
        let seen = ["values", "secrets", "requests", "from_cache"].map(|name| &event[name]);
        assert_eq!(seen, [3, 2, requests, from_cache]);
    }
}

#[test]
fn the_time_in_the_last_line_of_vv_is_without_the_wait_for_the_identity() {
    let aws = served().fails("GetCallerIdentity", Fault::Hang);
    let launch = sandbox(&aws).args(["-vv", "--log-format", "json"]);
    let event = launch.run().launched().events().pop().unwrap();
    // A launch waits 2 seconds for the answer.
    assert!(event["milliseconds"].as_u64() < Some(2000), "{event}");
}
