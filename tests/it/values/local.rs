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
    run.refused(78, ["prod/servicee-29", "was not started"]);
    assert_eq!(run.stderr().matches("did you mean").count(), 20, "{run}");
}

#[test]
fn a_launch_ends_at_its_timeout_if_a_jsonpath_takes_too_long() {
    let object: Map<String, Value> = (0..400).map(|n| (format!("k{n}"), CANARY.into())).collect();
    let path = r#""x:$[?count($..[?count($..[?count($..*)>1])>1])>1]""#;
    let sandbox = Sandbox::new().local(&json!({ "x": object }).to_string());
    let sandbox = sandbox.declaration(&format!("env:\n  A: {path}\n"));
    ends_within(Duration::from_millis(1200), sandbox)
        .refused(75, ["secrets are read from", "timed out", "takes too long"]);
}
