//! The values of secrets that no row can hold: bytes, and large or deeply nested JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::*;

::rows::rows!("tests/it/values/json.rows");

/// Launches with `V` from this secret; the entry is `x`, say.
fn read(secret: Secret, entry: &str) -> Outcome {
    let declaration = format!("env: {{ V: {entry} }}\n");
    Sandbox::new()
        .aws(&Aws::start().secret("x", secret))
        .declaration(&declaration)
        .run()
}

#[test]
fn every_byte_of_a_secret_and_the_largest_secret_of_64_kib_reach_the_variable() {
    let bytes = b"\xff\xfe\x01 plain \x80\n";
    read(Secret::binary(*bytes), "x")
        .launched_silently()
        .has("V", bytes);
    let all: Vec<u8> = (0..=255).collect();
    read(Secret::binary(all.clone()), "{ from: x, encode: base64 }")
        .launched()
        .has("V", STANDARD.encode(all));
    let largest = format!("{CANARY}{}", "x".repeat(65_536 - CANARY.len()));
    read(Secret::text(&largest), "x")
        .launched_silently()
        .has("V", &largest);
    read(Secret::text(r#"{"key":"dos-4c7a1e\r\n"}"#), "x:key")
        .launched_silently()
        .has("V", "dos-4c7a1e\r\n");
}

#[test]
fn a_secret_of_json_nested_20000_deep_is_refused_with_78_and_no_crash() {
    let deep = format!(
        r#"{{"canary":"{CANARY}","key":{}{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    read(Secret::text(&deep), "x:canary")
        .refused(78)
        .says(["V (", "the secret \"x\" is not valid JSON"]);
}

#[test]
fn a_jsonpath_that_would_need_gigabytes_of_memory_is_refused_with_78() {
    let wide = |key: &str| {
        format!(
            r#"{{"{key}":[{}],"a":{{"password":"v-4c7a1e"}}}}"#,
            vec!["[1]"; 2000].join(",")
        )
    };
    read(Secret::text(&wide("k")), "x:$..password")
        .launched_silently()
        .has("V", "v-4c7a1e");
    let run = read(Secret::text(&wide(&"k".repeat(50_000))), "x:$..password");
    run.refused(78).says([
        "the secret \"x\" is too large to be searched with $..password",
        "without \"..\"",
    ]);
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    read(Secret::text(&nested), "x:$..*..*..*..*")
        .refused(78)
        .says(["is too large to be searched with $..*"]);
}
