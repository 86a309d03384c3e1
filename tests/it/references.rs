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

/// Asserts that a reference is wrong wherever it stands, whatever `default` and `optional` say, and that nothing is requested.
fn is_wrong(reference: &str, message: &str) {
    let aws = Aws::start();
    let run = Sandbox::new().aws(&aws).resolve(&format!("A={reference}")).run();
    // It may be a secret.
    run.refused(64).says(["A", "--env"]).says_nothing_of(reference);
    for absence in ["default: d", "optional: true"] {
        let entry = format!("env:\n  A: {{ from: {reference:?}, {absence} }}\n");
        let run = Sandbox::new().aws(&aws).declaration(&entry).run();
        run.refused(78).says(["secrets-exec.yaml", message]);
    }
    assert!(aws.calls().is_empty(), "{reference}: {:?}", aws.calls());
}

#[test]
fn a_path_that_does_not_parse_is_a_wrong_reference() {
    for path in ["$.", "$.a[", "$['a", "$[?@.a = 1]"] {
        is_wrong(&format!("prod/db:{path}"), &format!("{path:?} is not a JSONPath (RFC 9535)"));
    }
}

#[test]
fn a_stage_over_256_characters_is_a_wrong_reference() {
    is_wrong(&format!("prod/db:k:{}", "s".repeat(257)), "has a staging label of more than 256 characters");
    let run = read("prod/db", "{}", &format!("prod/db:k:{}", "s".repeat(256)));
    run.refused(78).says(["has no such version"]);
}

#[test]
fn a_version_id_without_32_to_64_characters_is_a_wrong_reference() {
    for id in ["1", &"i".repeat(31), &"i".repeat(65)] {
        is_wrong(&format!("prod/db:k::{id}"), "has a version id that does not have 32 to 64 characters");
        is_wrong(&format!("{ARN}:k:AWSCURRENT:{id}"), "has a version id that does not have 32 to 64 characters");
    }
}

#[test]
fn a_parameters_version_that_is_no_number_above_zero_is_a_wrong_reference() {
    for version in ["0", "-1", "1.5", "latest", "99999999999999999999"] {
        is_wrong(&format!("ssm:/app/db:k::{version}"), "has a version that is not a number above zero");
    }
}

#[test]
fn a_label_that_no_parameter_can_have_is_a_wrong_reference() {
    for (label, message) in [
        ("1st", "has a label that begins with a digit"),
        ("AwsLabel", "has a label that begins with \"aws\" or \"ssm\""),
        ("AWSCURRENT", "has a label that begins with \"aws\" or \"ssm\""),
        ("a+b", "has a label with a character that is not one of"),
        (&"l".repeat(101), "has a label of more than 100 characters"),
    ] {
        is_wrong(&format!("ssm:/app/db:k:{label}"), message);
    }
}

#[test]
fn a_label_that_is_a_number_hints_at_the_field_of_the_version() {
    is_wrong("ssm:/p::1", "for that version write ssm:/p:::1");
    is_wrong("ssm:/p:k:12:", "for that version write ssm:/p:k::12");
}

#[test]
fn an_alias_with_a_version_that_cannot_be_is_told_where_it_is_written() {
    let long = "s".repeat(257);
    for (alias, message) in [
        ("id: prod/db, version-id: v1".to_owned(), "has a version id that does not have 32 to 64 characters"),
        (format!("id: prod/db, stage: {long}"), "has a staging label of more than 256 characters"),
        ("id: \"ssm:/p\", stage: 1".to_owned(), "for that version write `version-id: \"1\"`"),
        ("id: \"ssm:/p\", version-id: 0".to_owned(), "has a version that is not a number above zero"),
    ] {
        let declaration = format!("secrets:\n  db: {{ {alias} }}\nenv:\n  A: {{ from: \"db:k\", default: d }}\n");
        let run = Sandbox::new().aws(&Aws::start()).declaration(&declaration).run();
        run.refused(78).says(["secrets-exec.yaml:2:", message]);
        assert_eq!(run.stderr().lines().count(), 1, "{}", run.stderr());
    }
}

#[test]
fn an_alias_whose_id_is_a_variable_is_checked_where_it_is_used() {
    let declaration = "secrets:\n  db: { id: \"${ID}\", version-id: v1 }\nenv:\n  A: { from: \"db:k\", default: d }\n";
    let run = Sandbox::new().aws(&Aws::start()).env("ID", ARN).declaration(declaration).run();
    run.refused(78).says(["A (secrets-exec.yaml:4", "has a version id that does not have 32 to 64 characters"]);
}
