//! `check` doesn't wait long for STS, and `check --offline` doesn't open a socket. `requests.rows`
//! has the requests of `check`.

use std::time::Duration;

use super::check;
use crate::support::*;

::rows::rows!("tests/it/check/requests.rows");

#[test]
fn check_succeeds_with_an_unknown_caller_if_sts_does_not_answer_within_two_seconds() {
    for fault in [Fault::Hang, fault::unavailable()] {
        let aws = served().fails("GetCallerIdentity", fault);
        let run = keeps_to(
            Duration::from_secs(2),
            &check(&aws).resolve("A=x:k").timeout("1h"),
        );
        run.ended(Status::Exit(0));
        let sentence = "The caller is unknown, because STS didn't answer. The credentials come from the environment.";
        assert!(run.stdout().contains(sentence), "{run}");
    }
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
