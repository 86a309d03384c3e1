//! `--cache`: within the limits, a launch uses what AWS answered an earlier launch.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::*;

::rows::rows!("tests/it/cache/launch.rows");

const TTL: [&str; 2] = ["--cache-ttl", "1h"];

#[test]
fn a_secret_is_requested_again_if_its_cached_answer_is_older_than_the_ttl() {
    let cache = or_skip!(CacheDirectory::for_later());
    let aws = served();
    for (seconds, requests) in [(0, 1), (3500, 1), (3601, 2), (7100, 2), (7300, 3)] {
        later(cache.with(sandbox(&aws), &TTL), seconds)
            .run()
            .launched_with_value();
        assert_eq!(aws.calls().len(), requests, "after {seconds} s");
    }
}

#[test]
fn parameters_paths_bytes_and_empty_values_are_the_same_from_the_cache_as_from_aws() {
    let (key, other) = ([Version::text(CANARY)], [Version::text(CANARY)]);
    let aws = Aws::start()
        .parameter("/app/key", &key)
        .parameter("/app/other/b", &other);
    let aws = aws
        .secret("x", Secret::binary([0_u8, 255, 10, 13]))
        .secret("empty", Secret::text(""));
    let cache = CacheDirectory::new();
    let declaration = "env: { A: { from: x, encode: base64 }, E: empty, P: ssm:/app/key }\n";
    for _ in 0..2 {
        let sandbox = Sandbox::new()
            .aws(&aws)
            .declaration(declaration)
            .args(["--env-from", "ssm:/app/"]);
        let run = cache.with(sandbox, &TTL).run();
        assert_eq!(
            run.stderr(),
            "secrets-exec: warning: an empty value was read for E (secrets-exec.yaml:1, empty)\n"
        );
        run.launched()
            .has("A", "AP8KDQ==")
            .has("E", "")
            .has("P", CANARY);
        run.has("KEY", CANARY).has("OTHER_B", CANARY);
    }
    assert_eq!(aws.calls().len(), 4);
}

#[test]
fn only_its_user_can_read_a_cache_entry_which_contains_no_credentials_and_has_a_hash_as_its_name() {
    let aws = Aws::start().secret("prod/name", Secret::text(r#"{"k":"v-4c7a1e"}"#));
    let cache = CacheDirectory::new();
    let launch = cache.with(Sandbox::new().aws(&aws).resolve("A=prod/name:k"), &TTL);
    // An entry can be used even if the umask removes all permissions.
    let launch = launch.prepared_by("umask 0777; exec \"$@\"");
    launch.run().launched_silently();
    launch.run().launched_silently();
    assert_eq!(aws.calls().len(), 1);
    let entry = cache.entry();
    let metadata = fs::symlink_metadata(&entry).unwrap();
    assert_eq!(
        (metadata.permissions().mode() & 0o7777, metadata.nlink()),
        (0o600, 1)
    );
    let name = entry.file_name().unwrap().to_str().unwrap();
    assert!(
        name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{name}"
    );
    let content = fs::read(&entry).unwrap();
    let holds = |text: &str| {
        content
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds("v-4c7a1e") && !holds("AKIAIOSFODNN7EXAMPLE") && !holds("/access"));
}

#[test]
fn two_hundred_launches_at_once_all_start_and_leave_one_good_cache_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let sandboxes: Vec<Sandbox> = (0..200).map(|_| cache.with(sandbox(&aws), &[])).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_with_value();
    }
    cache.entry();
    let asked = aws.calls().len();
    cache.with(sandbox(&aws), &TTL).run().launched_with_value();
    assert_eq!(aws.calls().len(), asked);
}
