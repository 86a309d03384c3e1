//! `pattern` with values that boto3 stores: a placeholder is refused, also from the cache and in a rotation, until the right value is stored.

use std::fs;

use nix::sys::signal::Signal;

use super::moto::Moto;
use super::rotation::until;
use crate::support::directory::CacheDirectory;
use crate::support::record;
use crate::support::sandbox::Sandbox;

const PLACEHOLDER: &str = "CHANGE_ME_4c7a1e";

/// moto answers a request without a stage from another record after a change, so the reference names AWSCURRENT.
fn with_pattern(moto: &Moto, secret: &str) -> Sandbox {
    let entry = format!("{{ from: \"{secret}::AWSCURRENT\", pattern: \"^sk_live_\" }}");
    moto.sandbox()
        .declaration(&format!("env: {{ API_KEY: {entry} }}\n"))
}

#[test]
fn a_placeholder_that_boto3_has_stored_is_refused_until_the_right_value_is_stored_despite_the_cache()
 {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("pattern/launch", PLACEHOLDER);
    let cache = CacheDirectory::new();
    let launch = || cache.with(with_pattern(moto, "pattern/launch"), &["--cache-ttl", "1h"]);
    launch().run().refused(78).says([
        "the value of the secret \"pattern/launch\" does not match the pattern \"^sk_live_\"",
    ]);

    moto.put("pattern/launch", "sk_live_4c7a1e", &[]);
    let started = launch().script("echo \"$API_KEY\"").prints_values().run();
    assert_eq!(started.launched_silently().stdout(), "sk_live_4c7a1e\n");
}

#[test]
fn a_placeholder_that_boto3_stores_leaves_the_command_running_with_its_value() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("pattern/rotation", "sk_live_4c7a1e");
    let sandbox = with_pattern(moto, "pattern/rotation")
        .args(["--on-rotation", "restart", "--poll-signal", "USR2"])
        .through(["sh", "-c", "exec \"$@\" 2>log", "sh"])
        .script("echo start $API_KEY >>record; exec sleep 1000");
    let running = sandbox.spawn();
    record::await_lines(&sandbox, 1);
    moto.put("pattern/rotation", PLACEHOLDER, &[]);
    running.signal(Signal::SIGUSR2);
    // Without a value, as the sandbox asserts of the file.
    let log = || fs::read_to_string(sandbox.path("log")).unwrap();
    until("a failed poll", || log().contains("a poll failed"));
    let reason = "does not match the pattern \"^sk_live_\"";
    assert!(log().contains(reason), "{}", log());

    moto.put("pattern/rotation", "sk_live_4c7a1e_2", &[]);
    running.signal(Signal::SIGUSR2);
    let starts = record::await_lines(&sandbox, 2);
    assert_eq!(starts, ["start sk_live_4c7a1e", "start sk_live_4c7a1e_2"]);
    running.signal(Signal::SIGTERM);
    running.wait();
}
