//! `check` doesn't wait long for STS, and `check --offline` doesn't open a socket. `requests.rows`
//! has the requests of `check`.

use std::time::Duration;

use super::check;
use crate::support::*;

::rows::rows!("tests/it/check/requests.rows");

/// Four seconds are within the limit that each answer has.
#[test]
fn check_succeeds_with_an_unknown_caller_if_sts_does_not_answer_within_two_seconds() {
    let sts = Aws::start().delayed(Duration::from_secs(4));
    let aws = served();
    let launch = check(&aws).resolve("A=x:k").timeout("1h");
    let run = launch.env("AWS_ENDPOINT_URL_STS", sts.endpoint()).run();
    run.ended(Status::Exit(0));
    let sentence = "The caller is unknown, because STS didn't answer. The credentials come from the environment.";
    assert!(run.stdout().contains(sentence), "{run}");
}

#[test]
fn check_offline_does_not_open_a_socket() {
    let tracing = or_skip!(skip::traced("-f -e trace=network,process"));
    let sandbox = Sandbox::new()
        .args(["check", "--offline"])
        .bare()
        .resolve("A=prod/db:password");
    let sandbox = sandbox.region("us-east-1").through(tracing);
    sandbox.run().ended(Status::Exit(0));
    let calls = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(
        !calls.contains("socket(") && calls.contains("execve("),
        "{calls}"
    );
}
