//! Whose answers are cached: another identity, endpoint, region or version never gets what the first one read.

use crate::support::*;

const OTHER_ROLE: &str = "arn:aws:iam::210987654321:role/Writer";
const TTL: [&str; 2] = ["--cache-ttl", "1h"];

fn by_name_and_arn() -> Aws {
    let secret = || Secret::text(r#"{"k":"v-4c7a1e"}"#);
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    Aws::start().secret("x", secret().previous(secret())).secret(arn, secret())
}

fn profile(name: &str, key: &str) -> String {
    format!("[profile {name}]\n{}", pair(key))
}

#[test]
fn no_launch_is_served_by_what_another_launch_read() {
    let aws = by_name_and_arn();
    let role = |name, role| format!("[profile {name}]\nrole_arn = {role}\nsource_profile = one\n");
    let profiles = profile("one", "AKIAONE") + &profile("two", "AKIAONE");
    let roles = profile("one", "AKIAONE") + &role("reader", ROLE) + &role("writer", OTHER_ROLE);
    let files = Directory::new();
    let file = |name: &str, key: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, profile("one", key)).unwrap();
        path
    };
    let (one, other) = (file("one", "AKIAONE"), file("other", "AKIATWO"));
    let of = |reference: &str| Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
    let web_identity = |role| {
        let sandbox = keyless(&aws).web_identity().env("AWS_ROLE_ARN", role);
        sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
    };
    let task = aws.container_credentials() + "?task=2";
    let named = |name: &str| keyless(&aws).config(&roles).env("AWS_PROFILE", name);
    for (case, launches) in [
        ("other keys", vec![sandbox(&aws), sandbox(&aws).env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7ANOTHER")]),
        (
            "another profile",
            vec![
                keyless(&aws).config(&profiles).env("AWS_PROFILE", "one"),
                keyless(&aws).config(&profiles).args(["--profile", "two"]),
                sandbox(&aws),
            ],
        ),
        (
            "a profile of the option, and of the variable that keys precede",
            vec![
                sandbox(&aws).env("AWS_CONFIG_FILE", &one).env("AWS_PROFILE", "one"),
                sandbox(&aws).env("AWS_CONFIG_FILE", &one).args(["--profile", "one"]),
            ],
        ),
        (
            "a profile of another file",
            vec![
                keyless(&aws).env("AWS_CONFIG_FILE", &one).env("AWS_PROFILE", "one"),
                keyless(&aws).env("AWS_CONFIG_FILE", &other).env("AWS_PROFILE", "one"),
            ],
        ),
        ("another role of a profile", ["one", "reader", "writer"].map(named).into()),
        (
            "another role, another external id",
            vec![
                sandbox(&aws),
                sandbox(&aws).args(["--role-arn", ROLE]),
                sandbox(&aws).args(["--role-arn", OTHER_ROLE]),
                sandbox(&aws).args(["--role-arn", ROLE, "--external-id", "one"]),
                sandbox(&aws).args(["--role-arn", ROLE, "--external-id", "two"]),
            ],
        ),
        ("another web identity", [ROLE, OTHER_ROLE].map(web_identity).into()),
        (
            "a container, another one, an instance and keys",
            vec![
                keyless(&aws).in_container(&aws),
                keyless(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", task),
                keyless(&aws).on_instance(&aws),
                sandbox(&aws),
            ],
        ),
        (
            "another region, stage, version or name",
            vec![
                of("x:k"),
                of("x:k").region("eu-west-1"),
                of("x:k:AWSPREVIOUS"),
                of(&format!("x:k::{CURRENT_ID}")),
                of(&format!("x:k:AWSCURRENT:{CURRENT_ID}")),
                of("arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k"),
            ],
        ),
        ("another endpoint", vec![sandbox(&aws), sandbox(&aws).endpoint(&aws.agent())]),
    ] {
        let cache = CacheDirectory::new();
        let launches: Vec<_> = launches.into_iter().map(|launch| cache.with(launch.case(case), &TTL)).collect();
        for (index, launch) in launches.iter().enumerate() {
            let reads = aws.reads().len();
            launch.run().launched_silently();
            assert_eq!(aws.reads().len(), reads + 1, "{case}: launch {index} was served by an earlier one");
        }
        let calls = aws.calls().len();
        for launch in launches {
            launch.run().launched_silently();
        }
        assert_eq!(aws.calls().len(), calls, "{case}: not each launch was served by what it read itself");
    }
}

#[test]
fn the_same_request_by_other_words_or_in_another_session_is_the_same_entry() {
    let (aws, cache) = (by_name_and_arn(), CacheDirectory::new());
    for launch in [
        sandbox(&aws),
        sandbox(&aws).env("AWS_SESSION_TOKEN", "one"),
        sandbox(&aws).env("AWS_SESSION_TOKEN", "two"),
        sandbox(&aws).env_remove("AWS_REGION").args(["--region", "us-east-1"]),
        Sandbox::new().aws(&aws).resolve("A=x:k:AWSCURRENT"),
        sandbox(&aws).args(["--endpoint-url", &aws.endpoint()]),
    ] {
        cache.with(launch, &TTL).run().launched_silently().has("A", "v-4c7a1e");
    }
    assert_eq!(aws.calls().len(), 1);
    assert!(!std::fs::read(cache.entry()).unwrap().windows(KEY.len()).any(|window| window == KEY.as_bytes()));
    cache.with(sandbox(&aws).without_keys(), &TTL).run().refused(77);
}

#[test]
fn an_answer_of_a_fallback_region_is_for_launches_that_name_it() {
    let (aws, cache) = (by_name_and_arn(), CacheDirectory::new());
    let aws = aws.region_fails("us-east-1", fault::unavailable());
    let launch = |options: &[&str]| cache.with(sandbox(&aws).attempts(1).args(options), &[]);
    launch(&["--fallback-region", "us-west-2"]).run().launched_silently();
    launch(&TTL).run().refused(75);
    launch(&["--cache-ttl", "1h", "--fallback-region", "us-west-2"]).run().launched_silently();
}
