//! Whole secrets, binary secrets, and secrets that are not the JSON object that a key needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// Launches with `VALUE` from this secret; `settings` follow the reference in its entry.
fn read(secret: Secret, selector: &str, settings: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", secret);
    let declaration = format!("env:\n  VALUE: {{ from: \"prod/db{selector}\"{settings} }}\n");
    Sandbox::new().aws(&aws).declaration(&declaration).run()
}

#[test]
fn a_whole_secret_is_its_text_byte_for_byte() {
    for text in [
        "123456789012345",
        "true",
        "null",
        "\"quoted-4c7a1e\"",
        "1.10",
        r#"{ "b": "<x>&-4c7a1e", "a": 1.10 }"#,
        "\n -----BEGIN KEY-----\nabc=\n-----END KEY-----\n\n",
        "{\"unfinished\": ",
        "         ",
        "  \"quoted\" <&> \\n\n\n",
    ] {
        read(Secret::text(text), "", "").launched_silently().has("VALUE", text);
    }
    let largest = format!("{CANARY}{}", "x".repeat(65_536 - CANARY.len()));
    read(Secret::text(&largest), "", "").launched_silently().has("VALUE", &largest);
}

#[test]
fn a_binary_secret_is_its_bytes_its_base64_or_the_json_that_it_holds() {
    let bytes = b"\xff\xfe\x01 plain \x80\n";
    read(Secret::binary(*bytes), "", "").launched_silently().has("VALUE", bytes);
    let all: Vec<u8> = (0..=255).collect();
    read(Secret::binary(all.clone()), "", ", encode: base64").launched().has("VALUE", STANDARD.encode(all));
    read(Secret::binary(r#"{"key":"v-4c7a1e"}"#), ":key", "").launched().has("VALUE", "v-4c7a1e");
    let secret = Secret::text(&format!(r#"{{"cert":"{}"}}"#, STANDARD.encode("line one\nline two\n")));
    read(secret, ":cert", ", decode: base64").launched().has("VALUE", "line one\nline two\n");
    for base64 in ["di00YzdhMWU=\\n", "di00YzdhMWU"] {
        let secret = Secret::text(&format!(r#"{{"k":"{base64}"}}"#));
        read(secret, ":k", ", decode: base64").launched().has("VALUE", "v-4c7a1e");
    }
}

#[test]
fn a_value_that_cannot_be_had_of_a_secret_is_an_error_that_does_not_quote_it() {
    let text = |text: String| Secret::text(&text);
    for (what, secret, selector, settings, fact) in [
        ("a key of binary", Secret::binary(*b"\xff\xfe\x01\x02\x03\x04"), ":key", "", "key"),
        ("a NUL in binary", Secret::binary(*b"PK\0\x03 and more"), "", "", "encode: base64"),
        (
            "a key of text",
            text(format!("plain {CANARY}")),
            ":key",
            "",
            "is not JSON, or too deeply nested (line 1, column 1)",
        ),
        ("broken JSON", text(format!(r#"{{"key":"{CANARY}",}}"#)), ":key", "", "JSON"),
        ("JSON that ends too early", text(format!(r#"{{"key":"{CANARY}""#)), ":key", "", "JSON"),
        ("JSON without quotes", text(format!(r#"{{"key":{CANARY}}}"#)), ":key", "", "JSON"),
        ("more than JSON", text(format!(r#"{{"key":"v-4c7a1e"}} {CANARY}"#)), ":key", "", "JSON"),
        ("a JSON string", Secret::text(r#""string-4c7a1e""#), ":key", "", "key"),
        ("a JSON number", Secret::text("1234567890"), ":key", "", "key"),
        ("a JSON array", Secret::text("[\"element-4c7a1e\"]"), ":key", "", "key"),
        ("a JSON boolean", Secret::text("true"), ":key", "", "key"),
        ("what is no base64", text(format!("{CANARY} !!")), "", ", decode: base64", "base64"),
        ("an answer without a value", Secret::empty(), "", "", "prod/db"),
    ] {
        let mut run = read(secret, selector, settings);
        run.case = what.to_owned();
        run.refused(78).says(["VALUE (secrets-exec.yaml:2, prod/db", fact]);
    }
}

#[test]
fn deeply_nested_json_is_no_crash() {
    let deep = format!(r#"{{"canary":"{CANARY}","key":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    read(Secret::text(&deep), ":canary", "").refused(78).says(["VALUE", "prod/db"]);
}
