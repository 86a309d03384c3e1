//! Failures of the services that issue credentials (STS, a container's endpoint): status 75 or 77, and recovery.

use std::time::Duration;

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, CONTAINER_KEY, ROLE_KEY};
use crate::support::deadline::ends_within;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

const ROLE: &str = "arn:aws:iam::210987654321:role/Reader";

/// A URL that refuses connections: port 1 is never served, and never chosen for a test's server.
const NOBODY: &str = "http://127.0.0.1:1";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// A service that issues credentials.
#[derive(Clone, Copy)]
enum Giver {
    Role,
    WebIdentity,
    Container,
}

impl Giver {
    fn operation(self) -> &'static str {
        match self {
            Self::Role => "AssumeRole",
            Self::WebIdentity => "AssumeRoleWithWebIdentity",
            Self::Container => "/credentials",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Role | Self::WebIdentity => ROLE_KEY,
            Self::Container => CONTAINER_KEY,
        }
    }

    /// A launch whose credentials come from this service alone.
    fn sandbox(self, aws: &Aws) -> Sandbox {
        let sandbox = Sandbox::new().endpoint(&aws.endpoint()).region("us-east-1").resolve("A=x:k");
        match self {
            Self::Role => sandbox.aws(aws).args(["--role-arn", ROLE]),
            Self::WebIdentity => {
                let sandbox = sandbox.file("token", "token-of-the-test");
                let token = sandbox.path("token");
                sandbox.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ROLE_ARN", ROLE)
            }
            Self::Container => sandbox.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws.container_credentials()),
        }
    }

    /// Asserts that the launch succeeds after three such failures.
    fn recovers_from(self, fault: Fault) {
        let aws = served().fails_first(self.operation(), 3, fault);
        let run = self.sandbox(&aws).run();
        run.launched_silently().has("A", "v");
        assert_eq!(aws.calls_of(self.operation()).len(), 4);
        assert_eq!(aws.only_read().access_key(), self.key());
    }

    /// Asserts that this failure is retried as often as allowed, and is status 75.
    fn is_temporary(self, fault: Fault) -> Outcome {
        let aws = served().fails(self.operation(), fault);
        let run = self.sandbox(&aws).env("AWS_MAX_ATTEMPTS", "2").args(["--timeout", "60s"]).run();
        run.refused(75).says(["A"]);
        assert!(aws.calls_of(self.operation()).len() >= 2, "not tried again: {run}");
        assert!(aws.reads().is_empty());
        run
    }

    /// Asserts that this failure is retried until the deadline.
    fn ends_with_the_time(self, fault: Fault) {
        let aws = served().fails(self.operation(), fault);
        ends_within(Duration::from_secs(1), self.sandbox(&aws)).refused(75).says(["A"]);
    }

    /// Asserts that this failure is not retried, and is status 77.
    fn is_final(self, fault: Fault) -> Outcome {
        let aws = served().fails(self.operation(), fault);
        let run = self.sandbox(&aws).run();
        run.refused(77).says(["A"]);
        assert_eq!(aws.calls_of(self.operation()).len(), 1, "{run}");
        assert!(aws.reads().is_empty());
        run
    }
}

fn sts_throttled() -> Fault {
    fault::sts(400, "Throttling", "Rate exceeded")
}

fn sts_unavailable() -> Fault {
    fault::sts(503, "ServiceUnavailable", "Service is unavailable")
}

#[test]
fn a_role_that_is_throttled_to_the_end_is_75() {
    Giver::Role.is_temporary(sts_throttled()).says(["Throttling"]);
}

#[test]
fn a_role_of_an_unavailable_sts_is_75() {
    Giver::Role.is_temporary(sts_unavailable()).says(["ServiceUnavailable"]);
}

#[test]
fn a_role_of_a_gateway_before_sts_that_fails_without_a_code_is_75() {
    for status in [502, 503] {
        Giver::Role.is_temporary(fault::status(status));
    }
}

