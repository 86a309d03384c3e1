//! `--cache`: a launch uses what AWS answered an earlier one, as long as the limits allow.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::support::aws::fault;
use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::aws::{Aws, Version};
use crate::support::cache::{CacheDirectory, can_be_later, later};
use crate::support::running::Running;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

const TTL: [&str; 2] = ["--cache-ttl", "1h"];

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v","l":"w"}"#))
}

/// A launch whose requests fail at the first attempt.
fn once(aws: &Aws) -> Sandbox {
    sandbox(aws).env("AWS_MAX_ATTEMPTS", "1")
}

#[test]
fn an_answer_younger_than_the_ttl_needs_no_request_whatever_key_is_wanted() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently().has("A", "v");
    let run = cache.with(sandbox(&aws).resolve("B=x:l"), &TTL).run();
    run.launched_silently().has("A", "v").has("B", "w");
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn without_a_ttl_every_launch_asks() {
    let (aws, cache) = (served(), CacheDirectory::new());
    for _ in 0..2 {
        cache.with(sandbox(&aws), &[]).run().launched_silently();
        cache.with(sandbox(&aws), &["--cache-ttl", "0s"]).run().launched_silently();
    }
    assert_eq!(aws.calls().len(), 4);
}

#[test]
fn an_answer_as_old_as_the_ttl_is_asked_for_again() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    for (seconds, requests) in [(0, 1), (3500, 1), (3601, 2), (7100, 2), (7300, 3)] {
        later(cache.with(sandbox(&aws), &TTL), seconds).run().launched_silently().has("A", "v");
        assert_eq!(aws.calls().len(), requests, "after {seconds} s");
    }
}

#[test]
fn a_launch_each_minute_of_an_hour_asks_six_times_with_a_ttl_of_ten_minutes() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    for minute in 0..60 {
        let sandbox = cache.with(sandbox(&aws), &["--cache-ttl", "10m"]);
        later(sandbox, minute * 60).run().launched_silently().has("A", "v");
    }
    assert_eq!(aws.calls().len(), 6);
}

#[test]
fn a_good_answer_replaces_an_old_one() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched().has("A", "v");
    let aws = aws.secret("x", Secret::json(r#"{"k":"new"}"#));
    cache.with(sandbox(&aws), &[]).run().launched().has("A", "new");
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    cache.with(once(&aws), &[]).run().launched().has("A", "new");
}

#[test]
fn an_answer_covers_an_outage_for_a_day_unless_another_time_is_given() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched();
    let aws = aws.secret("x", Secret::failing(fault::unavailable()));
    let hours = |hours: i64, options: &[&str]| later(cache.with(once(&aws), options), hours * 3600).run();
    hours(23, &[]).launched().has("A", "v").says(["warning", "secret x", CURRENT_ID, "23h"]);
    hours(25, &[]).refused(75);
    hours(2, &["--cache-stale", "1h"]).refused(75);
    hours(0, &["--cache-stale", "0s"]).refused(75);
    // An entry that is too old for one launch is left to the next.
    hours(47, &["--cache-stale", "2days"]).launched().has("A", "v").says(["1day 23h"]);
}

