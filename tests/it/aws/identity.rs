//! The time that a launch spends on services that issue credentials (STS, a container's endpoint,
//! the metadata of an instance), and roles that are assumed at the same time. `identity.rows` has
//! the meaning of each of their answers.

use std::time::Duration;

use crate::support::*;

::rows::rows!("tests/it/aws/identity.rows");

const WEB_IDENTITY: &str = "AssumeRoleWithWebIdentity";

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
            launch.timeout("2s").run().refused(75, []);
        });
        aws.calls().len()
    };
    assert!(requests(throttled()) < requests(fault::status(503)));
}

#[test]
fn a_launch_ends_at_its_timeout_if_no_source_gives_credentials() {
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
        run.refused(75, ["A ("]);
    }
}

#[test]
fn without_a_region_the_error_shows_the_address_of_instance_metadata_that_was_asked() {
    if !can_be_on_machine() {
        return;
    }
    network::alone(|| {
        let mode = "[profile dev]\nec2_metadata_service_endpoint_mode = IPv6\n";
        for (profile, address) in [("", "169.254.169.254"), ("dev", "[fd00:ec2::254]")] {
            let sandbox = keyless(&served()).keys().config(mode).region("");
            let run = on_machine(EC2, sandbox)
                .env("AWS_EC2_METADATA_DISABLED", "")
                .env("AWS_PROFILE", profile)
                .run();
            let said = "no AWS region is set, and the instance metadata can't be read";
            run.refused(75, ["A (", said, address]);
        }
    });
}

const EC2: [&str; 3] = ["Amazon EC2", "1.0", "i-0123456789abcdef0"];

/// True if [`on_machine`] works here. Otherwise reports the test as skipped.
fn can_be_on_machine() -> bool {
    let trial = "mount -t tmpfs none /sys/class";
    skip::can(&["unshare", "--mount", "sh", "-c", trial], "another /sys")
}

/// Makes what the firmware says about this machine (`/sys/class/dmi/id`) for one launch: the
/// vendor, the version of the BIOS, and the asset tag.
fn on_machine([vendor, bios, tag]: [&str; 3], sandbox: Sandbox) -> Sandbox {
    let line = format!(
        "mount -t tmpfs none /sys/class && mkdir -p /sys/class/dmi/id && cd /sys/class/dmi/id && \
         echo '{vendor}' >sys_vendor && echo '{bios}' >bios_version && echo '{tag}' >board_asset_tag && \
         cd \"$OLDPWD\" && exec \"$@\""
    );
    sandbox.through(["unshare", "--mount", "/bin/sh", "-c", &line, "sh"])
}

#[test]
fn silent_instance_metadata_is_a_temporary_failure_only_on_a_machine_in_ec2() {
    if !can_be_on_machine() {
        return;
    }
    for (machine, is_outside) in [
        (["Dell Inc.", "2.4.6", "Not Specified"], true),
        (["QEMU", "1.16.3", ""], true),
        (EC2, false),
        (["Xen", "4.11.amazon", ""], false),
        (["Xen", "4.17", ""], false),
        (["HPE", "U30", "i-0123456789abcdef0"], false),
        (["Supermicro", "4.2.Amazon", ""], false),
        (["", "", ""], false),
    ] {
        let credentials_status = if is_outside { 77 } else { 75 };
        let region_status = if is_outside { 78 } else { 75 };
        network::alone(|| {
            let aws = served();
            let launch = || on_machine(machine, keyless(&aws).env("AWS_EC2_METADATA_DISABLED", ""));
            // First there is no route to the service, and then nobody answers.
            for route in ["true", "ip route add 169.254.169.254 via 192.0.2.9"] {
                network::sh(route);
                let case = format!("{machine:?}, {route}");
                let run = launch().case(&case).run();
                let said = ["A (", "no AWS credentials were found", "instance metadata"];
                run.refused(credentials_status, said);
                let run = launch().keys().region("").case(&case).run();
                run.refused(region_status, ["A (", "no AWS region is set", "--region"]);
            }
            // The time ends before the service's own limit.
            let run = launch().args(["--timeout", "700ms"]).case(machine[0]).run();
            run.refused(credentials_status, ["A ("]);
            // An endpoint that the user names may come up later.
            let endpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
            let run = launch().env(endpoint, "http://192.0.2.9").run();
            run.refused(75, ["A ("]);
        });
    }
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
