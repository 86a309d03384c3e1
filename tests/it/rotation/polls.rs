//! Polls: their failures, their credentials, and how often they happen.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::thread;

use nix::unistd::{Pid, getpgid};

use super::*;
use crate::support::aws::fault;
use crate::support::directory::{can_be_later, later};
use crate::support::identity::{HANGING, await_all_ended, processes, with_credential_process};
use crate::support::record::await_fact;

#[test]
fn a_changed_secret_restarts_the_command_even_if_nobody_requests_a_poll() {
    let aws = first_version();
    let sandbox = sandbox(&aws).args(["--on-rotation", "restart", "--poll-interval", "10s"]);
    let run = Rotating::start(sandbox.script(SLEEPER));
    // Waits for the request of the launch, and for that of the first poll. The next poll finds the
    // change.
    aws.await_calls(2);
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
}

#[test]
fn twenty_poll_requests_during_a_poll_cause_only_one_further_poll() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart"));
    aws.rotate("x", secret("v1", "one-4c7a1e").held());
    run.request();
    aws.await_calls(2);
    // The poll that is running may have read the secret before these requests came.
    for _ in 0..20 {
        run.request();
    }
    aws.release();
    aws.await_calls(3);
    run.end();
    // The signature of each request has its time, in seconds.
    let calls = aws.calls();
    let times = calls.iter().map(|call| call.header("x-amz-date"));
    let times: BTreeSet<_> = times.collect();
    assert_eq!((calls.len(), times.len()), (3, 3));
}

#[test]
fn a_poll_that_hangs_causes_a_warning_at_its_timeout_and_the_next_poll_succeeds() {
    let run = Rotating::start(rotating_locally("restart --timeout 5s"));
    let file = run.sandbox.path("local.json");
    fs::remove_file(&file).unwrap();
    named_pipe(&file);
    // Opening the pipe for writing returns when the poll opens it for reading.
    let pipe = file.clone();
    let writer = thread::spawn(move || File::options().write(true).open(pipe).unwrap());
    run.request();
    let writer = writer.join().unwrap();
    // Ctrl-C in the group of secrets-exec reaches neither the command nor the poll.
    for child in run.children() {
        let child = Pid::from_raw(child.parse().unwrap());
        assert_eq!(getpgid(Some(child)), Ok(child));
    }
    await_fact("the end of the poll", || run.children() == [run.command(0)]);
    drop(writer);
    fs::remove_file(&file).unwrap();
    fs::write(&file, local_secret("two")).unwrap();
    run.request();
    run.await_lines(2);
    let reason = "timed out while waiting for the file local.json (--local)";
    run.end()
        .says(["a poll failed", reason, "polls succeed again"]);
}

#[test]
fn each_poll_runs_credential_process_which_never_outlives_secrets_exec() {
    let aws = first_version();
    let script = format!("if [ -e ran ]; then {HANGING}; fi; touch ran; cat answer.json");
    let sandbox = with_credential_process(&aws, &script).script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart"));
    run.request();
    let processes = processes(&run.sandbox);
    // The poll doesn't keep the signal from the command.
    let run = run.end();
    run.ended(Status::Exit(143));
    assert_eq!(run.stderr(), "");
    await_all_ended(&processes);
}

#[test]
fn a_command_keeps_its_new_value_although_a_fallback_region_has_an_older_replica() {
    let aws = first_version();
    let sandbox = rotating(&aws, "restart --fallback-region us-west-2");
    let run = Rotating::start(sandbox.env("AWS_MAX_ATTEMPTS", "1"));
    aws.begin_to_fail_in("us-east-1", fault::status(503));
    run.rotate(&aws, "v0", "older-4c7a1e");
    let calls = aws.calls();
    let regions = calls.iter().map(|call| call.region());
    assert_eq!(regions.collect::<Vec<_>>(), ["us-east-1"; 2]);
    assert_eq!(run.values(1), ["one-4c7a1e"]);
    let failure = "a poll failed, so \"/bin/sh\" keeps its values";
    run.end().says([failure, "a poll asks no fallback region"]);
}

#[test]
fn polls_read_from_aws_and_not_from_the_cache_even_if_the_cache_directory_is_gone() {
    for is_gone in [false, true] {
        let (aws, cache) = (first_version(), CacheDirectory::new());
        let run = Rotating::start(cache.with(rotating(&aws, "restart"), &["--cache-ttl", "1h"]));
        if is_gone {
            fs::remove_dir_all(cache.path()).unwrap();
        }
        aws.rotate("x", secret("v2", "two-4c7a1e"));
        run.request();
        assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
        run.end();
    }
}

#[test]
fn an_answer_that_a_poll_has_cached_is_kept_for_as_long_as_that_of_the_launch() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (first_version(), CacheDirectory::new());
    let aws = aws.secret("y", Secret::text("y-4c7a1e"));
    let run = Rotating::start(cache.with(rotating(&aws, "restart"), &[]));
    run.rotate(&aws, "v2", "two-4c7a1e");
    run.end();
    let other = Sandbox::new().aws(&aws).resolve("B=y");
    let other = later(cache.with(other, &["--cache-stale", "1m"]), 7200);
    other.run().launched();
    assert_eq!(cache.names().len(), 2);
}

#[test]
fn the_warning_about_a_failed_poll_does_not_mention_the_cache() {
    let (aws, cache) = (first_version(), CacheDirectory::new());
    let sandbox = rotating(&aws, "restart").env("AWS_MAX_ATTEMPTS", "1");
    let run = Rotating::start(cache.with(sandbox, &[]));
    aws.begin_to_fail("GetSecretValue", fault::status(503));
    run.poll(&aws);
    let outcome = run.end();
    outcome.says(["a poll failed"]);
    assert!(!outcome.stderr().contains("cache"), "{outcome}");
}
