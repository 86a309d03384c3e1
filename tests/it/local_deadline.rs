//! `--timeout` with `--local`: what has no end ends in time.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::support::deadline::ends_within;
use crate::support::sandbox::{CANARY, Sandbox};

const TIMEOUT: Duration = Duration::from_millis(1200);

fn never_ends(secrets: &Value, entry: &str) {
    let declaration = format!("secrets: {{ x: x }}\nenv:\n  A: {entry}\n");
    let run = ends_within(TIMEOUT, Sandbox::new().arg("-q").local(&secrets.to_string()).declaration(&declaration));
    run.refused(75).says(["timed out", "does not end"]);
}

#[test]
fn a_path_without_end_is_75_at_the_deadline() {
    let object: Map<String, Value> = (0..400).map(|n| (format!("k{n}"), CANARY.into())).collect();
    never_ends(&json!({"x": object}), r#""x:$[?count($..[?count($..[?count($..*)>1])>1])>1]""#);
}

#[test]
fn a_template_without_end_is_75_at_the_deadline() {
    let text = CANARY.repeat(4_000);
    let template =
        "{% set t = x.t * 100 %}{% for i in range(99999) %}{% if t ~ 'y' in t %}{{ i }}{% endif %}{% endfor %}";
    never_ends(&json!({"x": {"t": text}}), &format!("{{ template: {template:?} }}"));
}
