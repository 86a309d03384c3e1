//! docs/reference.md: the fields of the JSON document. docs/check.md: the gate.

use serde_json::{Value, json};

use super::{DAY, KEY, check, seconds_ago};
use crate::docs::page::Page;
use crate::support::console::{outputs, pages_in};
use crate::support::*;

#[test]
fn docs_reference_md_names_every_field_of_the_json_that_check_prints() {
    let page = repository_file("docs/reference.md");
    let (_, page) = page.split_once("\n### The JSON of `check`\n").unwrap();
    let (page, _) = page.split_once("\n## ").unwrap();
    let pages = pages_in("check")
        .into_iter()
        .filter(|page| page.ends_with("json.console") || page.ends_with("describe.console"));
    // docs/logs.md has the members of a message.
    let shown: String = pages
        .flat_map(outputs)
        .filter(|output| !output.contains("\"level\""))
        .collect();
    let names: Vec<&str> = shown
        .match_indices("\": ")
        .map(|(end, _)| shown[..end].rsplit_once('"').unwrap().1)
        .collect();
    assert!(
        names.contains(&"overdue") && names.contains(&"by"),
        "{names:?}"
    );
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn check_json_does_not_print_colours_even_on_a_terminal() {
    let run = check(&served())
        .args(["--json", "-e", "A=x:k"])
        .through(terminal("1x80", "", ""))
        .env("TERM", "xterm")
        .run();
    assert!(
        run.launched().document()["ok"] == true && !run.stdout().contains('\x1b'),
        "{run}"
    );
}

#[test]
fn the_ci_gate_of_docs_check_md_passes_only_a_secret_that_is_rotated_on_time_and_has_its_own_kms_key()
 {
    if !skip::can(&["jq", "--version"], "the gate of docs/check.md") {
        return;
    }
    let gate = Page::read("docs/check.md").blocks("sh")[0].replacen("secrets-exec", "\"$@\"", 1);
    let passes = |aws: &Aws, reference: &str| {
        let sandbox = Sandbox::new()
            .aws(aws)
            .file("secrets.yaml", format!("env: {{ A: '{reference}' }}\n"));
        sandbox.bare().prepared_by(&gate).run().status == Status::Exit(0)
    };
    let rotated = |days: u64| {
        let (rules, last) = (
            json!({ "AutomaticallyAfterDays": 30 }),
            seconds_ago(days * DAY),
        );
        json!({ "RotationEnabled": true, "RotationRules": rules, "LastRotatedDate": last })
    };
    let with_key = |mut description: Value| {
        description["KmsKeyId"] = json!(KEY);
        description
    };
    let aws = || Aws::start().secret("x", Secret::text(CANARY));
    assert!(passes(&aws().describes("x", with_key(rotated(5))), "x"));
    assert!(
        !passes(&aws().describes("x", rotated(5)), "x"),
        "a rotation on time, but no key"
    );
    assert!(
        !passes(&aws().describes("x", with_key(rotated(50))), "x"),
        "an overdue rotation"
    );
    assert!(!passes(&aws(), "x"), "neither a rotation nor a key");
    assert!(
        !passes(&aws().describes("x", with_key(json!({}))), "x"),
        "a key, but no rotation"
    );
    assert!(
        !passes(
            &aws().refuses_to_describe("x", fault::denied_description()),
            "x"
        ),
        "a denied description"
    );
    assert!(
        !passes(&aws().parameter("/p", &[Version::text(CANARY)]), "ssm:/p"),
        "only a parameter"
    );
}
