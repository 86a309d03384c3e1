//! `check --metadata`: denials and faults that moto does not have; `tests/peers/metadata.rs` has the rest.

use serde_json::json;

use super::{check, statuses};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, fault};
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};

fn metadata(aws: &Aws) -> Sandbox {
    check(aws).arg("--metadata").resolve("A=x:k").resolve("B=ssm:/p")
}

fn aws() -> Aws {
    Aws::start().secret("x", Secret::text(CANARY))
}

#[test]
fn a_denial_names_the_permission_and_the_policy() {
    let aws = aws().refuses_to_describe("x", fault::denied_description());
    let aws = aws.fails_first("DescribeParameters", 9, fault::denied("/p"));
    let run = metadata(&aws).run();
    run.ended(Status::Exit(77)).says([
        "secretsmanager:DescribeSecret on it; secrets-exec policy --metadata prints the policy",
        "ssm:DescribeParameters on *; secrets-exec policy --metadata prints the policy",
    ]);
    assert_eq!(statuses(&run, ["A", "B"]), ["denied", "denied"]);
    assert!(aws.reads().is_empty(), "{run}");
}

#[test]
fn an_outage_is_temporary() {
    let aws = aws().fails_first("DescribeSecret", 1000, fault::status(503));
    let run = check(&aws).args(["--metadata", "--json", "--timeout", "700ms"]).resolve("A=x:k").run();
    run.ended(Status::Exit(75));
    assert_eq!(run.document()["values_read"], json!(false), "{run}");
}

#[test]
fn secrets_that_are_not_described_in_time_hold_up_no_parameter() {
    let aws = aws().fails_first("DescribeSecret", 9, fault::Fault::Hang);
    let aws = aws.fails_first("DescribeParameters", 9, fault::denied("/p"));
    let run = metadata(&aws).args(["--timeout", "1s"]).run();
    run.ended(Status::Exit(77));
    assert_eq!(statuses(&run, ["A", "B"]), ["timeout", "denied"]);
}

#[test]
fn the_agent_is_passed_by_and_a_local_file_has_no_metadata() {
    let run = check(&aws()).args(["--metadata", "--agent", "-v"]).resolve("A=x:k").run();
    run.ended(Status::Exit(0)).says(["note: 0 values of 1 secret in "]);
    assert_eq!(statuses(&run, ["A"]), ["not-read"]);
    let run = Sandbox::new().args(["check", "--metadata"]).local_secret().bare().run();
    run.ended(Status::Exit(64)).says(["check --metadata and --local exclude each other"]);
}
