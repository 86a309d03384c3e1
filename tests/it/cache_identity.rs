//! Whose answers are cached: another identity, endpoint, region or version never gets what the first one read.

use std::fs;

use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::aws::{Aws, CONTAINER_KEY, INSTANCE_KEY, ROLE_KEY, fault};
use crate::support::cache::CacheDirectory;
use crate::support::directory::Directory;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox, sandbox};

const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";
const OTHER_ROLE: &str = "arn:aws:iam::210987654321:role/Writer";

fn served() -> Aws {
    let secret = || Secret::json(r#"{"k":"v"}"#);
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    Aws::start().secret("x", secret().previous(secret())).secret(arn, secret())
}

/// Asserts that no launch is served by what another one read, and that each is served by what it read itself.
fn are_apart(aws: &Aws, launches: impl IntoIterator<Item = Sandbox>) {
    let cache = CacheDirectory::new();
    let launches: Vec<_> = launches.into_iter().map(|launch| cache.with(launch, &["--cache-ttl", "1h"])).collect();
    for (index, launch) in launches.iter().enumerate() {
        let reads = aws.reads().len();
        launch.run().launched_silently();
        assert_eq!(aws.reads().len(), reads + 1, "launch {index} was served by an earlier one");
    }
    let calls = aws.calls().len();
    for launch in launches {
        launch.run().launched_silently();
    }
    assert_eq!(aws.calls().len(), calls);
}

/// A launch without credentials.
fn without_credentials(aws: &Aws) -> Sandbox {
    Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k")
}

fn config(key: &str) -> String {
    format!("[profile one]\naws_access_key_id = {key}\naws_secret_access_key = {ACCESS_SECRET}\n")
}

#[test]
fn other_keys_in_the_environment() {
    let aws = served();
    let keys = ["AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7ANOTHER"];
    are_apart(&aws, keys.map(|key| sandbox(&aws).env("AWS_ACCESS_KEY_ID", key)));
}

#[test]
fn another_session_of_the_same_key_is_the_same_caller() {
    let (aws, cache) = (served(), CacheDirectory::new());
    for token in ["one", "two"] {
        let launch = sandbox(&aws).env("AWS_SESSION_TOKEN", token);
        cache.with(launch, &["--cache-ttl", "1h"]).run().launched_silently();
    }
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn another_profile() {
    let aws = served();
    let profiles = config("AKIAONE") + &config("AKIAONE").replace("one", "two");
    let launch = || without_credentials(&aws).home_file(".aws/config", &profiles);
    are_apart(&aws, [launch().env("AWS_PROFILE", "one"), launch().args(["--profile", "two"]), sandbox(&aws)]);
}

#[test]
fn a_profile_with_other_keys_or_of_another_file() {
    let aws = served();
    let (one, other) = (Directory::new(), Directory::new());
    let cache = CacheDirectory::new();
    let mut reads = 0;
    for (directory, key) in [(&one, "AKIAONE"), (&one, "AKIATWO"), (&other, "AKIATWO")] {
        let file = directory.path().join("config");
        fs::write(&file, config(key)).unwrap();
        reads += 1;
        for _ in 0..2 {
            let launch = without_credentials(&aws).env("HOME", one.path()).env("AWS_PROFILE", "one");
            let launch = launch.env("AWS_CONFIG_FILE", &file);
            cache.with(launch, &["--cache-ttl", "1h"]).run().launched_silently();
            assert_eq!(aws.calls().len(), reads, "{key}");
        }
    }
}

#[test]
fn another_role_of_a_profile() {
    let aws = served();
    let launch = |name: &str| {
        let role = |name, role| format!("[profile {name}]\nrole_arn = {role}\nsource_profile = one\n");
        let profiles = config("AKIAONE") + &role("reader", ROLE) + &role("writer", OTHER_ROLE);
        without_credentials(&aws).home_file(".aws/config", &profiles).env("AWS_PROFILE", name)
    };
    are_apart(&aws, ["one", "reader", "writer"].map(launch));
}

#[test]
fn another_role_and_another_external_id() {
    let aws = served();
    let with = |options: &[&str]| sandbox(&aws).args(options);
    are_apart(
        &aws,
        [
            with(&[]),
            with(&["--role-arn", ROLE]),
            with(&["--role-arn", OTHER_ROLE]),
            with(&["--role-arn", ROLE, "--external-id", "one"]),
            with(&["--role-arn", ROLE, "--external-id", "two"]),
        ],
    );
}

#[test]
fn another_web_identity() {
    let aws = served();
    let launch = |role| {
        let sandbox = without_credentials(&aws).file("token", "token-of-the-test").env("AWS_ROLE_ARN", role);
        sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
    };
    are_apart(&aws, [ROLE, OTHER_ROLE].map(launch));
    assert_eq!(aws.reads()[0].access_key(), ROLE_KEY);
}

#[test]
fn another_container() {
    let aws = served();
    let launch = |end: &str| {
        let url = aws.container_credentials() + end;
        without_credentials(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
    };
    are_apart(&aws, ["", "?task=2"].map(launch));
    assert_eq!(aws.reads()[0].access_key(), CONTAINER_KEY);
}

#[test]
fn a_container_an_instance_and_keys() {
    let aws = served();
    let instance = without_credentials(&aws)
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.instance_metadata());
    let container = without_credentials(&aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials());
    are_apart(&aws, [instance, container, sandbox(&aws)]);
    assert_eq!(aws.reads()[0].access_key(), INSTANCE_KEY);
}

#[test]
fn another_region_stage_version_or_name() {
    let aws = served();
    let of = |reference: &str| Sandbox::new().aws(&aws).resolve(&format!("A={reference}"));
    are_apart(
        &aws,
        [
            of("x:k"),
            of("x:k").region("eu-west-1"),
            of("x:k:AWSPREVIOUS"),
            of(&format!("x:k::{CURRENT_ID}")),
            of(&format!("x:k:AWSCURRENT:{CURRENT_ID}")),
            of("arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf:k"),
        ],
    );
}

#[test]
fn another_endpoint() {
    let (aws, other, cache) = (served(), served(), CacheDirectory::new());
    for aws in [&aws, &other] {
        cache.with(sandbox(aws), &["--cache-ttl", "1h"]).run().launched_silently();
        assert_eq!(aws.calls().len(), 1);
    }
}

#[test]
fn the_same_request_by_other_words_is_the_same_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launches = [
        sandbox(&aws),
        sandbox(&aws).env_remove("AWS_REGION").args(["--region", "us-east-1"]),
        Sandbox::new().aws(&aws).resolve("A=x:k:AWSCURRENT"),
        sandbox(&aws).args(["--endpoint-url", &aws.endpoint()]),
    ];
    for launch in launches {
        cache.with(launch, &["--cache-ttl", "1h"]).run().launched_silently().has("A", "v");
    }
    assert_eq!(aws.calls().len(), 1);
    cache.entry();
}

#[test]
fn keys_that_are_incomplete_are_served_by_nothing() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &["--cache-ttl", "1h"]).run().launched_silently();
    let half = sandbox(&aws).env_remove("AWS_SECRET_ACCESS_KEY");
    cache.with(half, &["--cache-ttl", "1h"]).run().refused(77);
    let none = sandbox(&aws).env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_ACCESS_KEY_ID");
    cache.with(none, &["--cache-ttl", "1h"]).run().refused(77);
}

#[test]
fn a_relative_credential_process_in_another_directory() {
    let (aws, home) = (served(), Directory::new());
    let config = home.path().join("config");
    fs::write(&config, "[default]\ncredential_process = ./credentials.sh\n").unwrap();
    let answer = format!(r#"{{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"{ACCESS_SECRET}"}}"#);
    let launch = |_| {
        let process = format!("#!/bin/sh\necho '{answer}'");
        let sandbox = without_credentials(&aws).executable("credentials.sh", process);
        sandbox.env("HOME", home.path()).env("AWS_CONFIG_FILE", &config)
    };
    are_apart(&aws, [1, 2].map(launch));
}

#[test]
fn an_answer_of_a_fallback_region_is_for_launches_that_name_it() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let aws = aws.region_fails("us-east-1", fault::unavailable());
    let launch = |options: &[&str]| cache.with(sandbox(&aws).env("AWS_MAX_ATTEMPTS", "1").args(options), &[]);
    launch(&["--fallback-region", "us-west-2"]).run().launched_silently();
    launch(&["--cache-ttl", "1h"]).run().refused(75);
    launch(&["--cache-ttl", "1h", "--fallback-region", "us-west-2"]).run().launched_silently();
}