#[test]
fn a_role_that_is_never_given_ends_with_the_time() {
    for fault in [sts_throttled(), Fault::Hang] {
        Giver::Role.ends_with_the_time(fault);
    }
}

#[test]
fn a_web_identity_that_is_never_taken_ends_with_the_time() {
    Giver::WebIdentity.ends_with_the_time(sts_throttled());
}

#[test]
fn a_container_that_never_gives_ends_with_the_time() {
    Giver::Container.ends_with_the_time(fault::status(500));
}

#[test]
fn a_role_that_a_wrong_clock_keeps_is_75() {
    let words = "Signature expired: 20261120T100000Z is now earlier than 20261120T103000Z (20261120T103500Z - 5 min.)";
    let aws = served().fails("AssumeRole", fault::sts(403, "SignatureDoesNotMatch", words));
    let run = Giver::Role.sandbox(&aws).args(["--timeout", "20s"]).run();
    run.refused(75).says(["clock"]);
}

#[test]
fn a_role_of_an_sts_that_is_not_there_is_75_and_names_its_address() {
    let aws = served();
    let sandbox = Giver::Role.sandbox(&aws).env("AWS_ENDPOINT_URL_STS", NOBODY);
    sandbox.args(["--timeout", "1s"]).run().refused(75).says(["127.0.0.1:1"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_role_that_is_not_trusted_is_asked_for_once() {
    let denied = fault::sts(403, "AccessDenied", "User: u is not authorized to perform: sts:AssumeRole");
    Giver::Role.is_final(denied).says([ROLE]);
}

#[test]
fn a_role_that_is_given_at_the_fourth_attempt_launches() {
    Giver::Role.recovers_from(sts_throttled());
}

#[test]
fn a_web_identity_that_is_taken_at_the_fourth_attempt_launches() {
    Giver::WebIdentity.recovers_from(sts_unavailable());
}

#[test]
fn a_web_identity_that_is_throttled_to_the_end_is_75() {
    Giver::WebIdentity.is_temporary(sts_throttled());
}

#[test]
fn a_web_identity_that_sts_does_not_take_is_77() {
    let expired =
        fault::sts(400, "ExpiredTokenException", "Token expired: current date/time must be before the expiration");
    Giver::WebIdentity.is_final(expired).says(["ExpiredToken"]);
}

#[test]
fn a_container_that_answers_at_the_fourth_attempt_launches() {
    Giver::Container.recovers_from(fault::status(500));
}

#[test]
fn a_container_that_fails_to_the_end_is_75() {
    Giver::Container.is_temporary(fault::status(500));
}

#[test]
fn a_container_that_throttles_to_the_end_is_75() {
    Giver::Container.is_temporary(fault::status(429));
}

#[test]
fn a_container_that_answers_with_a_page_for_people_is_75() {
    Giver::Container.is_temporary(fault::page());
}

#[test]
fn a_container_whose_answer_has_no_end_is_75() {
    Giver::Container.is_temporary(Fault::Endless);
}

#[test]
fn a_container_without_a_role_is_77_at_once() {
    Giver::Container.is_final(fault::status(404));
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
    let sandbox = Sandbox::new().aws(&aws).declaration(&declaration).env("AWS_MAX_ATTEMPTS", "1");
    sandbox.run().launched_silently().has("D", "v");
    assert_eq!(aws.calls_of("AssumeRole").len(), 4);
}

#[test]
fn sts_is_asked_in_the_configured_region_wherever_the_secrets_are() {
    // Either role may be the first by name.
    let arn = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:a-AbCdEf";
    let aws = served().secret(arn, Secret::json(r#"{"k":"v"}"#));
    let run = Giver::Role.sandbox(&aws).resolve(&format!("B={arn}:k")).run();
    run.launched_silently().has("B", "v");
    let regions: Vec<String> = aws.calls_of("AssumeRole").iter().map(|call| call.region()).collect();
    assert_eq!(regions, ["us-east-1"]);
}
