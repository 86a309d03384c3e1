//! The time that a launch spends on services that issue credentials (STS, a container's endpoint,
//! the metadata of an instance), and roles that are assumed at the same time. `identity.rows` has
//! the meaning of each of their answers.

use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/aws/identity.rows");

const WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";

/// STS's answer when it throttles.
fn throttled() -> Fault {
    fault::sts(400, "Throttling", "Rate exceeded")
}

#[test]
fn a_launch_waits_as_long_as_sts_asks_and_tries_less_often_if_sts_throttles() {
    let outage = Duration::from_millis(1000);
    let aws = served().fails_for(WEB_IDENTITY, outage, fault::amz_retry_after(1500));
    let launch = keyless(&aws).web_identity().timeout("50s");
    launch.run().launched_silently();
    assert_eq!(aws.calls_of(WEB_IDENTITY).len(), 2);
    // The pauses are random: up to 2 and 8 seconds after throttling, and up to 100, 200 and 400 ms
    // after another outage.
    let requests = |fault: Fault| {
        let aws = served().fails(WEB_IDENTITY, fault);
        side_by_side(0..4, |_| {
            let launch = keyless(&aws).web_identity().attempts(20);
            launch.timeout("2s").run().refused(75);
        });
        aws.calls().len()
    };
    assert!(requests(throttled()) < requests(fault::status(503)));
}

#[test]
fn a_launch_ends_at_its_timeout_if_sts_a_container_or_an_instance_never_gives_credentials() {
    for (operation, fault) in [
        ("AssumeRole", throttled()),
        ("AssumeRole", Fault::Hang),
        (WEB_IDENTITY, throttled()),
        ("/credentials", fault::status(500)),
        ("/credentials", Fault::Hang),
        ("/latest/api/token", Fault::Hang),
    ] {
        let aws = served().fails(operation, fault);
        let launch = match operation {
            "AssumeRole" => sandbox(&aws).args(["--role-arn", ROLE]),
            WEB_IDENTITY => keyless(&aws).web_identity(),
            "/credentials" => keyless(&aws).in_container(&aws),
            _ => keyless(&aws).on_instance(&aws),
        };
        let run = ends_within(Duration::from_secs(1), launch.case(operation));
        run.refused(75).says(["A ("]);
    }
}

#[test]
fn without_a_region_the_error_shows_the_address_of_instance_metadata_for_ipv4_or_that_of_ipv6_if_the_profile_chooses_it()
 {
    network::alone(|| {
        let mode = "[profile dev]\nec2_metadata_service_endpoint_mode = IPv6\n";
        for (profile, address) in [("", "169.254.169.254"), ("dev", "[fd00:ec2::254]")] {
            let sandbox = keyless(&served()).keys().config(mode).region("");
            let run = sandbox
                .env("AWS_EC2_METADATA_DISABLED", "")
                .env("AWS_PROFILE", profile)
                .run();
            let said = "no AWS region is set, and the instance metadata can't be read";
            run.refused(75).says(["A (", said, address]);
        }
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
    // STS answers only after every role has been requested. The launch has a single attempt, so no
    // request is counted twice.
    let sandbox = Sandbox::new().aws(&aws).declaration(&declaration);
    let run = sandbox.attempts(1).run();
    run.launched_silently().has("D", "v-4c7a1e");
    assert_eq!(aws.calls_of("AssumeRole").len(), 4);
}
