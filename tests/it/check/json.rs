//! `check --json`: one document on standard output, whatever fails.

use serde_json::{Value, json};

use crate::support::aws::secret::{CURRENT_ID, Secret};
use crate::support::aws::{Aws, fault, served};
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

fn check_as_json(aws: &Aws) -> Sandbox {
    super::check(aws).arg("--json")
}

/// The document, whose exit status is that of the run.
fn document(run: &Outcome, status: i32) -> Value {
    run.ended(Status::Exit(status));
    let document = run.document();
    assert_eq!(document["format"], 1, "{run}");
    assert_eq!((&document["exit_status"], &document["ok"]), (&json!(status), &json!(status == 0)), "{run}");
    document
}

#[test]
fn a_credential_has_its_unit_and_its_name() {
    let run = Sandbox::new().args(["check", "--offline", "--json"]);
    let run = run.declaration("credentials: { \"app@*.service\": { tok: \"x:k\" } }\n").bare().run();
    let document = document(&run, 0);
    let value = &document["values"][0];
    assert_eq!((&document["source"], &value["status"]), (&Value::Null, &json!("valid")), "{run}");
    assert_eq!(value["sources"][0]["status"], "valid", "{run}");
    assert_eq!(value["credential"], json!({ "unit": "app@*.service", "name": "tok" }), "{run}");
    assert_eq!(
        (&value["label"], &value["variable"], &value["file"]),
        (&json!("app@*.service/tok"), &json!(null), &json!(null))
    );
}

#[test]
fn a_value_has_every_field() {
    let aws = served();
    let run = check_as_json(&aws).declaration("env:\n  A: x:k\n").run();
    let mut document = document(&run, 0);
    let source = &mut document["values"][0]["sources"][0];
    assert!(source["age_seconds"].take().is_u64(), "{run}");
    assert_eq!(
        document,
        json!({
            "format": 1,
            "ok": true,
            "values_read": true, "exit_status": 0,
            "source": "aws",
            "caller": {
                "account": "123456789012",
                "arn": "arn:aws:iam::123456789012:user/of-the-test",
                "credentials": "environment",
            },
            "command": null,
            "values": [{
                "label": "A",
                "variable": "A",
                "file": null,
                "credential": null,
                "origin": "secrets-exec.yaml:2",
                "kind": "reference",
                "reference": "x:k",
                "status": "ok",
                "error": null,
                "note": null,
                "messages": [],
                "sources": [{
                    "id": "x",
                    "store": "secretsmanager",
                    "key": "k",
                    "region": "us-east-1",
                    "role": null,
                    "version": CURRENT_ID,
                    "stages": ["AWSCURRENT"],
                    "created": "2018-04-11T20:05:45Z",
                    "age_seconds": null,
                    "regions_passed_over": [],
                    "cached": null,
                    "status": "ok",
                    "error": null,
                }],
            }],
            "overridden": [],
            "secrets": [],
            "messages": [],
        }),
        "{run}"
    );
}

#[test]
fn each_failure_has_a_code_and_its_messages() {
    let aws = served();
    let run = check_as_json(&aws).resolve("A=x:nothing").resolve("B=nothing").run();
    let document = document(&run, 78);
    let errors = [0, 1].map(|at| document["values"][at]["error"].as_str().unwrap());
    assert_eq!(errors, ["key-not-found", "not-found"], "{run}");
    let message = document["values"][0]["messages"][0].as_str().unwrap();
    assert!(message.contains("has no key \"nothing\""), "{message}");
    assert_eq!(document["values"][0]["sources"][0]["status"], "ok", "the secret itself was read: {run}");
    assert_eq!(document["values"][1]["sources"][0]["error"], "not-found");
    // As `--log-format json` prints them.
    let first = &document["messages"][0];
    assert_eq!((&first["level"], &first["secret"]), (&json!("error"), &json!("x")), "{run}");
    assert_eq!((&first["variables"], &first["help"]), (&json!(["A"]), &json!(["its keys: k"])), "{run}");
}

#[test]
fn a_file_and_its_variable_are_named() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let declaration = "files:\n  - { from: x, path: out, env: OUT }\n  - { from: x, env: MEMORY }\n";
    let run = check_as_json(&aws).arg("-q").declaration(declaration).run();
    let document = document(&run, 0);
    let values: Vec<_> =
        document["values"].as_array().unwrap().iter().map(|value| (&value["variable"], &value["file"])).collect();
    assert_eq!(values, [(&json!("OUT"), &json!({ "path": "out" })), (&json!("MEMORY"), &json!({ "path": null }))]);
}

