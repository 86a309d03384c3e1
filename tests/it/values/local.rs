//! `--local FILE`: the same references and semantics from a file, with no AWS at all.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::deadline::ends_within;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};

const SECRETS: &str = r#"{
  "prod\/db": {	"host": "db.internal",	"port": 5432, "ratio": 1.10, "big": 12345678901234567890, "none": null, "z": { "b": 1, "a": [true] } },
  "plain": "line one\nline two\n",
  "text": "{\"host\":\"from text\"}",
  "staged": { "$stages": { "AWSCURRENT": { "k": "new-4c7a1e" }, "AWSPREVIOUS": { "k": "old-4c7a1e" } } },
  "bytes": { "$binary": "//4BgA==" },
  "older-bytes": { "$stages": { "AWSCURRENT": "now-4c7a1e", "AWSPREVIOUS": { "$binary": "//4BgA==" } } },
  "ssm:/prod/level": "debug-4c7a1e",
  "mixed": { "$binary": "eC00YzdhMWU=", "other": "kept-4c7a1e" },
  "name-AbCdEf": "by the whole resource name",
  "name": "by the name without its suffix",
  "short": "by the short name",
  "whole": { "b": 1.10, "a": "cAnArY-7f3a9c51" },
  "odd": { "$]  ": "v-4c7a1e", "a] b": "w-4c7a1e" },
  "ssm:flat": "f-4c7a1e"
}"#;

#[test]
fn a_similar_name_is_looked_for_for_twenty_absent_secrets_at_most() {
    let names = (0..200).map(|number| (format!("prod/service-{number}"), Value::from(CANARY)));
    let sandbox = Sandbox::new().local(&Value::Object(Map::from_iter(names)).to_string());
    let absent = (0..30).fold(sandbox, |sandbox, number| sandbox.resolve(&format!("A{number}=prod/servicee-{number}")));
    let run = absent.run();
    run.refused(78).says(["prod/servicee-29", "30 values could not be read"]);
    assert_eq!(run.stderr().matches("did you mean").count(), 20, "{run}");
}

fn read_locally(reference: &str) -> Outcome {
    Sandbox::new().local(SECRETS).case(reference).resolve(&format!("A={reference}")).run()
}

