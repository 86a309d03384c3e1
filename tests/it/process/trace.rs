//! The last line of `-v`. `trace.rows` has all other lines, and those of `-vv`.

use serde_json::Value;

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
    let last = stderr.lines().last().unwrap();
    let time = last
        .strip_prefix("secrets-exec: note: 3 values of 2 secrets in ")
        .and_then(|line| line.strip_suffix(" ms, 3 requests"));
    assert!(
        time.is_some_and(|time| time.parse::<u64>().is_ok()),
        "{run}"
    );
    let cache = CacheDirectory::new();
    let cached = sandbox()
        .args(["--log-format", "json", "--cache-ttl", "1h"])
        .arg("--cache")
        .arg(cache.path());
    for (requests, from_cache) in [(2, 0), (0, 2)] {
        let event = cached.run().launched().events().pop().unwrap();
        let seen = ["values", "secrets", "requests", "from_cache"].map(|name| event[name].clone());
        assert_eq!(
            (event["event"].as_str(), seen),
            (
                Some("resolution"),
                [3, 2, requests, from_cache].map(Value::from)
            )
        );
    }
}
