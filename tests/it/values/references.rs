//! The grammar of references: names, ARNs, keys, paths, stages, versions.

use super::{ARN, declared};
use crate::support::aws::Aws;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::sandbox::Sandbox;

const NAME: &str = "prod/db";

#[test]
fn a_reference_reads_the_value_that_it_names() {
    let partial = ARN.trim_end_matches("-AbCdEf");
    let password = r#"{"password":"p-4c7a1e"}"#;
    let users = r#"{"users":[{"role":"a:4c7a1e","name":"one-4c7a1e"},{"role":"c-4c7a1e","name":"two-4c7a1e"}]}"#;
    let hosts = r#"{"hosts":["a-4c7a1e","b-4c7a1e","c-4c7a1e"]}"#;
    let old = r#"{"password":"old-4c7a1e","a:b":"old-4c7a1e"}"#;
    let whole = r#"{"k":[1,2]}"#;
    for (case, id, object, rest, value) in [
        ("an ARN is asked for as it is written", ARN, password, ":password", "p-4c7a1e"),
        ("trailing empty fields, as ECS writes them", ARN, password, ":password::", "p-4c7a1e"),
        ("a version id alone", ARN, password, &format!(":password::{PREVIOUS_ID}"), "old-4c7a1e"),
        ("a stage and its version id", ARN, password, &format!(":password:AWSPREVIOUS:{PREVIOUS_ID}"), "old-4c7a1e"),
        ("a stage and no key is a whole value", ARN, password, "::AWSPREVIOUS:", old),
        ("a partial ARN is asked for as it is", partial, password, ":password", "p-4c7a1e"),
        ("an equals sign in a name", "team=a/db=1", password, ":password", "p-4c7a1e"),
        ("every character that a name may have", "Az09/_+=.@!-x", password, ":password", "p-4c7a1e"),
        ("a whole value", NAME, r#"{"k":[1,2]}"#, "", whole),
        ("a whole value with empty fields", NAME, r#"{"k":[1,2]}"#, ":::", whole),
        ("the root of a path is compact JSON", NAME, r#"{ "k" : [ 1, 2 ] }"#, ":$", whole),
        ("a key is taken literally", NAME, r#"{"a":{"b":1},"a.b['c']":"flat-4c7a1e"}"#, ":a.b['c']", "flat-4c7a1e"),
        ("blanks, brackets and slashes in a key", NAME, r#"{"a key [0]/x":"v-4c7a1e"}"#, ":a key [0]/x", "v-4c7a1e"),
        ("a key is not folded", NAME, r#"{"Key":"upper-4c7a1e","key":"lower-4c7a1e"}"#, ":key", "lower-4c7a1e"),
        ("a key is not trimmed", NAME, r#"{"key":"lower-4c7a1e"," key":"blank-4c7a1e"}"#, ": key", "blank-4c7a1e"),
        ("a key after the escapes of JSON", NAME, r#"{"caf\u00e9\n":"v-4c7a1e"}"#, ":café\n", "v-4c7a1e"),
        ("the empty key", NAME, r#"{"":"v-4c7a1e"}"#, ":$['']", "v-4c7a1e"),
        ("a path into objects", NAME, r#"{"database":{"password":"p-4c7a1e"}}"#, ":$.database.password", "p-4c7a1e"),
        ("a path into an array", NAME, hosts, ":$.hosts[0]", "a-4c7a1e"),
        ("a path to the end of an array", NAME, hosts, ":$.hosts[-1]", "c-4c7a1e"),
        ("a colon of a slice", NAME, hosts, ":$.hosts[1:2]", "b-4c7a1e"),
        ("a colon within quotes", NAME, r#"{"a:b":"v-4c7a1e"}"#, ":$['a:b']", "v-4c7a1e"),
        ("a bracket within quotes", NAME, r#"{"a]:b":"v-4c7a1e"}"#, ":$['a]:b']", "v-4c7a1e"),
        ("a quote within quotes", NAME, r#"{"it's:me":"v-4c7a1e"}"#, r#":$["it's:me"]"#, "v-4c7a1e"),
        ("an escaped quote", NAME, r#"{"it's:me":"v-4c7a1e"}"#, r":$['it\'s:me']", "v-4c7a1e"),
        ("an escaped quote before a bracket", NAME, r#"{"a\"]:b":"v-4c7a1e"}"#, r#":$["a\"]:b"]::"#, "v-4c7a1e"),
        ("a filter with one match", NAME, users, ":$.users[?@.role == 'a:4c7a1e'].name", "one-4c7a1e"),
        ("a stage after a path", NAME, r#"{"a:b":"new-4c7a1e"}"#, ":$['a:b']:AWSPREVIOUS", "old-4c7a1e"),
    ] {
        let older = Secret::text(old);
        let aws = Aws::start().secret(id, Secret::text(object).previous(older));
        let run = Sandbox::new().aws(&aws).case(case).resolve(&format!("VALUE={id}{rest}")).run();
        run.launched().has("VALUE", value);
        assert_eq!(aws.only_read().secret_id(), id, "{case}");
    }
}

#[test]
fn a_wrong_reference_is_an_error_before_any_request_despite_default_or_optional() {
    let [stage, label] = ["prod/db", "ssm:/app/db"].map(|secret| format!("{secret}:k:{}", "x".repeat(257)));
    for (reference, message) in [
        ("prod/db:$.", "is not a JSONPath (RFC 9535)"),
        (&*stage, "has a staging label of more than 256 characters"),
        (&*label, "has a staging label of more than 256 characters"),
        (&format!("{ARN}:k:AWSCURRENT:1"), "has a version id that does not have 32 to 64 characters"),
    ] {
        let aws = Aws::start();
        let run = Sandbox::new().aws(&aws).case(reference).resolve(&format!("A={reference}")).run();
        // It may be a secret.
        run.refused(64).says(["A", "--env"]).says_nothing_of(reference);
        for absence in ["default: d", "optional: true"] {
            let run = declared(&aws, &format!("env:\n  A: {{ from: {reference:?}, {absence} }}\n")).run();
            run.refused(78).says(["secrets-exec.yaml", message]);
        }
        assert!(aws.calls().is_empty(), "{reference}: {:?}", aws.calls());
    }
}

#[test]
fn a_staging_label_of_256_characters_and_a_version_id_of_64_are_accepted() {
    let reference = format!("A=x:k:{}:{}", "ä".repeat(256), "i".repeat(64));
    Sandbox::new().args(["check", "--offline"]).bare().resolve(&reference).run().launched();
}

#[test]
fn an_alias_with_an_impossible_version_is_reported_once_where_it_is_written() {
    let read = |alias: &str| {
        let declaration = format!("secrets:\n  db: {{ {alias} }}\nenv:\n  A: {{ from: \"db:k\", default: d }}\n");
        declared(&Aws::start(), &declaration).env("ID", ARN).run()
    };
    let run = read(&format!("id: prod/db, stage: {}", "s".repeat(257)));
    run.refused(78).says(["secrets-exec.yaml:2:", "has a staging label of more than 256 characters"]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
    // The store is known when the variable is.
    let run = read("id: \"${ID}\", version-id: v1");
    run.refused(78).says(["A (secrets-exec.yaml:4", "has a version id that does not have 32 to 64 characters"]);
}
