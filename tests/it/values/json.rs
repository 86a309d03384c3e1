//! Values of secrets that can't be written in a row: bytes, and large or deeply nested JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::*;

::rows::rows!("tests/it/values/json.rows");

/// Launches with `V` from this secret. The entry is a text such as `x`.
fn read(secret: Secret, entry: &str) -> Outcome {
    let aws = Aws::start().secret("x", secret);
    let sandbox = Sandbox::new().aws(&aws);
    sandbox
        .declaration(&format!("env: {{ V: {entry} }}\n"))
        .run()
}

#[test]
fn every_byte_of_a_secret_reaches_the_variable_even_if_the_secret_is_64_kib_long() {
    let bytes = b"\xff\xfe\x01 plain \x80\n";
    let run = read(Secret::binary(*bytes), "x");
    run.launched().has("V", bytes);
    let all: Vec<u8> = (0..=255).collect();
    let run = read(Secret::binary(all.clone()), "{ from: x, encode: base64 }");
    run.launched().has("V", STANDARD.encode(all));
    let largest = format!("{CANARY}{}", "x".repeat(65_536 - CANARY.len()));
    let run = read(Secret::text(&largest), "x");
    run.launched_silently().has("V", &largest);
    let run = read(Secret::text(r#"{"key":"dos-4c7a1e\r\n"}"#), "x:key");
    run.launched().has("V", "dos-4c7a1e\r\n");
}

#[test]
fn json_with_20000_nested_levels_fails_the_launch_without_a_crash() {
    let (open, close) = ("[".repeat(20_000), "]".repeat(20_000));
    let deep = format!(r#"{{"canary":"{CANARY}","key":{open}{close}}}"#);
    let run = read(Secret::text(&deep), "x:canary");
    run.refused(78)
        .says(["V (", "the secret \"x\" isn't valid JSON"]);
}

#[test]
fn a_jsonpath_finds_a_value_in_a_secret_with_thousands_of_elements() {
    let elements = vec!["[1]"; 2000].join(",");
    let wide = format!(r#"{{"k":[{elements}],"a":{{"password":"v-4c7a1e"}}}}"#);
    let run = read(Secret::text(&wide), "x:$..password");
    run.launched_silently().has("V", "v-4c7a1e");
}
