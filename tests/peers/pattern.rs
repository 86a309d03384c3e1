//! `pattern` with values that boto3 stores. A placeholder is refused until the right value is
//! stored, also if it comes from the cache or during a rotation.

use std::fs;

use nix::sys::signal::Signal;

use super::moto::Moto;
use crate::support::directory::CacheDirectory;
use crate::support::record::{self, await_fact};
use crate::support::sandbox::Sandbox;

const PLACEHOLDER: &str = "CHANGE_ME_4c7a1e";

/// The reference names AWSCURRENT because, after a change, moto answers a request without a stage
/// from another record.
fn with_pattern(moto: &Moto, secret: &str) -> Sandbox {
    let entry = format!("{{ from: \"{secret}::AWSCURRENT\", pattern: \"^sk_live_\" }}");
    moto.sandbox()
        .declaration(&format!("env: {{ API_KEY: {entry} }}\n"))
}

#[test]
fn once_boto3_has_replaced_a_placeholder_with_the_right_value_the_next_launch_gets_it_even_within_cache_ttl()
 {
    let moto = or_skip!(Moto::shared());
    moto.secret("pattern/launch", PLACEHOLDER);
    let cache = CacheDirectory::new();
    let launch = || cache.with(with_pattern(moto, "pattern/launch"), &["--cache-ttl", "1h"]);
    launch()
        .run()
        .refused(78)
        .says(["the value doesn't match the pattern \"^sk_live_\""]);

    moto.put("pattern/launch", "sk_live_4c7a1e");
    let started = launch().script("echo \"$API_KEY\"").prints_values().run();
    assert_eq!(started.launched_silently().stdout(), "sk_live_4c7a1e\n");
}

#[test]
fn the_command_keeps_its_value_if_boto3_stores_a_placeholder_during_a_rotation() {
    let moto = or_skip!(Moto::shared());
    moto.secret("pattern/rotation", "sk_live_4c7a1e");
    let sandbox = with_pattern(moto, "pattern/rotation")
        .args(["--on-rotation", "restart", "--poll-signal", "USR2"])
        .through(["sh", "-c", "exec \"$@\" 2>log", "sh"])
        .script("echo start $API_KEY >>record; exec sleep 1000");
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    moto.put("pattern/rotation", PLACEHOLDER);
    running.signal(Signal::SIGUSR2);
    // The sandbox asserts that this file doesn't contain a value.
    let log = || fs::read_to_string(sandbox.path("log")).unwrap();
    await_fact("a failed poll", || log().contains("a poll failed"));
    let reason = "doesn't match the pattern \"^sk_live_\"";
    assert!(log().contains(reason), "{}", log());

    moto.put("pattern/rotation", "sk_live_4c7a1e_2");
    running.signal(Signal::SIGUSR2);
    let starts = record::await_lines(&sandbox, 2);
    assert_eq!(starts, ["start sk_live_4c7a1e", "start sk_live_4c7a1e_2"]);
    running.signal(Signal::SIGTERM);
    running.wait();
}
