//! AWS is unavailable, in every way, or says that a value is denied or absent: the cache covers the former and never the latter.

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version};
use crate::support::cache::CacheDirectory;
use crate::support::network::{self, SILENT};
use crate::support::relay::Relay;
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox, sandbox};
use crate::support::tls::Authority;
use crate::support::wire::{Step, Wire};

const READ: &str = "GetSecretValue";
const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn once(sandbox: Sandbox) -> Sandbox {
    sandbox.env("AWS_MAX_ATTEMPTS", "1")
}

/// Asserts that a launch starts with the last good value, and one warning.
fn is_covered(sandbox: &Sandbox, said: &str) {
    let run = sandbox.run();
    run.launched().has("A", "v").says([
        "warning: ",
        said,
        "answers of the cache are used: secret x, version c0c0c0c0-",
    ]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}

#[test]
fn answers_of_a_failing_service_are_covered() {
    for (outage, said) in [
        (fault::unavailable(), "ServiceUnavailable"),
        (fault::internal_error(), "InternalServiceError"),
        (fault::throttled(), "ThrottlingException"),
        (fault::status(500), "500"),
        (fault::status(502), "502"),
        (fault::retry_after(3600), "503"),
        (fault::page(), "malformed"),
        (fault::another_secret(), "malformed"),
        (fault::clock_skew(), "clock"),
        (Fault::Close, "not reachable"),
        (Fault::Endless, ""),
    ] {
        let (aws, cache) = (served(), CacheDirectory::new());
        let launch = once(cache.with(sandbox(&aws), &[]));
        launch.run().launched_silently();
        let _aws = aws.fails(READ, outage);
        is_covered(&launch, said);
    }
}

#[test]
fn failures_of_one_kind_are_one_warning_and_of_two_kinds_two() {
    let secret = || Secret::json(r#"{"k":"v"}"#);
    let (aws, cache) = (served().secret("y", secret()), CacheDirectory::new());
    let launch = once(cache.with(sandbox(&aws).resolve("B=y:k"), &[]));
    launch.run().launched_silently();
    let aws = aws.secret("x", Secret::failing(fault::unavailable())).secret("y", Secret::failing(fault::status(500)));
    assert_eq!(launch.run().launched().says(["secret x, ", "; secret y, "]).stderr().lines().count(), 1);
    let _aws = aws.secret("y", Secret::failing(fault::throttled()));
    assert_eq!(launch.run().launched().says(["secret x, ", "throttled"]).stderr().lines().count(), 2);
}

#[test]
fn a_service_that_refuses_connections_is_covered() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = once(cache.with(sandbox(&aws), &[]));
    launch.run().launched_silently();
    drop(aws);
    is_covered(&launch, "not reachable");
}

#[test]
fn a_service_that_never_answers_is_covered_long_before_the_deadline() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = |sandbox| cache.with(sandbox, &["--timeout", "1h"]);
    launch(sandbox(&aws)).run().launched_silently();
    let aws = aws.fails(READ, Fault::Hang);
    is_covered(&launch(sandbox(&aws)), "");
    let aws = aws.fails(READ, fault::unavailable());
    is_covered(&launch(sandbox(&aws)), "ServiceUnavailable");
}

#[test]
fn a_service_whose_packets_are_lost_is_covered_long_before_the_deadline() {
    network::alone(|| {
        let (aws, cache) = (served(), CacheDirectory::new());
        // The same address is on this side first, and then on that of the silent link.
        network::sh(&format!("ip addr add {SILENT}/32 dev lo"));
        let relay = Relay::start(SILENT, aws.address());
        let endpoint = format!("http://{}", relay.address());
        let launch = cache.with(sandbox(&aws).endpoint(&endpoint), &["--timeout", "1h"]);
        launch.run().launched_silently();
        network::sh(&format!("ip addr del {SILENT}/32 dev lo"));
        is_covered(&launch, "");
    });
}

#[test]
fn a_broken_handshake_is_covered_and_a_certificate_that_is_not_trusted_is_not() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let cache = CacheDirectory::new();
    let secret = || Secret::json(r#"{"k":"v"}"#);
    let aws = Aws::start_tls(authority.acceptor()).secret("x", secret());
    let relay = Relay::start("127.0.0.1", aws.address());
    let endpoint = format!("https://localhost:{}", relay.address().port());
    let launch = once(cache.with(sandbox(&aws).endpoint(&endpoint), &["--ca-bundle"]).arg(authority.bundle()));
    launch.run().launched_silently();
    // Something else than TLS, and a connection that is cut in the handshake.
    for script in [vec![Step::Greeting, Step::Send(b"SSH-2.0-x\r\n".to_vec())], vec![Step::Greeting, Step::Cut]] {
        let wire = Wire::plain(vec![script]);
        relay.leads_to(([127, 0, 0, 1], wire.port()).into());
        is_covered(&launch, "");
        assert!(wire.connections() > 0);
    }
    let impostor = Aws::start_tls(other.acceptor()).secret("x", secret());
    relay.leads_to(impostor.address());
    launch.run().refused(78).says(["certificate"]);
    // Nothing was said about the secret.
    cache.entry();
    drop(impostor);
    is_covered(&launch, "");
}

