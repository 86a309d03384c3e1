//! What `check` asks AWS for, and when it does not wait.

use std::time::Duration;

use super::{check, line};
use crate::support::*;

fn operations(aws: &Aws) -> Vec<String> {
    let mut operations: Vec<String> = aws.calls().iter().map(Call::operation).collect();
    operations.sort();
    operations
}

#[test]
fn a_check_needs_the_requests_of_a_launch_and_asks_for_the_callers_identity() {
    let aws = served().parameter("/p", &[Version::text(CANARY)]);
    check(&aws).resolve("A=x:k").resolve("B=x").resolve("C=ssm:/p").run().ended(Status::Exit(0));
    assert_eq!(operations(&aws), ["GetCallerIdentity", "GetParameters", "GetSecretValue"]);
}

#[test]
fn a_caller_whom_sts_does_not_tell_within_two_seconds_is_unknown_and_changes_no_status() {
    for fault in [Fault::Hang, fault::unavailable()] {
        let aws = served().fails("GetCallerIdentity", fault);
        let run = keeps_to(Duration::from_secs(2), &check(&aws).resolve("A=x:k").timeout("1h"));
        run.ended(Status::Exit(0));
        assert_eq!(line(&run.stdout(), "unknown"), ["unknown", "unknown", "environment"], "{run}");
    }
}

#[test]
fn a_secret_is_described_once_by_the_role_and_in_the_region_that_read_it_and_a_parameter_is_not() {
    let secret = Secret::text(r#"{"a":"v-4c7a1e","b":"w-4c7a1e"}"#).previous(Secret::text(r#"{"a":"old-4c7a1e"}"#));
    let aws = Aws::start().region_fails("us-east-1", fault::unavailable());
    let aws = aws.secret("x", secret).parameter("/p", &[Version::text(CANARY)]);
    let sandbox = check(&aws).args(["--describe", "--fallback-region", "eu-west-1"]).env("AWS_MAX_ATTEMPTS", "1");
    let sandbox = sandbox.args(["--role-arn", "arn:aws:iam::123456789012:role/Reader"]);
    let sandbox = sandbox.resolve("A=x:a").resolve("B=x:b").resolve("C=x:a:AWSPREVIOUS").resolve("D=ssm:/p");
    sandbox.run().ended(Status::Exit(0));
    let [described] = &aws.calls_of("DescribeSecret")[..] else { panic!("{:?}", operations(&aws)) };
    let read = &aws.reads()[0];
    assert_eq!((described.region(), described.access_key()), ("eu-west-1".to_owned(), read.access_key()));
}

#[test]
fn the_agent_describes_nothing_unless_it_falls_back_and_a_missing_secret_is_not_asked_for_twice() {
    let aws = served();
    let token = AGENT_TOKEN;
    let sandbox = check(&aws).arg("--describe").env("AWS_TOKEN", token).arg(format!("--agent={}", aws.url()));
    let sandbox = sandbox.resolve("A=x:k");
    sandbox.run().ended(Status::Exit(0));
    assert!(aws.calls_of("DescribeSecret").is_empty());
    sandbox.arg("--agent-fallback").run().ended(Status::Exit(0));
    assert_eq!(aws.calls_of("DescribeSecret").len(), 1);
    check(&aws).arg("--describe").resolve("A=nothing").run().ended(Status::Exit(78));
    assert_eq!(aws.calls_of("DescribeSecret").len(), 1);
}

#[test]
fn an_offline_check_opens_no_socket() {
    let Some(tracing) = skip::traced(&["-f", "-e", "trace=network,process"], "no socket is opened") else { return };
    let sandbox = Sandbox::new().args(["check", "--offline"]).bare().resolve("A=prod/db:password");
    let sandbox = sandbox.region("us-east-1").through(tracing);
    sandbox.run().ended(Status::Exit(0));
    let calls = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(!calls.contains("socket(") && calls.contains("execve("), "{calls}");
}

#[test]
fn secrets_that_are_not_described_in_time_hold_up_no_parameter() {
    let aws = Aws::start().secret("x", Secret::text(CANARY)).fails_first("DescribeSecret", 9, Fault::Hang);
    let aws = aws.fails_first("DescribeParameters", 9, fault::denied("/p"));
    let run = check(&aws).args(["--metadata", "--timeout", "1s", "-e", "A=x:k", "-e", "B=ssm:/p"]).run();
    run.ended(Status::Exit(77))
        .says(["secret x, region us-east-1: timed out", "parameter /p, region us-east-1: denied"]);
}
