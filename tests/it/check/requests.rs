//! When `check` does not wait, and opens no socket. `requests.rows` has what it asks AWS for.

use std::time::Duration;

use super::check;
use crate::support::*;

::rows::rows!("tests/it/check/requests.rows");

#[test]
fn check_shows_an_unknown_caller_and_status_0_if_sts_does_not_answer_within_two_seconds() {
    for fault in [Fault::Hang, fault::unavailable()] {
        let aws = served().fails("GetCallerIdentity", fault);
        let run = keeps_to(
            Duration::from_secs(2),
            &check(&aws).resolve("A=x:k").timeout("1h"),
        );
        run.ended(Status::Exit(0));
        let sentence = "The caller is unknown, because STS did not answer. The credentials are those of the environment.";
        assert!(run.stdout().contains(sentence), "{run}");
    }
}

#[test]
fn an_offline_check_opens_no_socket() {
    let Some(tracing) = skip::traced(
        &["-f", "-e", "trace=network,process"],
        "no socket is opened",
    ) else {
        return;
    };
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