#[test]
fn a_secret_that_is_denied_or_gone_is_not_covered_and_its_entry_is_removed() {
    for (answer, status) in [
        (fault::denied("x"), 77),
        (fault::denied_by_kms(), 77),
        (fault::key_out_of_use(), 77),
        (fault::not_found(), 78),
        (fault::marked_for_deletion(), 78),
    ] {
        let (aws, cache) = (served(), CacheDirectory::new());
        let launch = cache.with(sandbox(&aws), &[]);
        launch.run().launched_silently();
        let aws = aws.fails(READ, answer);
        launch.run().refused(status);
        assert!(cache.names().is_empty(), "{:?}", cache.names());
        // Nor is it when AWS fails afterwards.
        drop(aws);
        launch.env("AWS_MAX_ATTEMPTS", "1").run().refused(75);
    }
}

#[test]
fn a_secret_that_has_no_value_any_more_is_not_covered() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws), &[]);
    launch.run().launched_silently();
    let _aws = aws.secret("x", Secret::empty());
    launch.run().refused(78);
    assert!(cache.names().is_empty());
}

#[test]
fn an_absence_that_has_a_default_removes_the_entry_too() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let declaration = "env: { A: { from: \"x:k\", default: d } }\n";
    let launch = once(cache.with(Sandbox::new().aws(&aws).declaration(declaration), &[]));
    launch.run().launched_silently().has("A", "v");
    let aws = aws.fails(READ, fault::not_found());
    launch.run().launched_silently().has("A", "d");
    assert!(cache.names().is_empty());
    drop(aws);
    launch.run().refused(75);
}

#[test]
fn credentials_that_are_missing_are_not_covered_and_remove_nothing() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = || once(cache.with(sandbox(&aws), &[]));
    launch().run().launched_silently();
    let none = launch().env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    none.run().refused(77);
    cache.entry();
}

#[test]
fn expired_credentials_are_not_covered_and_remove_nothing() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = once(cache.with(sandbox(&aws), &[]));
    launch.run().launched_silently();
    let mut aws = aws;
    for refusal in [fault::expired_token(), fault::unrecognized_client()] {
        aws = aws.fails(READ, refusal);
        launch.run().refused(77);
        cache.entry();
    }
    let _aws = aws.fails(READ, fault::unavailable());
    is_covered(&launch, "ServiceUnavailable");
}

#[test]
fn a_source_of_credentials_that_is_down_is_covered() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    let sandbox = sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    let launch = cache.with(sandbox, &["--timeout", "1h"]);
    launch.run().launched_silently();
    let _aws = aws.fails("/credentials", fault::status(503));
    is_covered(&launch, "no AWS credentials");
}

#[test]
fn an_instance_whose_metadata_is_down_is_covered_without_a_region_too() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let sandbox = Sandbox::new()
        .endpoint(&aws.endpoint())
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata())
        .resolve("A=x:k");
    let launch = cache.with(sandbox, &["--timeout", "1h"]);
    launch.run().launched_silently();
    let aws = aws.fails("/latest/api/token", fault::status(503));
    is_covered(&launch, "");
    let calls = aws.calls().len();
    launch.args(["--cache-ttl", "1h"]).run().launched_silently().has("A", "v");
    assert_eq!(aws.calls().len(), calls);
}

#[test]
fn a_role_that_cannot_be_assumed_for_now_is_covered_and_one_that_is_denied_is_not() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws).args(["--role-arn", ROLE, "--timeout", "1h"]), &[]);
    launch.run().launched_silently();
    let aws = aws.fails("AssumeRole", fault::status(503));
    is_covered(&launch, "");
    let _aws = aws.fails("AssumeRole", fault::sts(403, "AccessDenied", "not allowed"));
    launch.run().refused(77);
    cache.entry();
}

#[test]
fn every_fallback_region_must_have_failed_too() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = |sandbox: Sandbox| once(cache.with(sandbox, &["--fallback-region", "us-west-2"]));
    launch(sandbox(&aws)).run().launched_silently();
    let aws = aws.region_fails("us-east-1", fault::unavailable());
    launch(sandbox(&aws)).run().launched_silently().has("A", "v");
    let aws = aws.region_fails("us-west-2", fault::unavailable());
    is_covered(&launch(sandbox(&aws)), "ServiceUnavailable");
    let aws = aws.region_fails("us-west-2", fault::denied("x"));
    launch(sandbox(&aws)).run().refused(75);
    assert!(cache.names().is_empty());
}