#[test]
fn what_ends_every_read_leaves_a_document_with_its_code() {
    let alone = || Sandbox::new().args(["check", "--json"]).bare();
    let aws = Aws::start()
        .secret("x", Secret::failing(fault::throttled()))
        .secret("denied", Secret::failing(fault::denied("denied")))
        .secret("held", Secret { held: true, ..Secret::text(CANARY) });
    let once = |sandbox: Sandbox| sandbox.env("AWS_MAX_ATTEMPTS", "1");
    for (reference, sandbox, status, error) in [
        // A port on which nothing listens.
        ("x", once(check_as_json(&aws)).endpoint("http://127.0.0.1:1"), 75, "unreachable"),
        ("x", once(check_as_json(&aws)), 75, "throttled"),
        ("denied", check_as_json(&aws), 77, "denied"),
        ("held", check_as_json(&aws).args(["--timeout", "2s"]), 75, "timeout"),
        ("x", alone().region("us-east-1"), 77, "no-credentials"),
        ("x", alone(), 78, "no-region"),
    ] {
        let run = sandbox.case(error).resolve(&format!("A={reference}")).resolve(&format!("B={reference}:k")).run();
        let document = document(&run, status);
        for at in 0..2 {
            let value = &document["values"][at];
            assert_eq!((&value["status"], &value["error"]), (&json!("failed"), &json!(error)), "{run}");
        }
        assert!(!document["messages"].as_array().unwrap().is_empty(), "{run}");
    }
    aws.release();
}

#[test]
fn wrong_inputs_leave_a_document_without_values() {
    let run = Sandbox::new().args(["check", "--json"]).bare().declaration("unknown: 1\n").run();
    let wrong = document(&run, 78);
    assert_eq!((&wrong["values"], &wrong["source"]), (&json!([]), &Value::Null), "{run}");
    assert!(wrong["messages"][0]["message"].as_str().unwrap().contains("unknown key"), "{run}");
    let run = Sandbox::new().args(["check", "--json", "-e", "A=x:k:s:short"]).bare().run();
    document(&run, 64);
    let run = Sandbox::new().args(["check", "--json"]).bare().run();
    document(&run, 64);
    let run = Sandbox::new().args(["check", "--json", "--local", "nothing.json", "-e", "A=x"]).bare().run();
    assert_eq!(document(&run, 78)["values"][0]["status"], "unread", "{run}");
}

#[test]
fn a_command_has_its_file_and_its_status() {
    let aws = Aws::start().secret("x", Secret::text(CANARY));
    let sandbox = || Sandbox::new().aws(&aws).args(["check", "--json", "-e", "A=x"]);
    let run = sandbox().command(["sh", "-c", "exit 3"]).run();
    let command = document(&run, 0)["command"].take();
    assert_eq!((&command["name"], &command["status"]), (&json!("sh"), &json!("ok")), "{run}");
    assert!(command["file"].as_str().unwrap().ends_with("/sh"), "{run}");
    let run = sandbox().command(["no-such-command"]).run();
    let command = document(&run, 127)["command"].take();
    assert_eq!(command, json!({ "name": "no-such-command", "file": null, "status": "not-found" }), "{run}");
    let run = sandbox().file("file", "").command(["./file"]).run();
    assert_eq!(document(&run, 126)["command"]["status"], "not-executable", "{run}");
}

#[test]
fn entries_without_effect_are_listed() {
    let aws = served();
    let run = check_as_json(&aws)
        .declaration("env:\n  A: y:k\n")
        .args(["-e", "A=x:k", "-e", "B=y", "--keep-existing"])
        .env("B", "here")
        .run();
    let document = document(&run, 0);
    assert_eq!(
        document["overridden"],
        json!([
            { "label": "B", "origin": "--env", "reference": "y", "reason": "kept", "by": null },
            {
                "label": "A", "origin": "secrets-exec.yaml:2", "reference": "y:k", "reason": "entry",
                "by": { "label": "A", "origin": "--env", "reference": "x:k" },
            },
        ]),
        "{run}"
    );
}

/// The label, kind, reference and status of each value.
fn values(document: &Value) -> Vec<[&str; 4]> {
    let fields = |value| ["label", "kind", "reference", "status"].map(|name| text(value, name));
    document["values"].as_array().unwrap().iter().map(fields).collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or("null")
}

