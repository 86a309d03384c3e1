//! AWS is unavailable, in every way, or says that a value is denied or absent: the cache covers the former and never the latter.

use crate::support::network::SILENT;
use crate::support::*;

::rows::rows!("tests/it/cache/outages.rows");

const READ: &str = "GetSecretValue";
const LONG: [&str; 2] = ["--timeout", "1h"];

fn good_secret() -> Secret {
    Secret::text(r#"{"k":"v-4c7a1e"}"#)
}

/// A launch that has filled the cache.
fn filled(cache: &CacheDirectory, sandbox: Sandbox, options: &[&str]) -> Sandbox {
    let launch = cache.with(sandbox, options);
    launch.run().launched_silently();
    launch
}

/// Asserts that a launch starts with the last good value, and one warning.
fn is_covered(sandbox: &Sandbox) {
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
fn with_wait_a_cached_answer_covers_a_refused_connection_long_before_the_deadline() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = filled(&cache, sandbox(&aws), &["--wait", "1h"]);
    drop(aws);
    is_covered(&launch);
}

#[test]
fn with_wait_a_value_of_the_cache_gives_way_to_that_of_aws_as_soon_as_aws_answers() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = filled(&cache, sandbox(&aws), &["--wait", "1m"]);
    let after_an_outage =
        |value: &str| Secret::text(&format!(r#"{{"k":"{value}"}}"#)).after([Fault::Close]);
    aws.rotate("x", after_an_outage("new-4c7a1e"));
    aws.rotate("y", after_an_outage("y-4c7a1e"));
    let run = launch.env("AWS_MAX_ATTEMPTS", "1").resolve("B=y:k").run();
    run.launched().has("A", "new-4c7a1e").has("B", "y-4c7a1e");
}

#[test]
fn a_cached_answer_covers_a_service_whose_packets_are_lost_long_before_the_deadline() {
    network::alone(|| {
        let (aws, cache) = (served(), CacheDirectory::new());
        // The same address is on this side first, and then on that of the silent link.
        network::sh(&format!("ip addr add {SILENT}/32 dev lo"));
        let relay = Relay::start(SILENT, aws.address());
        let endpoint = format!("http://{}", relay.address());
        let launch = filled(&cache, sandbox(&aws).endpoint(&endpoint), &LONG);
        network::sh(&format!("ip addr del {SILENT}/32 dev lo"));
        is_covered(&launch);
    });
}

#[test]
fn a_cached_answer_covers_a_broken_tls_handshake_but_an_untrusted_certificate_is_78() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let cache = CacheDirectory::new();
    let aws = Aws::start_tls(authority.acceptor()).secret("x", good_secret());
    let relay = Relay::start("127.0.0.1", aws.address());
    let endpoint = format!("https://localhost:{}", relay.address().port());
    let sandbox = sandbox(&aws)
        .endpoint(&endpoint)
        .env("AWS_CA_BUNDLE", authority.bundle());
    let launch = filled(&cache, sandbox.attempts(1), &[]);
    // Something else than TLS, and a connection that is cut in the handshake.
    for script in [
        vec![Step::Greeting, Step::Send(b"SSH-2.0-x\r\n".to_vec())],
        vec![Step::Greeting, Step::Cut],
    ] {
        let wire = Wire::plain(vec![script]);
        relay.leads_to(([127, 0, 0, 1], wire.port()).into());
        is_covered(&launch);
        assert!(wire.connections() > 0);
    }
    let impostor = Aws::start_tls(other.acceptor()).secret("x", good_secret());
    relay.leads_to(impostor.address());
    launch.run().refused(78).says(["certificate"]);
    // Nothing was said about the secret.
    cache.entry();
    drop(impostor);
    is_covered(&launch);
}

#[test]
fn a_secret_without_a_cache_entry_is_asked_for_until_the_timeout_beside_a_cached_one() {
    // The uncached secret answers after more than the five seconds that the other is retried for.
    let aws = served().secret("y", good_secret());
    let cache = CacheDirectory::new();
    filled(&cache, sandbox(&aws), &[]);
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    let failures = std::iter::repeat_n(fault::amz_retry_after(3000), 2);
    let aws = aws.secret("y", Secret::text(r#"{"k":"z-4c7a1e"}"#).after(failures));
    let run = cache
        .with(sandbox(&aws).resolve("B=y:k"), &["--timeout", "15s"])
        .run();
    run.launched()
        .has("A", "v-4c7a1e")
        .has("B", "z-4c7a1e")
        .says(["note: the cached value of the secret \"x\" is "])
        .says_nothing_of("the cached value of the secret \"y\"");
}

#[test]
fn a_service_that_recovers_within_five_seconds_gives_the_new_value_and_replaces_the_cache_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = filled(&cache, sandbox(&aws), &[]);
    let aws = aws
        .secret("x", Secret::text(r#"{"k":"new-4c7a1e"}"#))
        .fails_first(READ, 2, fault::unavailable());
    launch.run().launched_silently().has("A", "new-4c7a1e");
    let _aws = aws.secret("x", Secret::failing(fault::unavailable()));
    launch.attempts(1).run().launched().has("A", "new-4c7a1e");
}