#[test]
fn what_is_not_cached_keeps_the_whole_time() {
    // The uncached secret answers after more than the five seconds that the other is retried for.
    let aws = served().secret("y", Secret::json(r#"{"k":"z"}"#));
    let cache = CacheDirectory::new();
    let launch = |sandbox: Sandbox| cache.with(sandbox, &["--timeout", "50s"]);
    launch(sandbox(&aws)).run().launched_silently();
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    let failures = std::iter::repeat_n(fault::retry_after(3), 3);
    let aws = aws.secret("y", Secret::json(r#"{"k":"z"}"#).after(failures));
    let run = launch(sandbox(&aws).resolve("B=y:k")).run();
    run.launched()
        .has("A", "v")
        .has("B", "z")
        .says(["answers of the cache are used: secret x"])
        .says_nothing_of("secret y");
}

#[test]
fn a_value_that_no_entry_covers_keeps_the_command_from_starting() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let aws = aws.fails(READ, fault::unavailable());
    let run = once(cache.with(sandbox(&aws).resolve("B=y:k"), &[])).run();
    run.refused(75).says(["secret y", "1 value could not be read"]);
}

#[test]
fn parameters_are_covered_and_denied_as_secrets_are() {
    let cache = CacheDirectory::new();
    let aws = Aws::start().parameter("/p/a", &[Version::text(CANARY)]).parameter("/p/b", &[Version::text(CANARY)]);
    let launch = once(cache.with(Sandbox::new().aws(&aws).resolve("A=ssm:/p/a").resolve("B=ssm:/p/b"), &[]));
    launch.run().launched_silently();
    assert_eq!((aws.calls().len(), cache.names().len()), (1, 2));
    let aws = aws.fails("GetParameters", fault::unavailable());
    launch.run().launched().has("A", CANARY).has("B", CANARY).says(["parameter /p/a", "parameter /p/b"]);
    drop(aws);
    launch.run().launched().has("A", CANARY).has("B", CANARY);
}

#[test]
fn while_waiting_for_the_network_the_cache_answers_after_five_seconds() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws), &["--wait", "1h"]);
    launch.run().launched_silently();
    drop(aws);
    is_covered(&launch, "not reachable");
}

#[test]
fn a_service_that_recovers_within_the_five_seconds_is_not_covered() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws), &[]);
    launch.run().launched_silently();
    let aws = aws.secret("x", Secret::json(r#"{"k":"new"}"#)).fails_first(READ, 2, fault::unavailable());
    launch.run().launched_silently().has("A", "new");
    drop(aws);
}

#[test]
fn a_denial_in_a_fallback_region_removes_no_entry_of_the_own_region() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = |sandbox: Sandbox| once(cache.with(sandbox, &["--fallback-region", "us-west-2"]));
    launch(sandbox(&aws)).run().launched_silently();
    let aws = aws.region_fails("us-east-1", fault::unavailable()).region_fails("us-west-2", fault::denied("x"));
    launch(sandbox(&aws)).run().refused(75);
    cache.entry();
    let aws = aws.region_fails("us-west-2", fault::unavailable());
    is_covered(&launch(sandbox(&aws)), "ServiceUnavailable");
}

#[test]
fn an_instance_whose_metadata_is_out_of_reach_is_covered_and_one_that_is_switched_off_is_not() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = || {
        let sandbox = Sandbox::new().endpoint(&aws.endpoint()).resolve("A=x:k");
        let sandbox = sandbox.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
        cache.with(sandbox, &["--timeout", "1h"])
    };
    let (with, without) = (launch().env_remove("AWS_EC2_METADATA_DISABLED"), launch());
    let region = |sandbox: Sandbox| sandbox.region("us-east-1");
    let (with_region, without_region) = (region(launch().env_remove("AWS_EC2_METADATA_DISABLED")), region(launch()));
    with.run().launched_silently();
    with_region.run().launched_silently();
    drop(aws);
    is_covered(&with, "not reachable");
    is_covered(&with_region, "no AWS credentials");
    without.run().refused(78);
    without_region.run().refused(77);
}

#[test]
fn a_slow_credential_process_is_no_outage() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let answer = format!(r#"{{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"{ACCESS_SECRET}"}}"#);
    let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
    let sandbox = sandbox.executable("slow.sh", format!("#!/bin/sh\nsleep 6\necho '{answer}'"));
    let config = format!("[default]\ncredential_process = {}\n", sandbox.path("slow.sh").display());
    let launch = cache.with(sandbox.home_file(".aws/config", &config), &["--timeout", "1h"]);
    launch.run().launched_silently();
    let _aws = aws.secret("x", Secret::json(r#"{"k":"new"}"#));
    launch.run().launched_silently().has("A", "new");
}
