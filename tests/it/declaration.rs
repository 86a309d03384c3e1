//! Valid declarations: YAML and JSON, aliases, and the keys of an entry under `env`.

use crate::support::aws::Aws;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn database() -> Secret {
    let older = Secret::json(r#"{"host":"old.internal","port":5431}"#);
    Secret::json(r#"{"host":"db.internal","port":5432,"none":null,"empty":""}"#).previous(older)
}

fn launch(declaration: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", database()).secret("prod/eu", Secret::json(r#"{"host":"eu.internal"}"#));
    Sandbox::new().aws(&aws).declaration(declaration).run()
}

#[test]
fn yaml_and_json_say_the_same() {
    for (name, declaration) in [
        (
            "app.yaml",
            "secrets:\n  db: prod/db\nenv:\n  A: db:host\n  B: { from: \"db:x\", default: \"5\" }\n  C: { value: info }\n",
        ),
        (
            "app.conf",
            "secrets: {db: prod/db}\nenv: {A: \"db:host\", B: {from: \"db:x\", default: \"5\"}, C: {value: info}}\n",
        ),
        (
            "app.json",
            r#"{"secrets":{"db":"prod/db"},"env":{"A":"db:host","B":{"from":"db:x","default":5},"C":{"value":"info"}}}"#,
        ),
        (
            "tabs.json",
            "{\n\t\"$schema\": \"x\",\n\t\"secrets\": {\n\t\t\"db\": \"prod\\/db\"\n\t},\n\t\"env\":\t{\n\t\t\"A\": \"db:host\",\n\t\t\"B\": {\"from\": \"db:x\", \"default\": \"\\u0035\"},\n\t\t\"C\": {\"value\": \"info\"}\n\t}\n}\n",
        ),
    ] {
        let aws = Aws::start().secret("prod/db", database());
        let sandbox = Sandbox::new().aws(&aws).file(name, declaration);
        let run = sandbox.args(["-f", name]).run();
        run.launched_silently().has("A", "db.internal").has("B", "5").has("C", "info");
    }
}

#[test]
fn a_hyphen_is_the_standard_input_in_yaml_or_json() {
    for declaration in ["env:\n  A: prod/db:host\n", r#"{"env":{"A":"prod/db:host"}}"#] {
        let aws = Aws::start().secret("prod/db", database());
        let sandbox = Sandbox::new().aws(&aws).stdin(declaration);
        let run = sandbox.args(["-f", "-"]).run();
        run.launched().has("A", "db.internal");
    }
}

#[test]
fn standard_input_cannot_be_two_declarations() {
    let sandbox = Sandbox::new().stdin("env:\n  A: { value: v }\n");
    sandbox.args(["-f", "-", "-f", "-"]).run().refused(64).says(["standard input", "once"]);
}

#[test]
fn a_short_entry_is_a_reference() {
    launch("env:\n  A: prod/db:host\n  B: \"prod/db:port\"\n").launched().has("A", "db.internal").has("B", "5432");
}

#[test]
fn an_alias_stands_for_an_id() {
    launch("secrets:\n  db: prod/db\nenv:\n  A: db:host\n  B: db:$.port\n")
        .launched()
        .has("A", "db.internal")
        .has("B", "5432");
}

#[test]
fn an_alias_may_stand_for_an_arn() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf";
    let aws = Aws::start().secret(arn, database());
    let declaration = format!("secrets:\n  db: {arn}\nenv:\n  A: db:host\n");
    let run = Sandbox::new().aws(&aws).declaration(&declaration).run();
    run.launched().has("A", "db.internal");
    assert_eq!(aws.only_read().region(), "eu-west-1");
}

#[test]
fn an_alias_names_a_stage() {
    launch("secrets:\n  old: { id: prod/db, stage: AWSPREVIOUS }\nenv:\n  A: old:host\n")
        .launched()
        .has("A", "old.internal");
}

#[test]
fn an_alias_names_a_version_id() {
    let declaration = format!("secrets:\n  old: {{ id: prod/db, version-id: {PREVIOUS_ID} }}\nenv:\n  A: old:host\n");
    launch(&declaration).launched().has("A", "old.internal");
}

#[test]
fn a_stage_in_the_reference_replaces_that_of_the_alias() {
    launch("secrets:\n  old: { id: prod/db, stage: AWSPREVIOUS }\nenv:\n  A: old:host:AWSCURRENT\n")
        .launched()
        .has("A", "db.internal");
}

#[test]
fn a_stage_in_the_reference_replaces_the_version_id_of_the_alias() {
    let aws = Aws::start().secret("prod/db", database());
    let alias = format!("secrets:\n  old: {{ id: prod/db, version-id: {PREVIOUS_ID} }}\n");
    let run = Sandbox::new().aws(&aws).declaration(&format!("{alias}env:\n  A: old:host:AWSCURRENT\n")).run();
    run.launched().has("A", "db.internal");
    assert_eq!(aws.only_read().version_id(), None);
}

#[test]
fn a_version_id_in_the_reference_replaces_the_stage_of_the_alias() {
    let aws = Aws::start().secret("prod/db", database());
    let alias = "secrets:\n  db: { id: prod/db, stage: AWSCURRENT }\n";
    let run = Sandbox::new().aws(&aws).declaration(&format!("{alias}env:\n  A: db:host::{PREVIOUS_ID}\n")).run();
    run.launched().has("A", "old.internal");
    assert_eq!(aws.only_read().stage(), None);
}

#[test]
fn an_alias_names_a_region() {
    let aws = Aws::start().secret("prod/db", database());
    let declaration = "secrets:\n  db: { id: prod/db, region: eu-central-1 }\nenv:\n  A: db:host\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched().has("A", "db.internal");
    assert_eq!(aws.only_read().region(), "eu-central-1");
}

#[test]
fn an_alias_wins_over_a_secret_of_that_name() {
    let aws = Aws::start().secret("db", Secret::json(r#"{"host":"wrong"}"#)).secret("prod/db", database());
    let declaration = "secrets:\n  db: prod/db\nenv:\n  A: db:host\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched().has("A", "db.internal");
    assert_eq!(aws.only_read().secret_id(), "prod/db");
}

#[test]
fn an_alias_is_never_another_alias() {
    let aws = Aws::start().secret("prod", Secret::json(r#"{"host":"by its own name"}"#)).secret("prod/db", database());
    let declaration = "secrets:\n  prod: prod/db\n  db: prod\nenv:\n  A: db:host\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched().has("A", "by its own name");
}

#[test]
fn an_alias_serves_the_command_line_too() {
    let aws = Aws::start().secret("prod/db", database());
    let run = Sandbox::new().aws(&aws).declaration("secrets:\n  db: prod/db\n").resolve("A=db:host").run();
    run.launched().has("A", "db.internal");
}

#[test]
fn an_unused_alias_costs_no_request() {
    let aws = Aws::start().secret("prod/db", database());
    let declaration = "secrets:\n  db: prod/db\n  other: prod/other\nenv:\n  A: db:host\n";
    Sandbox::new().aws(&aws).declaration(declaration).run().launched();
    assert_eq!(aws.only_read().secret_id(), "prod/db");
}

#[test]
fn a_literal_is_its_text() {
    launch("env:\n  A: prod/db:host\n  B: { value: \"${HOME} $$ {{ x }}\" }\n  C: { value: \"\" }\n")
        .launched()
        .has("B", "${HOME} $$ {{ x }}")
        .has("C", "");
}

#[test]
fn where_text_is_expected_a_yaml_scalar_is_its_text() {
    let declaration = "env:\n  A: { from: \"prod/db:x\", default: 007 }\n  B: { value: 1.10 }\n  C: { value: true }\n  D: { value: 0x1F }\n  E: { value: no }\n  F: { value: 2026-11-20 }\n  G: { value: \"null\" }\n  H: { value: 1e3 }\n";
    launch(declaration)
        .launched()
        .has("A", "007")
        .has("B", "1.10")
        .has("C", "true")
        .has("D", "0x1F")
        .has("E", "no")
        .has("F", "2026-11-20")
        .has("G", "null")
        .has("H", "1e3");
}

#[test]
fn a_yaml_tag_is_refused_but_that_of_text() {
    launch("env:\n  B: { value: !!str 007 }\n").launched().has("B", "007");
    let run = launch("env:\n  A: { value: !!int 5 }\n");
    run.refused(78).says(["secrets-exec.yaml:2:", "!!str"]);
}

#[test]
fn a_yaml_anchor_is_resolved() {
    launch("env:\n  A: &ref { from: \"prod/db:host\", default: d }\n  B: *ref\n")
        .launched()
        .has("A", "db.internal")
        .has("B", "db.internal");
}
