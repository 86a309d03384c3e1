//! `--local FILE`: expressions that don't end, and suggestions among many names. `local.rows` has
//! all other tests.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::*;

::rows::rows!("tests/it/values/local.rows");

#[test]
fn a_similar_name_is_suggested_for_at_most_twenty_missing_secrets() {
    let names = (0..200).map(|number| (format!("prod/service-{number}"), Value::from(CANARY)));
    let sandbox = Sandbox::new().local(&Value::Object(Map::from_iter(names)).to_string());
    let absent = (0..30).fold(sandbox, |sandbox, number| {
        sandbox.resolve(&format!("A{number}=prod/servicee-{number}"))
    });
    let run = absent.run();
    run.refused(78, ["prod/servicee-29", "30 values are missing"]);
    assert_eq!(run.stderr().matches("did you mean").count(), 20, "{run}");
}

#[test]
fn a_launch_ends_at_its_timeout_if_a_jsonpath_or_a_template_takes_too_long() {
    let object: Map<String, Value> = (0..400).map(|n| (format!("k{n}"), CANARY.into())).collect();
    let path = r#""x:$[?count($..[?count($..[?count($..*)>1])>1])>1]""#;
    let template = "{% set t = x.t * 100 %}{% for i in range(99999) %}{% if t ~ 'y' in t %}{{ i }}{% endif %}{% endfor %}";
    let text = json!({"x": {"t": CANARY.repeat(4_000)}});
    for (secrets, entry) in [
        (json!({"x": object}), path),
        (text, &format!("{{ template: {template:?} }}")),
    ] {
        let declaration = format!("secrets: {{ x: x }}\nenv:\n  A: {entry}\n");
        let sandbox = Sandbox::new().arg("-q").local(&secrets.to_string());
        let sandbox = sandbox.declaration(&declaration);
        ends_within(Duration::from_millis(1200), sandbox)
            .refused(75, ["timed out", "takes too long"]);
    }
    // For example, a declaration in a pull request. It is checked before any secret is read.
    let template = template.replace("x.t * 100", "'canary' * 500000");
    let declaration = format!("env:\n  A: {{ template: {template:?} }}\n");
    let sandbox = Sandbox::new().args(["check", "--offline"]).bare();
    let sandbox = sandbox.declaration(&declaration);
    let run = ends_within(Duration::from_millis(1200), sandbox);
    let facts = [
        "timed out while waiting for the templates",
        "takes too long",
    ];
    run.ended(Status::Exit(75)).says(facts);
}
