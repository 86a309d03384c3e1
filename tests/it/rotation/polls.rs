//! Polls: their failures, their credentials, and how often they are made.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::thread;

use super::*;
use crate::support::identity::{HANGING, all_end, processes, with_credential_process};
use crate::support::record::await_fact;

#[test]
fn a_change_is_found_by_polls_at_the_poll_interval_without_a_request() {
    let aws = first_version();
    let sandbox = sandbox(&aws).args(["--on-rotation", "restart", "--poll-interval", "10s"]);
    let run = Rotating::start(sandbox.script(SLEEPER));
    // That of the launch, that at a random moment of the first interval, and the next.
    aws.await_calls(2);
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    assert_eq!(run.values(2), ["one-4c7a1e", "two-4c7a1e"]);
    run.end();
}

#[test]
fn twenty_poll_requests_during_a_poll_cause_one_further_poll_a_second_later() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart"));
    aws.rotate("x", secret("v1", "one-4c7a1e").held());
    run.request();
    aws.await_calls(2);
    // That poll may be older than the change that these requests are about.
    for _ in 0..20 {
        run.request();
    }
    aws.release();
    aws.await_calls(3);
    run.end();
    // Each request is signed with its time, in seconds.
    let times: BTreeSet<String> = aws
        .calls()
        .iter()
        .map(|call| call.header("x-amz-date").unwrap().to_owned())
        .collect();
    assert_eq!((aws.calls().len(), times.len()), (3, 3));
}

#[test]
fn a_poll_that_hangs_in_reading_a_file_is_a_warning_at_its_timeout_and_the_next_succeeds() {
    let document = |value: &str| format!(r#"{{"x":{{"k":"{CANARY}/{value}"}}}}"#);
    let sandbox = Sandbox::new()
        .local(&document("one"))
        .resolve("A=x:k")
        .script(SLEEPER);
    let run = Rotating::start(polled_on_request(sandbox, "restart").args(["--timeout", "2s"]));
    let file = run.sandbox.path("local.json");
    fs::remove_file(&file).unwrap();
    named_pipe(&file);
    // Opening it for writing returns when the poll opens it for reading.
    let pipe = file.clone();
    let writer = thread::spawn(move || File::options().write(true).open(pipe).unwrap());
    run.request();
    let writer = writer.join().unwrap();
    await_fact("the end of the poll", || run.children() == [run.command(0)]);
    drop(writer);
    fs::remove_file(&file).unwrap();
    fs::write(&file, document("two")).unwrap();
    run.request();
    run.awaits(2);
    run.end().says([
        "a poll failed",
        "timed out while waiting for the file local.json (--local)",
        "polls succeed again",
    ]);
}

#[test]
fn a_signal_reaches_the_command_while_a_poll_hangs() {
    let aws = first_version();
    let run = Rotating::start(rotating(&aws, "restart").args(["--timeout", "1000h"]));
    aws.begin_to_fail("GetSecretValue", Fault::Hang);
    run.request();
    aws.await_calls(2);
    run.end().ended(Status::Exit(143));
}

#[test]
fn each_poll_runs_credential_process_again_and_a_hanging_one_ends_with_secrets_exec() {
    let aws = first_version();
    let script = format!("if [ -e ran ]; then {HANGING}; fi; touch ran; cat answer.json");
    let run = Rotating::start(polled_on_request(
        with_credential_process(&aws, &script).script(SLEEPER),
        "restart",
    ));
    run.request();
    let processes = processes(&run.sandbox);
    assert_eq!(run.end().stderr(), "");
    all_end(&processes);
}

#[test]
fn polls_ask_aws_despite_the_cache_and_also_when_the_cache_directory_is_gone() {
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
