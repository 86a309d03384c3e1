//! Failures of the services that issue credentials (STS, a container's endpoint, the metadata of an instance): status 75 or 77, and
//! recovery. `identity.rows` has what needs no clock.

use std::time::Duration;

use super::faults::{CONTAINER, METADATA, ROLE_OF_STS, WEB_IDENTITY, launch_by};
use crate::support::*;

::rows::rows!("tests/it/aws/identity.rows");

const REGION: &str = "/latest/meta-data/placement/region";

fn throttled() -> Fault {
    fault::sts(400, "Throttling", "Rate exceeded")
}

#[test]
fn an_issuer_is_left_alone_for_the_time_that_it_names_and_for_longer_when_it_throttles() {
    let aws = served().fails(WEB_IDENTITY, fault::retry_after(3600));
    launch_by(WEB_IDENTITY, &aws).0.run().refused(75).says(["503"]);
    assert_eq!(aws.calls().len(), 1);
    // The pauses have jitter: up to 2 and 8 seconds after throttling, and after another outage up to 100, 200 and 400 ms.
    let requests = |fault: Fault| {
        let aws = served().fails(WEB_IDENTITY, fault);
        side_by_side(0..4, |_| {
            launch_by(WEB_IDENTITY, &aws).0.attempts(20).timeout("2s").run().refused(75);
        });
        aws.calls().len()
    };
    assert!(requests(throttled()) < requests(fault::status(503)));
}

#[test]
fn an_issuer_that_never_gives_ends_with_the_time() {
    for (operation, fault) in [
        (ROLE_OF_STS, throttled()),
        (ROLE_OF_STS, Fault::Hang),
        (WEB_IDENTITY, throttled()),
        (CONTAINER, fault::status(500)),
        (CONTAINER, Fault::Hang),
        (METADATA, Fault::Hang),
    ] {
        let aws = served().fails(operation, fault);
        ends_within(Duration::from_secs(1), launch_by(operation, &aws).0.case(operation)).refused(75).says(["A ("]);
    }
}

#[test]
fn the_region_of_an_instance_is_asked_for_again_and_a_failure_is_reported() {
    let without_region = |aws: &Aws| keyless(aws).env_remove("AWS_REGION").on_instance(aws);
    for path in [METADATA, REGION] {
        let aws = served().fails_first(path, 2, fault::status(503));
        without_region(&aws).case(path).run().launched().has("A", "v-4c7a1e");
        let aws = served().fails(path, Fault::Hang);
        // The limit of the launch, and that of the service.
        for (timeout, limit) in [("3s", "10"), ("50s", "1")] {
            let silent = without_region(&aws).env("AWS_METADATA_SERVICE_TIMEOUT", limit).timeout(timeout);
            silent.case(path).run().refused(78).says(["A (", "no AWS region", "help: set --region"]);
        }
    }
    let aws = served().fails(REGION, fault::status(404));
    without_region(&aws).run().refused(78).says(["A (", "region", "AWS_REGION"]);
    assert!(aws.reads().is_empty());
}

#[test]
fn without_a_route_to_the_instance_metadata_the_region_may_come_later() {
    network::alone(|| {
        let aws = served();
        let sandbox = keyless(&aws).keys().env_remove("AWS_REGION").env_remove("AWS_EC2_METADATA_DISABLED");
        sandbox.run().refused(75).says(["A (", "not reachable", "169.254.169.254"]);
    });
}

#[test]
fn four_roles_are_assumed_at_the_same_time() {
    let aws = served().gathers(4);
    let mut declaration = String::from("secrets:\n");
    for number in 0..4 {
        declaration += &format!("  s{number}: {{ id: x, role-arn: \"{ROLE}{number}\" }}\n");
    }
    declaration += "env:\n  A: s0:k\n  B: s1:k\n  C: s2:k\n  D: s3:k\n";
    // STS answers only when every role has been requested. With one attempt no request is counted twice.
    let sandbox = Sandbox::new().aws(&aws).declaration(&declaration).attempts(1);
    sandbox.run().launched_silently().has("D", "v-4c7a1e");
    assert_eq!(aws.calls_of("AssumeRole").len(), 4);
}
