//! Whole secrets, binary secrets, and secrets that are not the JSON object that a key needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::values::read;

/// Asserts that a whole secret with this text is delivered unchanged.
fn passes_whole(text: &str) {
    read(Secret::bare(text), "").launched_silently().has("VALUE", text);
}

#[test]
fn a_whole_secret_that_is_a_json_scalar_is_its_text() {
    passes_whole("123456789012345");
    passes_whole("true");
    passes_whole("null");
    passes_whole("\"quoted\"");
    passes_whole("1.10");
}

#[test]
fn a_whole_secret_of_one_key_keeps_its_quotes_and_order() {
    passes_whole(r#"{ "b": "<x>&", "a": 1.10 }"#);
}

#[test]
fn a_whole_secret_keeps_its_blanks_and_newlines() {
    passes_whole("\n -----BEGIN KEY-----\nabc=\n-----END KEY-----\n\n");
    passes_whole(" ");
}

#[test]
fn a_secret_of_the_largest_size_of_aws_arrives_whole() {
    let value = format!("{CANARY}{}", "x".repeat(65_536 - CANARY.len()));
    read(Secret::text(&value), "").launched_silently().has("VALUE", &value);
}

#[test]
fn a_binary_secret_is_its_bytes() {
    let bytes = b"\xff\xfe\x01 plain \x80\n";
    read(Secret::binary(*bytes), "").launched_silently().has("VALUE", bytes);
}

#[test]
fn a_key_of_a_binary_secret_is_read_from_its_json() {
    let json = format!(r#"{{"key":"v","canary":"{CANARY}"}}"#);
    read(Secret::binary(json), ":key").launched().has("VALUE", "v");
}

#[test]
fn a_key_of_binary_that_is_no_json_is_an_error() {
    let run = read(Secret::binary(*b"\xff\xfe\x01\x02\x03\x04"), ":key");
    run.refused(78).says(["VALUE", "prod/db"]);
}

#[test]
fn a_nul_in_binary_is_an_error_that_points_to_base64() {
    let run = read(Secret::binary(*b"PK\0\x03 and more"), "");
    run.refused(78).says(["VALUE", "encode", "base64"]);
}

#[test]
fn a_secret_that_is_not_json_but_has_a_key_is_an_error() {
    let run = read(Secret::text(&format!("plain {CANARY}")), ":key");
    run.refused(78).says(["VALUE", "prod/db", "JSON"]);
}

#[test]
fn a_secret_of_broken_json_is_an_error_that_does_not_quote_it() {
    for broken in [
        format!(r#"{{"key":"{CANARY}",}}"#),
        format!(r#"{{"key":"{CANARY}""#),
        format!(r#"{{"key":{CANARY}}}"#),
        format!(r#"{{"key":"v"}} {CANARY}"#),
    ] {
        let run = read(Secret::text(&broken), ":key");
        run.refused(78).says(["VALUE", "prod/db"]);
    }
}

#[test]
fn a_key_of_json_that_is_no_object_is_an_error() {
    for value in [r#""a long string""#, "1234567890", "[\"element\"]", "true"] {
        let run = read(Secret::bare(value), ":key");
        run.refused(78).says(["VALUE", "prod/db", "key"]);
    }
}

#[test]
fn deeply_nested_json_is_an_error_or_a_value_and_no_crash() {
    let deep = format!(r#"{{"canary":"{CANARY}","key":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let run = read(Secret::text(&deep), ":canary");
    match run.stdout.is_empty() {
        true => run.refused(78).says(["VALUE", "prod/db"]),
        false => run.launched().has("VALUE", CANARY),
    };
}

#[test]
fn encode_base64_carries_every_byte() {
    let bytes: Vec<u8> = (0..=255).collect();
    let aws = Aws::start().secret("prod/p12", Secret::binary(bytes.clone()));
    let run = Sandbox::new().aws(&aws).declaration("env:\n  P12: { from: prod/p12, encode: base64 }\n").run();
    run.launched().has("P12", STANDARD.encode(bytes));
}

#[test]
fn decode_base64_gives_the_bytes() {
    let encoded = STANDARD.encode("line one\nline two\n");
    let secret = Secret::json(&format!(r#"{{"cert":"{encoded}"}}"#));
    let aws = Aws::start().secret("prod/tls", secret);
    let run = Sandbox::new().aws(&aws).declaration("env:\n  CERT: { from: \"prod/tls:cert\", decode: base64 }\n").run();
    run.launched().has("CERT", "line one\nline two\n");
}

#[test]
fn decoding_what_is_no_base64_is_an_error_that_does_not_quote_it() {
    let aws = Aws::start().secret("prod/tls", Secret::text(&format!("{CANARY} !!")));
    let run = Sandbox::new().aws(&aws).declaration("env:\n  CERT: { from: prod/tls, decode: base64 }\n").run();
    run.refused(78).says(["CERT", "prod/tls", "base64", "secrets-exec.yaml:2"]);
}

#[test]
fn a_success_without_a_value_is_an_error() {
    let run = read(Secret::empty(), "");
    run.refused(78).says(["VALUE", "prod/db"]);
}
