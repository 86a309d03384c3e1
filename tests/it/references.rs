//! The grammar of references: names, ARNs, keys, paths, stages, versions.

use crate::support::aws::Aws;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf";

/// Runs with `A` as `reference`, to the secret `id` that holds `object`.
fn read(id: &str, object: &str, reference: &str) -> Outcome {
    let aws = Aws::start().secret(id, Secret::json(object));
    let sandbox = Sandbox::new().aws(&aws);
    let outcome = sandbox.resolve(&format!("VALUE={reference}")).run();
    assert!(aws.calls().len() <= 1, "{reference}: {:?}", aws.calls());
    outcome
}

fn gives(object: &str, selector: &str, value: &str) {
    let run = read("prod/db", object, &format!("prod/db:{selector}"));
    run.launched().has("VALUE", value);
}

#[test]
fn an_arn_is_asked_for_as_it_is_written() {
    let aws = Aws::start().secret(ARN, Secret::json(r#"{"password":"p"}"#));
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.resolve(&format!("A={ARN}:password")).run();
    run.launched().has("A", "p");
    assert_eq!(aws.only_read().secret_id(), ARN);
}

#[test]
fn an_arn_as_ecs_writes_it_with_trailing_empty_fields_is_read() {
    let run = read(ARN, r#"{"password":"p"}"#, &format!("{ARN}:password::"));
    run.launched().has("VALUE", "p");
}

#[test]
fn an_arn_with_a_version_id_alone_is_read_as_ecs_reads_it() {
    let older = Secret::json(r#"{"password":"old"}"#);
    let secret = Secret::json(r#"{"password":"new"}"#).previous(older);
    let aws = Aws::start().secret(ARN, secret);
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.resolve(&format!("A={ARN}:password::{PREVIOUS_ID}"));
    run.run().launched().has("A", "old");
}

#[test]
fn an_arn_with_a_stage_and_no_key_is_the_whole_value_of_that_stage() {
    let older = Secret::json(r#"{"password":"old"}"#);
    let secret = Secret::json(r#"{"password":"new"}"#).previous(older);
    let aws = Aws::start().secret(ARN, secret);
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.resolve(&format!("A={ARN}::AWSPREVIOUS:")).run();
    assert!(run.launched().stdout().contains(r#""password":"old""#));
}

#[test]
fn the_partial_arn_of_a_secret_is_asked_for_as_it_is() {
    let partial = ARN.trim_end_matches("-AbCdEf");
    let run = read(partial, r#"{"password":"p"}"#, &format!("{partial}:password"));
    run.launched().has("VALUE", "p");
}

#[test]
fn a_name_and_the_arn_of_one_secret_both_get_its_value() {
    let secret = Secret::json(r#"{"password":"p"}"#);
    let aws = Aws::start().secret(ARN, secret.clone()).secret("prod/db", secret);
    let run = Sandbox::new().aws(&aws).resolve(&format!("A={ARN}:password")).resolve("B=prod/db:password").run();
    run.launched().has("A", "p").has("B", "p");
}

#[test]
fn a_name_may_hold_an_equals_sign() {
    let run = read("team=a/db=1", r#"{"k":"v"}"#, "team=a/db=1:k");
    run.launched().has("VALUE", "v");
}

#[test]
fn a_name_may_hold_every_character_that_aws_allows() {
    let id = "Az09/_+=.@!-x";
    read(id, r#"{"k":"v"}"#, &format!("{id}:k")).launched().has("VALUE", "v");
}

#[test]
fn the_name_of_a_secret_that_aws_manages_is_read() {
    let id = "rds!cluster-7f3a9c51-1111-4222-8333-444455556666";
    let run = read(id, r#"{"username":"u"}"#, &format!("{id}:username"));
    run.launched().has("VALUE", "u");
}

#[test]
fn trailing_empty_fields_mean_the_default() {
    let run = read("prod/db", r#"{"k":"v"}"#, "prod/db:k::");
    run.launched().has("VALUE", "v");
}

#[test]
fn a_whole_secret_may_be_written_with_empty_fields() {
    let run = read("prod/db", r#"{"k":"v"}"#, "prod/db:::");
    assert!(run.launched().stdout().contains(r#""k":"v"}"#));
}

#[test]
fn a_key_is_taken_literally() {
    gives(r#"{"a":{"b":"nested"},"a.b":"flat"}"#, "a.b", "flat");
}

#[test]
fn a_key_may_hold_blanks_brackets_and_slashes() {
    gives(r#"{"a key [0]/x":"v"}"#, "a key [0]/x", "v");
}

#[test]
fn a_key_is_not_trimmed_or_folded() {
    let object = r#"{"Key":"upper","key":"lower"," key":"blank"}"#;
    gives(object, "key", "lower");
    gives(object, " key", "blank");
}

#[test]
fn a_key_is_compared_after_the_escapes_of_json() {
    gives(r#"{"caf\u00e9\n":"v"}"#, "café\n", "v");
}

#[test]
fn the_empty_key_is_reached_by_a_path() {
    gives(r#"{"":"v"}"#, "$['']", "v");
}

#[test]
fn a_path_reaches_into_objects() {
    gives(r#"{"database":{"password":"p"}}"#, "$.database.password", "p");
}

#[test]
fn a_path_reaches_into_arrays() {
    gives(r#"{"hosts":["a","b"]}"#, "$.hosts[0]", "a");
    gives(r#"{"hosts":["a","b"]}"#, "$.hosts[-1]", "b");
}

#[test]
fn a_colon_inside_brackets_belongs_to_the_path() {
    gives(r#"{"a:b":"v"}"#, "$['a:b']", "v");
    gives(r#"{"hosts":["a","b","c"]}"#, "$.hosts[1:2]", "b");
}

#[test]
fn a_bracket_inside_quotes_does_not_end_the_path() {
    gives(r#"{"a]:b":"v"}"#, "$['a]:b']", "v");
    gives(r#"{"it's:me":"v"}"#, r#"$["it's:me"]"#, "v");
    gives(r#"{"it's:me":"v"}"#, r"$['it\'s:me']", "v");
}

#[test]
fn a_filter_with_one_match_is_a_path() {
    let object = r#"{"users":[{"role":"a:b","name":"one"},{"role":"c","name":"two"}]}"#;
    gives(object, "$.users[?@.role == 'a:b'].name", "one");
}

#[test]
fn a_stage_may_follow_a_path() {
    let older = Secret::json(r#"{"a:b":"old"}"#);
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"a:b":"new"}"#).previous(older));
    let sandbox = Sandbox::new().aws(&aws);
    let run = sandbox.resolve("A=prod/db:$['a:b']:AWSPREVIOUS").run();
    run.launched().has("A", "old");
}

#[test]
fn the_root_path_is_the_document_in_compact_json() {
    let run = read("prod/db", r#"{ "k" : [ 1, 2 ] }"#, "prod/db:$");
    assert!(run.launched().stdout().contains(r#""k":[1,2]}"#));
}

#[test]
fn a_path_with_several_matches_lists_them() {
    let run = read("prod/db", r#"{"hosts":["a","b"]}"#, "prod/db:$.hosts[*]");
    run.refused(78).says(["VALUE", "prod/db", "$.hosts[*]", "[0]", "[1]"]);
}

#[test]
fn a_path_with_many_matches_of_one_value_is_still_several() {
    let run = read("prod/db", r#"{"a":"x","b":["x"]}"#, "prod/db:$..*");
    run.refused(78).says(["VALUE", "prod/db"]);
}

#[test]
fn a_path_without_a_match_is_not_found() {
    let run = read("prod/db", r#"{"hosts":[]}"#, "prod/db:$.hosts[0]");
    run.refused(78).says(["VALUE", "prod/db", "$.hosts[0]"]);
}
