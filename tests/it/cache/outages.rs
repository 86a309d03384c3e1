//! AWS is unavailable, in every way, or says that a value is denied or absent: the cache covers the former and never the latter.

use crate::support::network::SILENT;
use crate::support::*;

const READ: &str = "GetSecretValue";
const TOKEN: &str = "/latest/api/token";
const LONG: [&str; 2] = ["--timeout", "1h"];

fn secret() -> Secret {
    Secret::text(r#"{"k":"v-4c7a1e"}"#)
}

/// A launch that has filled the cache.
fn filled(cache: &CacheDirectory, sandbox: Sandbox, options: &[&str]) -> Sandbox {
    let launch = cache.with(sandbox, options);
    launch.run().launched_silently();
    launch
}

/// Asserts that a launch starts with the last good value, and one warning.
fn is_covered(sandbox: &Sandbox, said: &str) {
    let run = sandbox.run();
    run.launched().has("A", "v-4c7a1e").says([
        "warning: ",
        said,
        "answers of the cache are used: secret x, version c0c0c0c0-",
    ]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}

#[test]
fn failures_of_one_kind_are_one_warning_and_of_two_kinds_two() {
    let (aws, cache) = (served().secret("y", secret()), CacheDirectory::new());
    let launch = filled(&cache, sandbox(&aws).resolve("B=y:k").attempts(1), &[]);
    let aws = aws.secret("x", Secret::failing(fault::unavailable())).secret("y", Secret::failing(fault::status(500)));
    assert_eq!(launch.run().launched().says(["secret x, ", "; secret y, "]).stderr().lines().count(), 1);
    let _aws = aws.secret("y", Secret::failing(fault::throttled()));
    assert_eq!(launch.run().launched().says(["secret x, ", "throttled"]).stderr().lines().count(), 2);
    launch.arg("-q").run().launched_silently();
}

#[test]
fn a_service_that_never_answers_or_is_gone_is_covered_long_before_the_deadline() {
    side_by_side(
        [
            ("it is silent", Some(Fault::Hang), LONG),
            ("its answer has no end", Some(Fault::Endless), LONG),
            ("it is unavailable", Some(fault::unavailable()), LONG),
            ("it is gone, and waited for", None, ["--wait", "1h"]),
        ],
        |(case, fault, options)| {
            let (aws, cache) = (served(), CacheDirectory::new());
            let launch = filled(&cache, sandbox(&aws).case(case), &options);
            let _aws = fault.map(|fault| aws.fails(READ, fault));
            is_covered(&launch, "");
        },
    );
}

#[test]
fn what_turns_out_to_be_covered_need_not_be_cached() {
    let (aws, cache) = (served().secret("y", Secret::failing(fault::unavailable())), CacheDirectory::new());
    let sandbox = Sandbox::new()
        .aws(&aws)
        .file("a.yaml", "env: { A: y }")
        .file("b.yaml", "env-from: [{ from: x, rename: { k: A } }]");
    let launch = filled(&cache, sandbox.args(["-f", "a.yaml", "-f", "b.yaml"]).attempts(1), &LONG);
    let _aws = aws.fails(READ, Fault::Hang);
    is_covered(&launch, "");
}

#[test]
fn a_service_whose_packets_are_lost_is_covered_long_before_the_deadline() {
    network::alone(|| {
        let (aws, cache) = (served(), CacheDirectory::new());
        // The same address is on this side first, and then on that of the silent link.
        network::sh(&format!("ip addr add {SILENT}/32 dev lo"));
        let relay = Relay::start(SILENT, aws.address());
        let endpoint = format!("http://{}", relay.address());
        let launch = filled(&cache, sandbox(&aws).endpoint(&endpoint), &LONG);
        network::sh(&format!("ip addr del {SILENT}/32 dev lo"));
        is_covered(&launch, "");
    });
}

#[test]
fn a_broken_handshake_is_covered_and_a_certificate_that_is_not_trusted_is_not() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let cache = CacheDirectory::new();
    let aws = Aws::start_tls(authority.acceptor()).secret("x", secret());
    let relay = Relay::start("127.0.0.1", aws.address());
    let endpoint = format!("https://localhost:{}", relay.address().port());
    let sandbox = sandbox(&aws).endpoint(&endpoint).env("AWS_CA_BUNDLE", authority.bundle());
    let launch = filled(&cache, sandbox.attempts(1), &[]);
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
fn an_absence_that_has_a_default_removes_the_entry_too() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let declaration = "env: { A: { from: \"x:k\", default: d } }\n";
    let launch = filled(&cache, Sandbox::new().aws(&aws).declaration(declaration).attempts(1), &[]);
    let aws = aws.fails(READ, fault::not_found());
    launch.run().launched_silently().has("A", "d");
    assert!(cache.names().is_empty());
    let _aws = aws.fails(READ, fault::unavailable());
    launch.run().refused(75);
}

#[test]
fn credentials_that_are_missing_are_not_covered_and_remove_nothing() {
    let (aws, cache) = (served(), CacheDirectory::new());
    filled(&cache, sandbox(&aws), &[]);
    cache.with(sandbox(&aws).without_keys(), &[]).run().refused(77);
    cache.entry();
}

#[test]
fn a_source_of_credentials_that_is_down_is_covered_and_one_that_refuses_is_not() {
    let denied = || Some(fault::sts(403, "AccessDenied", "not allowed"));
    side_by_side(
        [
            ("a container", |aws: &Aws| keyless(aws).in_container(aws), "/credentials", fault::status(503), None),
            ("an instance", |aws| keyless(aws).on_instance(aws), TOKEN, Fault::Hang, None),
            (
                "an instance that has the region as well",
                |aws| keyless(aws).env_remove("AWS_REGION").on_instance(aws),
                TOKEN,
                fault::status(503),
                None,
            ),
            ("a role", |aws| sandbox(aws).args(["--role-arn", ROLE]), "AssumeRole", fault::status(503), denied()),
        ] as [(&str, fn(&Aws) -> Sandbox, &str, Fault, Option<Fault>); 4],
        |(case, sandbox, operation, fault, refusal)| {
            let (aws, cache) = (served(), CacheDirectory::new());
            let launch = filled(&cache, sandbox(&aws).case(case), &LONG);
            let aws = aws.fails(operation, fault);
            let calls = aws.calls().len();
            let fresh = cache.with(sandbox(&aws).case(case), &["--cache-ttl", "1h"]);
            fresh.run().launched_silently().has("A", "v-4c7a1e");
            assert_eq!(aws.calls().len(), calls, "{case}");
            is_covered(&launch, "");
            if let Some(refusal) = refusal {
                let _aws = aws.fails(operation, refusal);
                launch.run().refused(77);
                cache.entry();
            }
        },
    );
    // Metadata that is switched off is no outage.
    let (aws, cache) = (served(), CacheDirectory::new());
    filled(&cache, keyless(&aws).on_instance(&aws), &[]);
    let off = || keyless(&aws).on_instance(&aws).env("AWS_EC2_METADATA_DISABLED", "true");
    cache.with(off(), &[]).run().refused(77);
    cache.with(off().env_remove("AWS_REGION"), &[]).run().refused(78);
}

#[test]
fn every_fallback_region_must_have_failed_too_and_a_denial_removes_its_entry_alone() {
    let failing = |aws: Aws, region| aws.region_fails(region, fault::unavailable());
    for there in [false, true] {
        let (aws, cache) = (served(), CacheDirectory::new());
        let launch = || cache.with(sandbox(&aws).attempts(1), &["--fallback-region", "us-west-2"]);
        launch().run().launched_silently();
        let launch = launch();
        let mut aws = failing(aws, "us-east-1");
        if there {
            launch.run().launched_silently().has("A", "v-4c7a1e");
            aws = failing(aws, "us-west-2");
            is_covered(&launch, "ServiceUnavailable");
        }
        let aws = aws.region_fails("us-west-2", fault::denied("x"));
        launch.run().refused(75);
        assert_eq!(cache.names().is_empty(), there, "{:?}", cache.names());
        if !there {
            let _aws = failing(aws, "us-west-2");
            is_covered(&launch, "ServiceUnavailable");
        }
    }
}

#[test]
fn what_is_not_cached_keeps_the_whole_time_and_keeps_the_command_from_starting() {
    // The uncached secret answers after more than the five seconds that the other is retried for.
    let aws = served().secret("y", secret());
    let cache = CacheDirectory::new();
    filled(&cache, sandbox(&aws), &[]);
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    let failures = std::iter::repeat_n(fault::retry_after(3), 2);
    let aws = aws.secret("y", Secret::text(r#"{"k":"z-4c7a1e"}"#).after(failures));
    let aws = aws.secret("w", Secret::failing(fault::unavailable()));
    let launch = || cache.with(sandbox(&aws).resolve("B=y:k"), &["--timeout", "15s"]);
    let run = launch().run();
    run.launched().has("A", "v-4c7a1e").has("B", "z-4c7a1e").says(["answers of the cache are used: secret x"]);
    run.says_nothing_of("secret y");
    let run = launch().attempts(1).resolve("C=gone:k").run();
    run.refused(78).says(["secret gone", "1 value could not be read"]);
    let run = launch().attempts(1).resolve("C=w:k").run();
    run.refused(75).says(["are used: secret x", "secret w", "note: --cache has no answer to it"]);
}

#[test]
fn parameters_are_covered_as_secrets_are() {
    let cache = CacheDirectory::new();
    let aws = Aws::start().parameter("/p/a", &[Version::text(CANARY)]).parameter("/p/b", &[Version::text(CANARY)]);
    let sandbox = Sandbox::new().aws(&aws).resolve("A=ssm:/p/a").resolve("B=ssm:/p/b");
    let launch = filled(&cache, sandbox.attempts(1), &[]);
    assert_eq!((aws.calls().len(), cache.names().len()), (1, 2));
    let aws = aws.fails("GetParameters", fault::unavailable());
    launch.run().launched().has("A", CANARY).has("B", CANARY).says(["parameter /p/a", "parameter /p/b"]);
    let _aws = aws.fails("GetParameters", Fault::Close);
    launch.run().launched().has("A", CANARY).has("B", CANARY);
}

#[test]
fn a_service_back_within_five_seconds_is_not_covered_and_replaces_the_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = filled(&cache, sandbox(&aws), &[]);
    let aws = aws.secret("x", Secret::text(r#"{"k":"new-4c7a1e"}"#)).fails_first(READ, 2, fault::unavailable());
    launch.run().launched_silently().has("A", "new-4c7a1e");
    let _aws = aws.secret("x", Secret::failing(fault::unavailable()));
    launch.attempts(1).run().launched().has("A", "new-4c7a1e");
}
