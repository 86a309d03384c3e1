//! Names of secrets: by name, by full or partial ARN, in the ARN's region, with the suffix that ECS appends.

use serde_json::json;

use super::moto::{Moto, text_of};

#[test]
fn a_secret_is_found_by_its_name() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("naming/by-name", "found");
    let sandbox = moto.sandbox().resolve("VALUE=naming/by-name");
    sandbox.run().launched_silently().has("VALUE", "found");
}

#[test]
fn a_secret_is_found_by_its_whole_arn() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret("naming/by-arn", "found");
    let sandbox = moto.sandbox().resolve(&format!("VALUE={arn}"));
    sandbox.run().launched_silently().has("VALUE", "found");
}

#[test]
fn a_secret_is_found_by_its_arn_without_the_random_suffix() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret("naming/by-partial-arn", "found");
    let (partial, _) = arn.rsplit_once('-').expect("an ARN ends in a suffix");
    let sandbox = moto.sandbox().resolve(&format!("VALUE={partial}"));
    sandbox.run().launched_silently().has("VALUE", "found");
}

#[test]
fn an_arn_as_ecs_writes_it_names_key_label_and_version() {
    let Some(moto) = Moto::shared() else { return };
    let arn = moto.secret("naming/ecs", r#"{"password":"first"}"#);
    let second = moto.put("naming/ecs", r#"{"password":"second"}"#, &[]);
    let sandbox = moto
        .sandbox()
        .resolve(&format!("KEY={arn}:password::"))
        .resolve(&format!("LABEL={arn}:password:AWSPREVIOUS:"))
        .resolve(&format!("VERSION={arn}:password::{second}"))
        .resolve(&format!("WHOLE={arn}:::"));
    let outcome = sandbox.run();
    outcome
        .launched_silently()
        .has("KEY", "second")
        .has("LABEL", "first")
        .has("VERSION", "second")
        .has("WHOLE", r#"{"password":"second"}"#);
}

#[test]
fn the_region_in_an_arn_is_where_the_secret_is_read() {
    let Some(moto) = Moto::shared() else { return };
    let here = moto.secret("naming/region", "in us-east-1");
    let there = secret_in(moto, "eu-west-1", "naming/region", "in eu-west-1");
    let sandbox = moto.sandbox().resolve(&format!("HERE={here}")).resolve(&format!("THERE={there}"));
    let outcome = sandbox.run();
    outcome.launched_silently().has("HERE", "in us-east-1").has("THERE", "in eu-west-1");
}

#[test]
fn the_region_option_is_where_a_name_is_read() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("naming/option", "in us-east-1");
    secret_in(moto, "eu-west-1", "naming/option", "in eu-west-1");
    let sandbox = moto.sandbox().args(["--region", "eu-west-1"]).resolve("VALUE=naming/option");
    sandbox.run().launched_silently().has("VALUE", "in eu-west-1");
}

#[test]
fn arns_of_the_chinese_and_the_government_partition_are_read() {
    let Some(moto) = Moto::shared() else { return };
    let china = secret_in(moto, "cn-north-1", "naming/partition", "China's");
    let government = secret_in(moto, "us-gov-west-1", "naming/partition", "the government's");
    assert!(china.starts_with("arn:aws-cn:") && government.starts_with("arn:aws-us-gov:"));
    let sandbox = moto.sandbox().resolve(&format!("CHINA={china}")).resolve(&format!("GOVERNMENT={government}"));
    let outcome = sandbox.run();
    outcome.launched_silently().has("CHINA", "China's").has("GOVERNMENT", "the government's");
}

#[test]
fn a_name_may_hold_every_character_that_aws_allows() {
    let Some(moto) = Moto::shared() else { return };
    for name in [
        "rds!cluster-4d1e2f3a-0b1c-4d5e-8f90-a1b2c3d4e5f6",
        "/leading/slash",
        "all/of_+=.@-these",
        "ends-in-AbCdEf",
        "0",
        "UPPER/lower",
    ] {
        let arn = moto.secret(name, name);
        let sandbox = moto.sandbox().resolve(&format!("NAME={name}")).resolve(&format!("ARN={arn}"));
        let outcome = sandbox.run();
        outcome.launched_silently().has("NAME", name).has("ARN", name);
    }
}

#[test]
fn an_inherited_variable_in_a_name_chooses_the_secret() {
    let Some(moto) = Moto::shared() else { return };
    moto.secret("naming/staging/db", r#"{"host":"staging.example.com"}"#);
    moto.secret("naming/prod/db", r#"{"host":"prod.example.com"}"#);
    let sandbox = moto.sandbox().resolve("HOST=naming/${STAGE:-prod}/db:host");
    let outcome = sandbox.run();
    outcome.launched_silently().has("HOST", "prod.example.com");
    let outcome = sandbox.env("STAGE", "staging").run();
    outcome.launched_silently().has("HOST", "staging.example.com");
}

/// Makes a secret in another region and returns its ARN.
fn secret_in(moto: &Moto, region: &str, name: &str, text: &str) -> String {
    let made = moto.call(&json!({
        "service": "secretsmanager",
        "operation": "create_secret",
        "region": region,
        "parameters": { "Name": name, "SecretString": text },
    }));
    text_of(&made["ARN"])
}
