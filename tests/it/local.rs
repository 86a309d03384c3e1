//! `--local FILE`: the same references and semantics from a file, with no AWS at all.

use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox};

const SECRETS: &str = r#"{
  "zz": "cAnArY-7f3a9c51",
  "prod/db": { "host": "db.internal", "port": 5432, "ratio": 1.10, "big": 12345678901234567890, "none": null, "z": { "b": 1, "a": [true] } },
  "plain": "line one\nline two\n",
  "text": "{\"host\":\"from text\"}",
  "staged": { "$stages": { "AWSCURRENT": { "k": "new" }, "AWSPREVIOUS": { "k": "old" } } },
  "bytes": { "$binary": "//4BgA==" },
  "older-bytes": { "$stages": { "AWSCURRENT": "now", "AWSPREVIOUS": { "$binary": "//4BgA==" } } },
  "ssm:/prod/level": "debug",
  "mixed": { "$binary": "eA==", "other": "kept" },
  "name-AbCdEf": "by the whole resource name",
  "name": "by the name without its suffix",
  "short": "by the short name"
}"#;

fn launch(reference: &str) -> Outcome {
    let sandbox = Sandbox::new().local(SECRETS);
    sandbox.resolve(&format!("A={reference}")).run()
}

fn gives(reference: &str, value: impl AsRef<[u8]>) {
    launch(reference).launched().has("A", value);
}

