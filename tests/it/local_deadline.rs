//! `--timeout` with `--local`: what has no end ends in time, and what takes long for no reason does not.

use std::fmt::Write;
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

/// The names `key_00000` to `key_09999`.
fn ten_thousand() -> Map<String, Value> {
    (0..10_000).map(|n| (format!("key_{n:05}"), CANARY.into())).collect()
}

/// Asks for two thousand misspelled names. Without a bound the suggestions for them take longer than the default `--timeout`.
fn is_told_in_time(secrets: &Value, reference: impl Fn(usize) -> String) {
    let mut declaration = "env:\n".to_owned();
    (0..2_000).for_each(|n| writeln!(declaration, "  A{n}: {}", reference(n)).unwrap());
    let run = Sandbox::new().arg("-q").local(&secrets.to_string()).declaration(&declaration).run();
    run.refused(78).says(["A0 (", "did you mean \"key_00000\"?", "A1999 (", "2000 values"]);
}

#[test]
fn two_thousand_absent_keys_among_ten_thousand_are_told_before_the_deadline() {
    is_told_in_time(&json!({"x": ten_thousand()}), |n| format!("x:kye_{n:05}"));
}

#[test]
fn two_thousand_absent_secrets_among_ten_thousand_are_told_before_the_deadline() {
    is_told_in_time(&ten_thousand().into(), |n| format!("kye_{n:05}"));
}