#[test]
fn a_local_file_needs_neither_region_nor_credentials_and_prints_one_line() {
    let run = read_locally("prod/db:host");
    run.launched().has("A", "db.internal").says(["local.json"]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
    let sandbox = Sandbox::new().file("local.json", SECRETS).env("SECRETS_EXEC_LOCAL", "local.json");
    let run = sandbox.resolve("A=prod/db:host").run();
    assert!(!run.stderr.is_empty(), "a variable may not choose it silently: {run}");
}

#[test]
fn a_reference_has_the_value_that_aws_would_give_it() {
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}");
    for (reference, value) in [
        ("prod/db:port", "5432"),
        ("prod/db:ratio", "1.10"),
        ("prod/db:big", "12345678901234567890"),
        ("prod/db:z", r#"{"b":1,"a":[true]}"#),
        ("prod/db:$.z.a[0]", "true"),
        ("whole", r#"{"b":1.10,"a":"cAnArY-7f3a9c51"}"#),
        ("plain", "line one\nline two\n"),
        ("text:host", "from text"),
        ("text", r#"{"host":"from text"}"#),
        ("prod/db:host:AWSCURRENT", "db.internal"),
        ("staged:k", "new-4c7a1e"),
        ("staged:k:AWSCURRENT", "new-4c7a1e"),
        ("staged:k:AWSPREVIOUS", "old-4c7a1e"),
        ("mixed:$['$binary']", "eC00YzdhMWU="),
        ("mixed:other", "kept-4c7a1e"),
        ("odd:$['$]  ']", "v-4c7a1e"),
        ("odd:$['a] b']", "w-4c7a1e"),
        ("ssm:/prod/level", "debug-4c7a1e"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/prod/level", "debug-4c7a1e"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/flat", "f-4c7a1e"),
        (&arn("name-AbCdEf"), "by the whole resource name"),
        (&arn("short-AbCdEf"), "by the short name"),
        (&arn("prod/db-XyZ123:host"), "db.internal"),
    ] {
        read_locally(reference).launched().has("A", value);
    }
    for reference in ["bytes", "older-bytes::AWSPREVIOUS"] {
        read_locally(reference).launched().has("A", b"\xff\xfe\x01\x80");
    }
    let role = "role-arn: \"arn:aws:iam::123456789012:role/r\"";
    let declaration = format!("secrets:\n  db: {{ id: prod/db, region: eu-west-1, {role} }}\nenv:\n  A: db:host\n");
    Sandbox::new().local(SECRETS).declaration(&declaration).run().launched().has("A", "db.internal");
}

#[test]
fn what_is_not_there_is_an_absence() {
    for (reference, facts) in [
        ("staged:k:AWSPENDING", &["staged", "AWSPENDING"][..]),
        ("plain:::d0d0d0d0-1111-4222-8333-444455556666", &["plain", "d0d0d0d0"]),
        ("prod/db:host:AWSPREVIOUS", &["AWSPREVIOUS"]),
        ("short-AbCdEf", &["short-AbCdEf"]),
        ("gone:k", &["gone"]),
        ("prod/bd:k", &["prod/bd", "did you mean \"prod/db\"?"]),
        ("prod/db:none", &["none"]),
        ("prod/db:hots", &["hots", "did you mean \"host\"?"]),
        ("prod/db:$.hots", &["$.hots"]),
    ] {
        read_locally(reference).refused(78).says(["A (--env, "]).says(facts.iter().copied());
        let entry = format!("env:\n  A: {{ from: \"{reference}\", default: d }}\n");
        Sandbox::new().local(SECRETS).case(reference).declaration(&entry).run().launched().has("A", "d");
    }
    read_locally("ssm:/prod/level:3").refused(78).says(["ssm:/prod/level:::3"]);
}

#[test]
fn the_spelling_of_a_number_is_kept_and_what_is_no_number_in_json_is_text() {
    let yaml =
        "x: {z: 1.10, n: [1E400,-0,~], a: [true,null,00710000,0x1F4c7a,+1000000,.5000000,yes,True,'10000000','null']}";
    let texts = r#""00710000","0x1F4c7a","+1000000",".5000000","yes","True","10000000","null""#;
    let json = format!(r#"{{"z":1.10,"n":[1E400,-0,null],"a":[true,null,{texts}]}}"#);
    Sandbox::new().local(yaml).resolve("A=x").run().launched().has("A", json);
    Sandbox::new().local("x: 0071000000\n").resolve("A=x").run().launched().has("A", "0071000000");
}

#[test]
fn a_key_of_a_damaged_file_that_could_hold_a_value_is_not_quoted() {
    let damaged = [
        "prod/db: { host: h-4c7a1e, password~ 'hunter2 cAnArY-7f3a9c51' }\n",
        "prod/db: { host: h-4c7a1e, ? \"password: cAnArY-7f3a9c51\" : x-4c7a1e }\n",
        "prod/db: { host: h-4c7a1e, password=cAnArY-7f3a9c51 }\n",
        "{\"prod/db\": {\"host\": \"h-4c7a1e\", \"password: cAnArY-7f3a9c51\": 1}}",
    ];
    for text in damaged {
        let sandbox = || Sandbox::new().local(text);
        // The sandbox fails a run whose error quotes the canary.
        sandbox().resolve("A=prod/db:nothing-like-it").run().refused(78).says(["host"]);
        sandbox().resolve("A=prod/db:$.passwort").run().refused(78);
        sandbox().resolve("A=prod/db:$.*").run().refused(78).says(["$.* matches 2 values"]);
    }
}

#[test]
fn a_damaged_file_is_refused_without_its_values() {
    for text in [
        "prod/db:\n  password: 'cAnArY-7f3a9c51\n",
        "prod/db: *cAnArY-7f3a9c51\n",
        "prod/db: !cAnArY-7f3a9c51 x-4c7a1e\n",
        "a: 'cAnArY-7f3a9c51': b-4c7a1e\n",
        "x: [cAnArY-7f3a9c51\ny: }\n",
        "- cAnArY-7f3a9c51\n",
        "[\"cAnArY-7f3a9c51\"]",
        "{\"x\": \"cAnArY-7f3a9c51\",,}",
        "{\"x\": {\"$binary\": \"cAnArY-7f3a9c51\"}}",
        "{\"x\": {\"$stages\": \"cAnArY-7f3a9c51\"}}",
        "a: \"\\cAnArY-7f3a9c51\"\n",
        "'x cAnArY-7f3a9c51': 1\n'x cAnArY-7f3a9c51': 2\n",
        "'x cAnArY-7f3a9c51': [1]\n",
        "prod/db: { a: b-4c7a1e }\ncAnArY-7f3a9c51:\n",
        "prod/db: { cAnArY-7f3a9c51, cAnArY-7f3a9c51 }\n",
        "{\"prod/db\": {\"a\": \"b-4c7a1e\"}, \"cAnArY-7f3a9c51\": null}",
        "{\"a\": \"b-4c7a1e\" cAnArY-7f3a9c51}",
        "{\"a\": \"cAnArY-7f3a9c51\\x\"}",
        "{\"x cAnArY-7f3a9c51\": 1, \"x cAnArY-7f3a9c51\": 2}",
    ] {
        let run = Sandbox::new().local(text).resolve("A=prod/db").run();
        run.refused(78).says(["local.json"]);
    }
}

#[test]
fn a_variable_that_a_damaged_key_makes_is_not_named() {
    let secrets = "{\"prod/db\": {\"password~ cAnArY-7f3a9c51\": \"x-4c7a1e\", \"nul~ hunter2\": \"x-4c7a1e\\u0000\"}}";
    let run = Sandbox::new().local(secrets).args(["-v", "--env-from", "prod/db"]).run();
    run.refused(78).says(["key 2, not printed"]).says_nothing_of("HUNTER2");
}

#[test]
fn what_has_no_end_is_75_at_the_deadline() {
    let object: Map<String, Value> = (0..400).map(|n| (format!("k{n}"), CANARY.into())).collect();
    let path = r#""x:$[?count($..[?count($..[?count($..*)>1])>1])>1]""#;
    let template =
        "{% set t = x.t * 100 %}{% for i in range(99999) %}{% if t ~ 'y' in t %}{{ i }}{% endif %}{% endfor %}";
    let text = json!({"x": {"t": CANARY.repeat(4_000)}});
    for (secrets, entry) in [(json!({"x": object}), path), (text, &format!("{{ template: {template:?} }}"))] {
        let declaration = format!("secrets: {{ x: x }}\nenv:\n  A: {entry}\n");
        let sandbox = Sandbox::new().arg("-q").local(&secrets.to_string()).declaration(&declaration);
        ends_within(Duration::from_millis(1200), sandbox).refused(75).says(["timed out", "does not end"]);
    }
    // A pull request's declaration, before any secret is read.
    let declaration = format!("env:\n  A: {{ template: {:?} }}\n", template.replace("x.t * 100", "'canary' * 500000"));
    let sandbox = Sandbox::new().args(["check", "--offline"]).declaration(&declaration).bare();
    let run = ends_within(Duration::from_millis(1200), sandbox);
    run.ended(Status::Exit(75)).says(["timed out while waiting for the templates", "does not end"]);
}
