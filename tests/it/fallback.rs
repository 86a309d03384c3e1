//! `--fallback-region`: another region is asked when the first one fails, not when it has answered.

use std::time::Duration;

use crate::support::aws::fault::{self, Fault};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, Version};
use crate::support::deadline::keeps_to;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};

const HERE: &str = "us-east-1";
const THERE: &str = "us-west-2";

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

fn with_fallback(aws: &Aws) -> Sandbox {
    sandbox(aws).args(["--fallback-region", THERE, "--timeout", "2s"])
}

/// The regions in the order of their first requests. A request that was abandoned may arrive late.
fn regions(aws: &Aws) -> Vec<String> {
    let mut regions = Vec::new();
    for region in aws.reads().iter().map(|read| read.region()) {
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    regions
}

#[test]
fn a_region_that_is_down_is_replaced_by_the_next() {
    for outage in [fault::unavailable(), fault::throttled(), Fault::Close, Fault::Hang, fault::page()] {
        let aws = served().region_fails(HERE, outage);
        let run = with_fallback(&aws).run();
        run.launched_silently().has("A", "v");
        assert_eq!(regions(&aws), [HERE, THERE]);
    }
}

#[test]
fn a_region_that_answers_is_the_only_one_asked() {
    let aws = served();
    with_fallback(&aws).run().launched();
    assert_eq!(regions(&aws), [HERE]);
}

#[test]
fn a_denial_is_an_answer() {
    let aws = Aws::start().secret("x", Secret::failing(fault::denied("x")));
    with_fallback(&aws).run().refused(77);
    assert_eq!(regions(&aws), [HERE]);
}

#[test]
fn a_wrong_clock_is_not_looked_for_elsewhere() {
    let aws = served().region_fails(HERE, fault::clock_skew());
    with_fallback(&aws).run().refused(75).says(["A (", "clock"]);
    assert_eq!(regions(&aws), [HERE]);
}

#[test]
fn an_absence_is_an_answer() {
    let aws = Aws::start();
    with_fallback(&aws).run().refused(78);
    assert_eq!(regions(&aws), [HERE]);
}

#[test]
fn an_absence_in_the_fallback_region_is_no_absence() {
    // A replica's "not found" does not prove an absence in the first region, so the default does not apply.
    let aws = Aws::start().region_fails(HERE, fault::unavailable());
    let declaration = "env:\n  A: { from: \"x:k\", default: d }\n";
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE, "--timeout", "2s"]);
    let run = sandbox.declaration(declaration).run();
    run.refused(75).says(["region us-east-1", "ServiceUnavailable", "region us-west-2 (fallback): does not exist"]);
}

#[test]
fn both_down_is_75_and_names_both() {
    let aws = served().region_fails(HERE, fault::unavailable()).region_fails(THERE, fault::internal_error());
    let run = keeps_to(Duration::from_secs(2), &with_fallback(&aws));
    run.refused(75).says(["A (", "region us-east-1", "ServiceUnavailable", "region us-west-2 (fallback)", "Internal"]);
}

#[test]
fn a_region_gets_its_share_of_the_time() {
    // The first of two regions has 3 of the 6 seconds, and recovers after one.
    let aws = served().fails_for("GetSecretValue", Duration::from_secs(1), fault::unavailable());
    let sandbox = sandbox(&aws).args(["--fallback-region", THERE, "--timeout", "6s"]);
    sandbox.run().launched_silently().has("A", "v");
    assert_eq!(regions(&aws), [HERE]);
}

#[test]
fn a_region_gets_no_more_than_its_share_of_the_time() {
    // The second region answers before the deadline only if the first is given up.
    let aws = served().region_fails(HERE, Fault::Hang);
    let sandbox = sandbox(&aws).args(["--fallback-region", THERE, "--fallback-region", "eu-west-1", "--timeout", "3s"]);
    sandbox.run().launched();
    assert_eq!(regions(&aws), [HERE, THERE]);
}

#[test]
fn a_later_region_gets_its_share_of_the_time_that_is_left() {
    // The second of three regions has the seconds 3 to 6 of 9, and both recover at 5.
    let aws = served().fails_for("GetSecretValue", Duration::from_secs(5), fault::unavailable());
    let aws = aws.region_fails("eu-west-1", fault::unavailable());
    let sandbox = sandbox(&aws).args(["--fallback-region", THERE, "--fallback-region", "eu-west-1"]);
    sandbox.args(["--timeout", "9s"]).run().launched().has("A", "v");
    assert_eq!(regions(&aws), [HERE, THERE]);
}

