//! Values of secrets that can't be written in a row: large texts, and large or deeply nested JSON.

use crate::support::*;

::rows::rows!("tests/it/values/json.rows");

/// Launches with `V` from a secret `x` with this text.
fn read(text: &str, reference: &str) -> Outcome {
    let aws = Aws::start().secret("x", Secret::text(text));
    let sandbox = Sandbox::new().aws(&aws);
    sandbox.resolve(&format!("V={reference}")).run()
}

#[test]
fn a_secret_of_64_kib_reaches_the_variable() {
    let largest = format!("{CANARY}{}", "x".repeat(65_536 - CANARY.len()));
    let run = read(&largest, "x");
    run.launched_silently().has("V", &largest);
}

#[test]
fn json_with_20000_nested_levels_fails_the_launch_without_a_crash() {
    let (open, close) = ("[".repeat(20_000), "]".repeat(20_000));
    let deep = format!(r#"{{"canary":"{CANARY}","key":{open}{close}}}"#);
    let run = read(&deep, "x:canary");
    run.refused(78, ["V (", "the secret \"x\" isn't valid JSON"]);
}

#[test]
fn a_jsonpath_finds_a_value_in_a_secret_with_thousands_of_elements() {
    let elements = vec!["[1]"; 2000].join(",");
    let wide = format!(r#"{{"k":[{elements}],"a":{{"password":"v-4c7a1e"}}}}"#);
    let run = read(&wide, "x:$..password");
    run.launched_silently().has("V", "v-4c7a1e");
}
