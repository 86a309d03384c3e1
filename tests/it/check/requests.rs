//! When `check` does not wait, and opens no socket. `requests.rows` has what it asks AWS for.

use std::time::Duration;

use super::{check, line};
use crate::support::*;

::rows::rows!("tests/it/check/requests.rows");

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
fn an_offline_check_opens_no_socket() {
    let Some(tracing) = skip::traced(&["-f", "-e", "trace=network,process"], "no socket is opened") else { return };
    let sandbox = Sandbox::new().args(["check", "--offline"]).bare().resolve("A=prod/db:password");
    let sandbox = sandbox.region("us-east-1").through(tracing);
    sandbox.run().ended(Status::Exit(0));
    let calls = std::fs::read_to_string(sandbox.path("trace")).unwrap();
    assert!(!calls.contains("socket(") && calls.contains("execve("), "{calls}");
}
