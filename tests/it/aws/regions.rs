//! The region and the endpoint of a secret; and `--fallback-region`, which is asked when a region fails, not when it has answered.

use std::time::Duration;

use crate::support::*;

const HERE: &str = "us-east-1";
const THERE: &str = "us-west-2";

fn value() -> Secret {
    Secret::text(r#"{"k":"v-4c7a1e"}"#)
}

fn with_fallback(aws: &Aws) -> Sandbox {
    sandbox(aws).args(["--fallback-region", THERE]).attempts(1).timeout("10s")
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
fn the_region_of_an_arn_is_where_it_is_read_whatever_partition_and_default() {
    for (partition, region) in [
        ("aws", "ap-southeast-2"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        let arn = format!("arn:{partition}:secretsmanager:{region}:123456789012:secret:x-AbCdEf");
        for default in [Some("eu-west-1"), None] {
            let aws = Aws::start().secret(&arn, value());
            let sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION").resolve(&format!("A={arn}:k::"));
            let sandbox = default.into_iter().fold(sandbox, |sandbox, region| sandbox.args(["--region", region]));
            sandbox.case(&arn).run().launched().has("A", "v-4c7a1e");
            assert_eq!(aws.only_read().region(), region);
        }
    }
}

#[test]
fn one_name_in_two_regions_is_two_requests() {
    let aws = served();
    let declaration = "secrets:\n  here: x\n  there: { id: x, region: eu-west-1 }\nenv:\n  A: here:k\n  B: there:k\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched();
    let mut regions: Vec<String> = aws.reads().iter().map(|read| read.region()).collect();
    regions.sort_unstable();
    assert_eq!(regions, ["eu-west-1", HERE]);
}

#[test]
fn a_profile_gives_the_region() {
    let aws = served();
    sandbox(&aws).env_remove("AWS_REGION").config("[default]\nregion = sa-east-1\n").run().launched();
    assert_eq!(aws.only_read().region(), "sa-east-1");
}

#[test]
fn the_nearest_setting_has_the_endpoint() {
    let aws = served();
    let (general, own) = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER");
    let (nobody, url) = ("http://127.0.0.1:9", aws.endpoint());
    let config = format!("[default]\nendpoint_url = {url}\n");
    let base = || sandbox(&aws).env(general, nobody);
    for (case, sandbox) in [
        ("the option before variables", base().env(own, nobody).args(["--endpoint-url", &url])),
        ("the service's own variable before the general one", base().env(own, &url)),
        ("the general variable, where the own one is empty", base().env(general, &url).env(own, "")),
        ("the profile without a variable", base().env_remove(general).config(&config)),
        ("the profile, where the variable is empty", base().env(general, "").config(&config)),
    ] {
        sandbox.case(case).run().launched_silently().has("A", "v-4c7a1e");
    }
}

#[test]
fn parameters_and_a_declaration_have_fallback_regions_too_and_what_is_answered_is_looked_for_nowhere_else() {
    let aws = served().parameter("/p", &[Version::text(CANARY)]);
    with_fallback(&aws).resolve("B=ssm:/p").run().launched_silently().has("A", "v-4c7a1e").has("B", CANARY);
    assert_eq!(aws.calls().len(), 2);
    let aws = aws.fails("GetParameters", plain(403, "blocked"));
    with_fallback(&aws).resolve("B=ssm:/p").run().refused(75).says(["B (", "is a proxy between?"]);
    assert_eq!(aws.calls_of("GetParameters")[1..].iter().map(Call::region).collect::<Vec<_>>(), [HERE, THERE]);
    let aws = served().region_fails(HERE, fault::unavailable());
    let declaration = "defaults:\n  fallback-region: [us-west-2]\n  timeout: 10s\nenv:\n  A: x:k\n";
    Sandbox::new().aws(&aws).attempts(1).declaration(declaration).run().launched().has("A", "v-4c7a1e");
}

#[test]
fn an_absence_in_the_fallback_region_is_no_absence() {
    // A replica's "not found" does not prove an absence in the first region, so the default does not apply.
    let aws = Aws::start().region_fails(HERE, fault::unavailable());
    let declaration = "env:\n  A: { from: \"x:k\", default: d }\n";
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE]).attempts(1);
    let run = sandbox.declaration(declaration).run();
    run.refused(75).says(["region us-east-1", "ServiceUnavailable", "region us-west-2 (fallback): does not exist"]);
}

#[test]
fn two_regions_that_are_down_are_75_in_time_after_the_attempts_in_each_and_named() {
    let down = || served().region_fails(HERE, fault::unavailable()).region_fails(THERE, fault::internal_error());
    let aws = down();
    let run = keeps_to(Duration::from_secs(4), &sandbox(&aws).args(["--fallback-region", THERE]).timeout("4s"));
    run.refused(75).says(["A (", "region us-east-1", "ServiceUnavailable", "region us-west-2 (fallback)", "Internal"]);
    let aws = down();
    with_fallback(&aws).attempts(2).timeout("50s").run().refused(75);
    assert_eq!(aws.reads().len(), 4);
    // The secret's own region is no fallback.
    let same_region = sandbox(&aws).args(["--fallback-region", HERE]).attempts(2).timeout("50s").run();
    same_region.refused(75).says_nothing_of("(fallback)");
    assert_eq!(aws.reads().len(), 6);
}

#[test]
fn each_region_gets_its_share_of_the_time_that_is_left() {
    let seconds = Duration::from_secs;
    let failing = |time| served().fails_for("GetSecretValue", seconds(time), fault::unavailable());
    let (two, three) = (&[THERE][..], &[THERE, "eu-west-1"][..]);
    for (case, aws, fallbacks, timeout, asked) in [
        ("the first of two has 10 of 20 seconds, and recovers after one", failing(1), two, "20s", &[HERE][..]),
        (
            "the second of three answers in time only if the first is given up",
            served().region_fails(HERE, Fault::Hang),
            three,
            "12s",
            &[HERE, THERE],
        ),
    ] {
        let sandbox = fallbacks.iter().fold(sandbox(&aws), |sandbox, name| sandbox.args(["--fallback-region", name]));
        sandbox.timeout(timeout).case(case).run().launched_silently().has("A", "v-4c7a1e");
        assert_eq!(regions(&aws), asked, "{case}");
    }
}

#[test]
fn the_third_region_answers_when_two_are_down_and_the_region_of_an_arn_is_exchanged() {
    let aws = served().region_fails(HERE, fault::unavailable()).region_fails(THERE, fault::unavailable());
    let sandbox = sandbox(&aws).attempts(1).env("SECRETS_EXEC_FALLBACK_REGION", "us-west-2, eu-west-1").arg("-v");
    sandbox.run().launched().says(["region eu-west-1, in place of us-east-1 (", "in place of us-west-2 ("]);
    let arn = |region: &str| format!("arn:aws:secretsmanager:{region}:123456789012:secret:x-AbCdEf");
    let aws = Aws::start().secret(&arn(THERE), value()).region_fails("eu-west-1", Fault::Close);
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE]).attempts(1);
    sandbox.resolve(&format!("A={}:k", arn("eu-west-1"))).run().launched().has("A", "v-4c7a1e");
    assert_eq!(aws.reads().last().unwrap().secret_id(), arn(THERE));
    let aws = Aws::start().parameter("/p", &[Version::text(CANARY)]).region_fails(HERE, fault::unavailable());
    let sandbox = Sandbox::new().aws(&aws).args(["--fallback-region", THERE]).attempts(1);
    sandbox.resolve("A=ssm:/p").run().launched().has("A", CANARY);
}

#[test]
fn a_role_is_assumed_elsewhere_when_its_region_is_down() {
    for outage in [fault::unavailable(), Fault::Hang] {
        let aws = served().region_fails(HERE, outage);
        with_fallback(&aws).args(["--role-arn", ROLE]).run().launched().has("A", "v-4c7a1e");
        assert!(aws.calls_of("AssumeRole").iter().any(|call| call.region() == THERE));
    }
    let config = format!("[default]\nrole_arn = {ROLE}\nsource_profile = keys\n[profile keys]\n{}", pair("AKIAKEYS"));
    let aws = served().region_fails(HERE, fault::unavailable());
    let sandbox = keyless(&aws).args(["--fallback-region", THERE]).config(&config);
    sandbox.attempts(1).run().launched().has("A", "v-4c7a1e");
    let asked: Vec<String> = aws.calls_of("AssumeRole").iter().map(|call| call.region()).collect();
    assert_eq!(asked, [HERE, THERE]);
}