#[test]
fn a_fallback_region_that_is_the_secrets_own_is_not_asked_again() {
    let aws = served().region_fails(HERE, fault::unavailable());
    let sandbox = sandbox(&aws).args(["--fallback-region", HERE, "--timeout", "60s"]).env("AWS_MAX_ATTEMPTS", "2");
    sandbox.run().refused(75).says_nothing_of("(fallback)");
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn the_third_region_answers_when_two_are_down() {
    let aws = served().region_fails(HERE, fault::unavailable()).region_fails(THERE, fault::unavailable());
    let sandbox = sandbox(&aws).args(["--timeout", "3s"]).env("SECRETS_EXEC_FALLBACK_REGION", "us-west-2, eu-west-1");
    let run = sandbox.arg("-v").run();
    run.launched().says(["region eu-west-1, in place of us-east-1 (", "in place of us-west-2 ("]);
}

#[test]
fn the_region_of_an_arn_is_exchanged() {
    let arn = |region: &str| format!("arn:aws:secretsmanager:{region}:123456789012:secret:x-AbCdEf");
    let aws = Aws::start().secret(&arn(THERE), Secret::json(r#"{"k":"v"}"#)).region_fails("eu-west-1", Fault::Close);
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE, "--timeout", "2s"]);
    let run = sandbox.resolve(&format!("A={}:k", arn("eu-west-1"))).run();
    run.launched().has("A", "v");
    assert_eq!(aws.reads().last().unwrap().secret_id(), arn(THERE));
}

#[test]
fn parameters_have_fallback_regions_too() {
    let aws = Aws::start().parameter("/p", &[Version::text(CANARY)]).region_fails(HERE, fault::unavailable());
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE, "--timeout", "2s"]);
    sandbox.resolve("A=ssm:/p").run().launched().has("A", CANARY);
}

#[test]
fn a_fallback_region_is_not_asked_for_parameters_that_were_answered() {
    let aws = Aws::start().parameter("/p", &[Version::text(CANARY)]);
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE]);
    sandbox.resolve("A=ssm:/p").run().launched().has("A", CANARY);
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn a_role_is_assumed_elsewhere_when_its_region_is_down() {
    for outage in [fault::unavailable(), Fault::Hang] {
        let aws = served().region_fails(HERE, outage);
        let role = "arn:aws:iam::210987654321:role/Reader";
        with_fallback(&aws).args(["--role-arn", role, "--timeout", "4s"]).run().launched().has("A", "v");
        assert_eq!(aws.calls_of("AssumeRole").last().unwrap().region(), THERE);
    }
}

#[test]
fn a_profiles_role_is_assumed_elsewhere_when_its_region_is_down() {
    let config = "[default]\nrole_arn = arn:aws:iam::210987654321:role/Reader\nsource_profile = keys\n\
                  [profile keys]\naws_access_key_id = AKIAKEYS\naws_secret_access_key = cAnArY-7f3a9c51/access\n";
    let aws = served().region_fails(HERE, fault::unavailable());
    let sandbox = with_fallback(&aws).home_file(".aws/config", config);
    let sandbox = sandbox.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    sandbox.env("AWS_MAX_ATTEMPTS", "1").args(["--timeout", "6s"]).run().launched().has("A", "v");
    let asked: Vec<String> = aws.calls_of("AssumeRole").iter().map(|call| call.region()).collect();
    assert_eq!(asked, [HERE, THERE]);
}

#[test]
fn a_declaration_may_name_them() {
    let aws = served().region_fails(HERE, fault::unavailable());
    let declaration = "defaults:\n  fallback-region: [us-west-2]\n  timeout: 2s\nenv:\n  A: x:k\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched().has("A", "v");
}

#[test]
fn one_endpoint_and_several_regions_exclude_each_other() {
    let aws = served();
    let run = with_fallback(&aws).args(["--endpoint-url", &aws.endpoint()]).run();
    run.refused(64).says(["--endpoint-url", "--fallback-region"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_region_that_is_none_is_a_usage_error() {
    let run = sandbox(&served()).args(["--fallback-region", "us west"]).run();
    run.refused(64).says(["--fallback-region", "us west"]);
}

#[test]
fn the_attempts_are_counted_in_each_region() {
    let aws = served().region_fails(HERE, fault::unavailable()).region_fails(THERE, fault::unavailable());
    let sandbox = with_fallback(&aws).env("AWS_MAX_ATTEMPTS", "2").args(["--timeout", "60s"]);
    sandbox.run().refused(75);
    assert_eq!(aws.reads().len(), 4);
}
