//! The last line of `-v`. `trace.rows` has all other lines, and those of `-vv`.

use crate::support::*;

::rows::rows!("tests/it/process/trace.rows");

#[test]
fn the_last_line_of_v_shows_the_number_of_values_secrets_and_requests_and_the_time() {
    let aws = served()
        .fails_first("GetSecretValue", 1, fault::status(503))
        .parameter("/p", &[Version::text(CANARY)]);
    let sandbox = || sandbox(&aws).resolve("B=ssm:/p").resolve("C=x:k").arg("-v");
    let run = sandbox().run();
    let stderr = run.launched().stderr();
    let (_, last) = stderr
        .split_once("note: 3 values of 2 secrets in ")
        .unwrap();
    let time = last.strip_suffix(" ms, 3 requests\n").expect(last);
    assert!(time.parse::<u64>().is_ok(), "{run}");
    let cache = CacheDirectory::new();
    let cached = sandbox().args(["--log-format", "json"]);
    let cached = cache.with(cached, &["--cache-ttl", "1h"]);
    for (requests, from_cache) in [(2, 0), (0, 2)] {
        let event = cached.run().launched().events().pop().unwrap();
        assert_eq!(event["event"], "resolution");
        let seen = ["values", "secrets", "requests", "from_cache"].map(|name| &event[name]);
        assert_eq!(seen, [3, 2, requests, from_cache]);
    }
}
