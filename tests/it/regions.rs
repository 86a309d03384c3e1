//! The region of a secret: that of its ARN, its alias, the options, or the environment.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;

fn value() -> Secret {
    Secret::json(r#"{"k":"v"}"#)
}

#[test]
fn the_region_of_an_arn_is_where_it_is_read_whatever_the_default_is() {
    let arn = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:x-AbCdEf";
    let aws = Aws::start().secret(arn, value());
    let sandbox = Sandbox::new().aws(&aws).args(["--region", "eu-west-1"]);
    let run = sandbox.resolve(&format!("A={arn}:k")).run();
    run.launched().has("A", "v");
    assert_eq!(aws.only_read().region(), "ap-southeast-2");
}

#[test]
fn every_partition_is_read() {
    for (partition, region) in [
        ("aws", "us-east-1"),
        ("aws-cn", "cn-north-1"),
        ("aws-us-gov", "us-gov-west-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
        ("aws-eusc", "eusc-de-east-1"),
    ] {
        let arn = format!("arn:{partition}:secretsmanager:{region}:123456789012:secret:x-AbCdEf");
        let aws = Aws::start().secret(&arn, value());
        let sandbox = Sandbox::new().aws(&aws);
        let run = sandbox.resolve(&format!("A={arn}:k::")).run();
        run.launched().has("A", "v");
        assert_eq!(aws.only_read().region(), region);
    }
}

#[test]
fn secrets_of_several_regions_are_read_in_one_launch() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:y-AbCdEf";
    let aws = Aws::start().secret("x", value()).secret(arn, value());
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    sandbox.resolve(&format!("B={arn}:k")).run().launched();
    let mut regions: Vec<String> = aws.reads().iter().map(|read| read.region()).collect();
    regions.sort_unstable();
    assert_eq!(regions, ["eu-west-1", "us-east-1"]);
}

#[test]
fn one_name_in_two_regions_is_two_requests() {
    let aws = Aws::start().secret("x", value());
    let declaration = "secrets:\n  here: x\n  there: { id: x, region: eu-west-1 }\nenv:\n  A: here:k\n  B: there:k\n";
    let sandbox = Sandbox::new().aws(&aws).declaration(declaration);
    sandbox.run().launched();
    assert_eq!(aws.reads().len(), 2);
}

#[test]
fn the_region_of_an_arn_is_enough() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-AbCdEf";
    let aws = Aws::start().secret(arn, value());
    let sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION");
    let run = sandbox.resolve(&format!("A={arn}:k")).run();
    run.launched().has("A", "v");
}

#[test]
fn the_region_of_the_profile_is_the_last_before_the_machine() {
    let aws = Aws::start().secret("x", value());
    Sandbox::new()
        .aws(&aws)
        .env_remove("AWS_REGION")
        .home_file(".aws/config", "[default]\nregion = sa-east-1\n")
        .resolve("A=x:k")
        .run()
        .launched();
    assert_eq!(aws.only_read().region(), "sa-east-1");
}

#[test]
fn no_region_is_an_error_of_the_declaration_that_says_how_to_give_one() {
    let aws = Aws::start().secret("x", value());
    let sandbox = Sandbox::new().aws(&aws).env_remove("AWS_REGION");
    let run = sandbox.resolve("A=x:k").run();
    run.refused(78).says(["region", "AWS_REGION"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn the_endpoint_option_wins_over_the_variables() {
    let aws = Aws::start().secret("x", value());
    let sandbox = Sandbox::new()
        .aws(&aws)
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
        .args(["--endpoint-url", &aws.endpoint()]);
    sandbox.resolve("A=x:k").run().launched().has("A", "v");
}

#[test]
fn the_endpoint_of_the_service_wins_over_the_general_one() {
    let aws = Aws::start().secret("x", value());
    let sandbox = Sandbox::new()
        .aws(&aws)
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint());
    sandbox.resolve("A=x:k").run().launched().has("A", "v");
}

#[test]
fn the_endpoint_of_the_profile_is_used() {
    let aws = Aws::start().secret("x", value());
    let config = format!("[default]\nendpoint_url = {}\n", aws.endpoint());
    let sandbox = Sandbox::new().aws(&aws).env_remove("AWS_ENDPOINT_URL").home_file(".aws/config", &config);
    sandbox.resolve("A=x:k").run().launched().has("A", "v");
}
