//! `check` doesn't wait long for STS, and `check --offline` doesn't open a socket. `requests.rows`
//! has the requests of `check`.

use std::time::Duration;

use super::check;
use crate::support::wire::{Step, Wire};
use crate::support::*;

::rows::rows!("tests/it/check/requests.rows");

/// STS's answer takes six seconds. It isn't slow enough for the limits that each answer has.
#[test]
fn check_succeeds_with_an_unknown_caller_if_sts_does_not_answer_within_two_seconds() {
    let parts = [
        "<GetCallerIdentityResponse><GetCallerIdentityResult>",
        "<Arn>arn:aws:iam::123456789012:user/app</Arn>",
        "</GetCallerIdentityResult></GetCallerIdentityResponse>",
    ];
    let length = parts.concat().len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
    let mut script = vec![Step::Request, Step::Send(head.into_bytes())];
    for part in parts {
        let pause = Step::Pause(Duration::from_secs(2));
        script.extend([pause, Step::Send(part.into())]);
    }
    let sts = Wire::plain(vec![script]);

    let aws = served();
    let launch = check(&aws).resolve("A=x:k").timeout("1h");
    let sts_url = format!("http://{}", sts.address());
    let run = launch.env("AWS_ENDPOINT_URL_STS", sts_url).run();
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