#[test]
fn objects_from_one_secret_on_one_line_have_their_own_values() {
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e","m":"w-4c7a1e"}"#));
    let good = [["X_K", "env-from", "x", "ok"], ["X_M", "env-from", "x", "ok"]];
    let run = check_as_json(&aws).args(["--env-from", "X_=x", "--env-from", "Y_=x"]).run();
    let both = [["Y_K", "env-from", "x", "ok"], ["Y_M", "env-from", "x", "ok"]];
    assert_eq!(values(&document(&run, 0)), [good, both].concat(), "{run}");
}

#[test]
fn keys_that_are_not_printed_have_their_numbers() {
    let aws =
        Aws::start().secret("x", Secret::text(r#"{"Jwt:Key":"v-4c7a1e","k":"w-4c7a1e","Smtp:Pass":"v-4c7a1e\u0000"}"#));
    let run = check_as_json(&aws).args(["--env-from", "x"]).run();
    let labels = [["key 1, not printed", "ok"], ["K", "ok"], ["key 3, not printed", "failed"]];
    let document = document(&run, 78);
    let rows: Vec<_> = values(&document).into_iter().map(|[label, _, _, status]| [label, status]).collect();
    assert_eq!(rows, labels, "{run}");
}

#[test]
fn characters_that_disguise_a_line_are_escaped() {
    let aws = served();
    let name = "a\u{9b}31m\u{202e}.yaml";
    let run = check_as_json(&aws).file(name, "env:\n  A: x:k\n").args(["-f", name]).run();
    assert_eq!(document(&run, 0)["values"][0]["origin"], format!("{name}:2"), "{run}");
    assert!(run.stdout().contains(r"a\u009b31m\u202e.yaml"), "{run}");
}

#[test]
fn an_optional_entry_of_a_file_that_is_given_twice_has_one_value() {
    let aws = served();
    let sandbox = check_as_json(&aws).file("a.yaml", "env:\n  A: { from: 'x:k', optional: true }\n");
    let run = sandbox.args(["-f", "a.yaml", "-f", "a.yaml"]).run();
    assert_eq!(values(&document(&run, 0)), [["A", "reference", "x:k", "ok"]], "{run}");
}

#[test]
fn a_kept_variable_has_the_kind_and_the_reference_of_its_entry() {
    let aws = Aws::start();
    let declaration = "secrets: { s: x }\nenv:\n  T: { template: '{{ s.k }}' }\nenv-from:\n  - { from: x, prefix: X_, only: [k, m] }\n";
    let aws = aws.secret("x", Secret::text(r#"{"k":"v-4c7a1e","m":"w-4c7a1e"}"#));
    let sandbox = check_as_json(&aws).declaration(declaration).arg("--keep-existing").env("T", "1").env("X_K", "1");
    let run = sandbox.run();
    let document = document(&run, 0);
    assert_eq!(
        values(&document),
        [["T", "template", "null", "kept"], ["X_M", "env-from", "x", "ok"], ["X_K", "env-from", "x", "kept"]],
        "{run}"
    );
    let references = document["overridden"].as_array().unwrap().iter().map(|entry| text(entry, "reference"));
    assert_eq!(references.collect::<Vec<_>>(), ["null", "x"], "{run}");
}

#[test]
fn an_object_whose_keys_are_all_overridden_says_so() {
    let aws = served().secret("y", Secret::text(CANARY));
    let declaration = "env-from:\n  - { from: x }\n";
    let run = check_as_json(&aws).resolve("K=y").declaration(declaration).run();
    let expected = [["*", "env-from", "x", "overridden"], ["K", "reference", "y", "ok"]];
    assert_eq!(values(&document(&run, 0)), expected, "{run}");
}

#[test]
fn the_document_has_no_value_and_no_colour() {
    let aws = served().secret("t", Secret::text(CANARY));
    let sandbox = check_as_json(&aws).resolve("A=x:k").args(["--env-from", "X_=x"]).resolve("B=t").resolve("C=t:k");
    let run = sandbox.through(crate::support::terminal::output_terminal()).env("TERM", "xterm").run();
    document(&run, 78);
    assert!(!run.stdout().contains(CANARY) && !run.stdout().contains('\x1b'), "{run}");
}

#[test]
fn every_field_is_documented() {
    let aws = served();
    let sandbox = check_as_json(&aws).arg("--describe").declaration("env:\n  A: y\n").resolve("A=x:k");
    let document = document(&sandbox.run(), 0);
    let page = repository_file("docs/check.md");
    let mut names = Vec::new();
    collect_names(&document, &mut names);
    assert!(names.contains(&"overdue") && names.contains(&"by"), "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

fn collect_names<'v>(value: &'v Value, names: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                names.push(name);
                collect_names(member, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