#[test]
fn the_warning_is_one_line_that_names_each_answer_and_quiet_hides_it() {
    let aws = served().secret("y", Secret::json(r#"{"k":"z"}"#));
    let cache = CacheDirectory::new();
    cache.with(sandbox(&aws).resolve("B=y:k"), &[]).run().launched_silently();
    let down = aws.fails("GetSecretValue", fault::unavailable());
    let run = cache.with(once(&down).resolve("B=y:k"), &[]).run();
    run.launched().has("A", "v").has("B", "z").says([
        "warning: ",
        "ServiceUnavailable",
        "secret x, version c0c0",
        "secret y, ",
    ]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
    cache.with(once(&down).resolve("B=y:k"), &["-q"]).run().launched_silently();
}

#[test]
fn verbose_says_what_came_from_the_cache_and_how_old_it_is() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = || cache.with(sandbox(&aws), &["-v", "--cache-ttl", "1h"]);
    launch().run().launched().says(["region us-east-1"]).says_nothing_of("cache");
    later(launch(), 754).run().launched().says(["secret x", "region us-east-1, from the cache, 12m 3"]);
}

#[test]
fn a_parameter_and_a_path_are_cached_as_well() {
    let aws = Aws::start()
        .parameter("/app/key", &[Version::text(CANARY)])
        .parameter("/app/other/b", &[Version::text(CANARY)]);
    let cache = CacheDirectory::new();
    let launch = || Sandbox::new().aws(&aws).resolve("A=ssm:/app/key").args(["--env-from", "ssm:/app/"]);
    for _ in 0..2 {
        let run = cache.with(launch(), &TTL).run();
        run.launched_silently().has("A", CANARY).has("KEY", CANARY).has("OTHER_B", CANARY);
    }
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn a_binary_secret_and_an_empty_one_are_the_same_from_the_cache() {
    let aws = Aws::start().secret("x", Secret::binary([0_u8, 255, 10, 13])).secret("empty", Secret::bare(""));
    let cache = CacheDirectory::new();
    let declaration = "env: { A: { from: x, encode: base64 }, E: empty }\n";
    for _ in 0..2 {
        let sandbox = Sandbox::new().aws(&aws).declaration(declaration);
        cache.with(sandbox, &TTL).run().launched_silently().has("A", "AP8KDQ==").has("E", "");
    }
    assert_eq!(aws.calls().len(), 2);
}

#[test]
fn an_entry_is_private_and_its_name_says_nothing() {
    let aws = Aws::start().secret("prod/name", Secret::json(r#"{"k":"v"}"#));
    let cache = CacheDirectory::new();
    cache.with(Sandbox::new().aws(&aws).resolve("A=prod/name:k"), &[]).run().launched();
    let entry = cache.entry();
    let metadata = fs::symlink_metadata(&entry).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o7777, metadata.nlink()), (0o600, 1));
    let name = entry.file_name().unwrap().to_str().unwrap();
    assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    let content = fs::read(&entry).unwrap();
    let holds = |text: &str| content.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(CANARY) && !holds("AKIAIOSFODNN7EXAMPLE") && !holds("/access"));
}

#[test]
fn a_mask_that_takes_bits_away_does_not_keep_the_entry_from_being_used() {
    let (aws, cache) = (served(), CacheDirectory::new());
    for _ in 0..2 {
        cache.with(sandbox(&aws), &TTL).prepared_by("umask 0777; exec \"$@\"").run().launched_silently().has("A", "v");
    }
    assert_eq!(fs::symlink_metadata(cache.entry()).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn two_hundred_launches_at_once_leave_one_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let sandboxes: Vec<Sandbox> = (0..200).map(|_| cache.with(sandbox(&aws), &[])).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_silently().has("A", "v");
    }
    cache.entry();
    let asked = aws.calls().len();
    cache.with(sandbox(&aws), &TTL).run().launched_silently().has("A", "v");
    assert_eq!(aws.calls().len(), asked);
}

/// Adds the seconds of `OFFSET` to the clock that can be set.
const ANOTHER_TIME: &str = "#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, \"clock_gettime\");
    int result = real(clock, time);
    if (clock == CLOCK_REALTIME && getenv(\"OFFSET\")) time->tv_sec += atoll(getenv(\"OFFSET\"));
    return result;
}
";

#[test]
fn setting_the_clock_changes_no_age() {
    if !skip::can(&["cc", "--version"], "another time of the day") {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    let at = |offset: &str, options: &[&str]| {
        let sandbox = cache.with(sandbox(&aws), options).file("time.c", ANOTHER_TIME).env("OFFSET", offset);
        let (source, library) = (sandbox.path("time.c"), sandbox.path("time.so"));
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source);
        assert!(compile.status().unwrap().success());
        sandbox.env("LD_PRELOAD", library).run().launched_silently().has("A", "v");
    };
    let decade = "315360000";
    at(decade, &[]);
    let signed = aws.only_read().header("x-amz-date").unwrap().to_owned();
    at("0", &["--cache-ttl", "1m"]);
    at("-315360000", &["--cache-ttl", "1m"]);
    at("630720000", &["--cache-ttl", "1m"]);
    if aws.calls().len() > 1 || signed.as_str() < "2036" {
        // A static binary has a clock of its own.
        assert!(signed.as_str() < "2036", "asked again after the clock was set");
        skip::skipped("another time of the day: the binary loads no library");
    }
}