#[test]
fn it_needs_neither_region_nor_credentials_and_says_one_line() {
    let run = launch("prod/db:host");
    run.launched().has("A", "db.internal").says(["local.json"]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
}

#[test]
fn values_become_variables_as_those_of_aws_do() {
    gives("prod/db:port", "5432");
    gives("prod/db:z", r#"{"b":1,"a":[true]}"#);
    gives("prod/db:$.z.a[0]", "true");
    gives("plain", "line one\nline two\n");
}

#[test]
fn the_spelling_of_a_number_is_kept_in_json() {
    gives("prod/db:ratio", "1.10");
    gives("prod/db:big", "12345678901234567890");
}

#[test]
fn a_string_that_is_json_has_keys() {
    gives("text:host", "from text");
    gives("text", r#"{"host":"from text"}"#);
}

#[test]
fn an_object_as_a_whole_is_its_json() {
    let run = Sandbox::new().local(&format!(r#"{{"x":{{"b":1.10,"a":"{CANARY}"}}}}"#)).resolve("A=x").run();
    run.launched().has("A", format!(r#"{{"b":1.10,"a":"{CANARY}"}}"#));
}

#[test]
fn stages_are_versions() {
    gives("staged:k", "new");
    gives("staged:k:AWSCURRENT", "new");
    gives("staged:k:AWSPREVIOUS", "old");
}

#[test]
fn a_stage_that_is_not_there_is_an_absence() {
    launch("staged:k:AWSPENDING").refused(78).says(["A", "staged", "AWSPENDING"]);
    let run =
        Sandbox::new().local(SECRETS).declaration("env:\n  A: { from: \"staged:k:AWSPENDING\", default: d }\n").run();
    run.launched().has("A", "d");
}

#[test]
fn a_secret_without_stages_has_only_the_current_one() {
    gives("prod/db:host:AWSCURRENT", "db.internal");
    launch("prod/db:host:AWSPREVIOUS").refused(78).says(["AWSPREVIOUS"]);
}

#[test]
fn binary_gives_bytes() {
    gives("bytes", b"\xff\xfe\x01\x80");
    gives("older-bytes::AWSPREVIOUS", b"\xff\xfe\x01\x80");
}

#[test]
fn binary_beside_another_key_is_an_ordinary_object() {
    gives("mixed:$['$binary']", "eA==");
    gives("mixed:other", "kept");
}

#[test]
fn a_parameter_is_found_under_its_whole_reference() {
    gives("ssm:/prod/level", "debug");
    gives("arn:aws:ssm:us-east-1:123456789012:parameter/prod/level", "debug");
}

#[test]
fn a_key_may_look_like_the_end_of_a_path() {
    let secrets = format!(r#"{{"x":{{"$]  ":"v","a] b":"w","c":"{CANARY}"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=x:$['$]  ']").resolve("B=x:$['a] b']").run();
    run.launched().has("A", "v").has("B", "w");
}

#[test]
fn a_parameters_version_in_the_place_of_its_key_is_told() {
    launch("ssm:/prod/level:3").refused(78).says(["ssm:/prod/level:::3"]);
    launch("ssm:/prod/level::blue:3").refused(64).says(["label", "version"]);
}

#[test]
fn an_arn_is_found_by_its_resource_name_and_then_without_its_suffix() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret";
    gives(&format!("{arn}:name-AbCdEf"), "by the whole resource name");
    gives(&format!("{arn}:short-AbCdEf"), "by the short name");
    gives(&format!("{arn}:prod/db-XyZ123:host"), "db.internal");
}

#[test]
fn a_name_is_not_found_without_its_suffix() {
    launch("short-AbCdEf").refused(78).says(["short-AbCdEf"]);
}

#[test]
fn regions_and_roles_are_ignored() {
    let declaration = "secrets:\n  db: { id: prod/db, region: eu-west-1, role-arn: \"arn:aws:iam::123456789012:role/r\" }\nenv:\n  A: db:host\n";
    let run = Sandbox::new().local(SECRETS).declaration(declaration).run();
    run.launched().has("A", "db.internal");
}

#[test]
fn a_secret_that_is_not_there_is_an_absence() {
    launch("gone:k").refused(78).says(["A", "gone"]);
    let run = Sandbox::new().local(SECRETS).declaration("env:\n  A: { from: \"gone:k\", optional: true }\n").run();
    run.launched().lacks("A");
}

#[test]
fn null_and_a_missing_key_are_absences() {
    launch("prod/db:none").refused(78).says(["A", "none"]);
    launch("prod/db:hots").refused(78).says(["A", "hots", "host"]);
    launch("prod/db:$.hots").refused(78).says(["A", "$.hots", "did you mean \"host\"?"]);
}

#[test]
fn yaml_serves_as_json_does() {
    for (name, content) in [
        ("local.yaml", "prod/db:\n  host: db.internal\n  port: 5432\n  on: true\nplain: |\n  one\n  two\n"),
        (
            "local.json",
            "{\n\t\"prod\\/db\": {\"host\": \"db.internal\",\t\"port\": 5432, \"on\": true},\n\t\"plain\": \"one\\ntwo\\n\"\n}\n",
        ),
    ] {
        let run = Sandbox::new()
            .file(name, content)
            .args(["--local", name])
            .resolve("HOST=prod/db:host")
            .resolve("PORT=prod/db:port")
            .resolve("ON=prod/db:on")
            .resolve("PLAIN=plain")
            .run();
        run.launched().has("HOST", "db.internal").has("PORT", "5432").has("ON", "true").has("PLAIN", "one\ntwo\n");
    }
}

#[test]
fn it_may_come_from_a_variable_of_ours_or_not_but_never_silently() {
    let run = Sandbox::new()
        .file("local.json", SECRETS)
        .env("SECRETS_EXEC_LOCAL", "local.json")
        .resolve("A=prod/db:host")
        .run();
    assert!(!run.stderr.is_empty(), "{run}");
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let run = Sandbox::new().args(["--local", "nowhere.json"]).resolve("A=x").run();
    assert!(matches!(run.status, Status::Exit(64 | 78)), "{run}");
    run.says(["nowhere.json"]);
}

#[test]
fn binary_that_is_no_base64_is_an_error() {
    let secrets = format!(r#"{{"zz":"{CANARY}","x":{{"$binary":"***"}}}}"#);
    let run = Sandbox::new().local(&secrets).resolve("A=x").run();
    assert!(matches!(run.status, Status::Exit(64 | 78)), "{run}");
    run.says_one_of(["base64", "$binary"]);
}

#[test]
fn a_key_of_a_damaged_file_that_could_hold_a_value_is_not_quoted() {
    let damaged = [
        "prod/db: { host: h, password~ 'hunter2 cAnArY-7f3a9c51' }\n",
        "prod/db: { host: h, ? \"password: cAnArY-7f3a9c51\" : x }\n",
        "prod/db: { host: h, password=cAnArY-7f3a9c51 }\n",
        "{\"prod/db\": {\"host\": \"h\", \"password: cAnArY-7f3a9c51\": 1}}",
    ];
    for text in damaged {
        let sandbox = || Sandbox::new().local(text);
        // The sandbox fails a run whose error quotes the canary.
        sandbox().resolve("A=prod/db:nothing-like-it").run().refused(78).says(["host"]);
        sandbox().resolve("A=prod/db:$.passwort").run().refused(78);
        sandbox().resolve("A=prod/db:$.*").run();
    }
}

#[test]
fn a_damaged_file_is_refused_without_its_values() {
    for text in [
        "prod/db:\n  password: 'cAnArY-7f3a9c51\n",
        "prod/db: *cAnArY-7f3a9c51\n",
        "prod/db: !cAnArY-7f3a9c51 x\n",
        "a: 'cAnArY-7f3a9c51': b\n",
        "a: \"\\cAnArY-7f3a9c51\"\n",
        "'x cAnArY-7f3a9c51': 1\n'x cAnArY-7f3a9c51': 2\n",
        "'x cAnArY-7f3a9c51': [1]\n",
        "prod/db: { a: b }\ncAnArY-7f3a9c51:\n",
        "prod/db: { cAnArY-7f3a9c51, cAnArY-7f3a9c51 }\n",
        "{\"prod/db\": {\"a\": \"b\"}, \"cAnArY-7f3a9c51\": null}",
        "{\"a\": \"b\" cAnArY-7f3a9c51}",
        "{\"a\": \"cAnArY-7f3a9c51\\x\"}",
        "{\"x cAnArY-7f3a9c51\": 1, \"x cAnArY-7f3a9c51\": 2}",
    ] {
        let run = Sandbox::new().local(text).resolve("A=prod/db").run();
        run.refused(78).says(["local.json"]);
    }
}

#[test]
fn a_variable_that_a_damaged_key_makes_is_not_named() {
    let secrets = "{\"prod/db\": {\"password~ cAnArY-7f3a9c51\": \"x\", \"nul~ hunter2\": \"\\u0000\"}}";
    let run = Sandbox::new().local(secrets).args(["-v", "--env-from", "prod/db"]).run();
    run.refused(78).says(["a key that could be a value"]).says_nothing_of("HUNTER2");
}
