//! The conversion of a secret's JSON to the value of a variable, byte for byte.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox};

/// Launches with `VALUE` from this secret; the selector is `:key`, say.
pub fn read(secret: Secret, selector: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", secret);
    let sandbox = Sandbox::new().aws(&aws);
    sandbox.resolve(&format!("VALUE=prod/db{selector}")).run()
}

/// Asserts the value of the variable that the JSON value `json` becomes.
fn becomes(json: &str, variable: impl AsRef<[u8]>) {
    let run = read(Secret::json(&format!(r#"{{"key":{json}}}"#)), ":key");
    run.launched_silently().has("VALUE", variable);
}

#[test]
fn a_string_is_its_characters() {
    becomes(r#""plain""#, "plain");
    becomes(r#""äöü €𝄞""#, "äöü €𝄞");
    becomes(r#""\u00e4\ud834\udd1e\"\\\/\t""#, "ä𝄞\"\\/\t");
}

#[test]
fn a_string_is_not_trimmed() {
    becomes(r#""  both ends  ""#, "  both ends  ");
}

#[test]
fn the_newlines_of_a_string_are_kept() {
    becomes(r#""first\nsecond\n\n""#, "first\nsecond\n\n");
    becomes(r#""dos\r\n""#, "dos\r\n");
}

#[test]
fn a_backslash_n_of_two_characters_stays_two_characters() {
    becomes(r#""a\\nb""#, r"a\nb");
}

#[test]
fn a_string_may_hold_equals_signs_quotes_and_dollars() {
    becomes(r#""a=b=c 'x' `y` $HOME ${HOME} $(id) %s""#, "a=b=c 'x' `y` $HOME ${HOME} $(id) %s");
}

#[test]
fn html_in_a_string_is_not_escaped() {
    becomes(r#""<a href=\"x\">&amp;</a>""#, r#"<a href="x">&amp;</a>"#);
}

#[test]
fn an_empty_string_is_an_empty_variable() {
    becomes(r#""""#, "");
}

#[test]
fn a_string_of_json_is_not_parsed_again() {
    becomes(r#""{\"a\": [1, 2]}""#, r#"{"a": [1, 2]}"#);
    becomes(r#""null""#, "null");
    becomes(r#""1e3""#, "1e3");
}

#[test]
fn a_string_that_looks_like_a_reference_is_not_resolved_again() {
    becomes(
        r#""{{resolve:secretsmanager:x}} ${HOME} prod/db:key""#,
        "{{resolve:secretsmanager:x}} ${HOME} prod/db:key",
    );
}

#[test]
fn a_number_is_its_literal() {
    for literal in [
        "5432",
        "0",
        "-0",
        "-7",
        "1.10",
        "1.0",
        "0.30000000000000004",
        "100000000000000000000",
        "12345678901234567890",
        "9007199254740993",
        "3.14159265358979323846264338327950288",
    ] {
        becomes(literal, literal);
    }
}

#[test]
fn an_exponent_stays_an_exponent_with_at_most_a_sign_added() {
    for (literal, signed) in [("1e400", "1e+400"), ("1.5e3", "1.5e+3"), ("1e-7", "1e-7"), ("2e+5", "2e+5")] {
        let run = read(Secret::json(&format!(r#"{{"key":{literal}}}"#)), ":key");
        let environment = run.launched().stdout();
        let value = environment.split('\0').find_map(|entry| entry.strip_prefix("VALUE="));
        assert!(value.is_some_and(|value| value == literal || value == signed), "{literal} became {value:?}");
    }
}

#[test]
fn a_boolean_is_its_word() {
    becomes("true", "true");
    becomes("false", "false");
}

#[test]
fn an_object_is_compact_json_in_its_own_order() {
    becomes(
        r#"{ "z" : 1.10 , "a" : { "y" : null , "b" : [ true , "x y" ] } }"#,
        r#"{"z":1.10,"a":{"y":null,"b":[true,"x y"]}}"#,
    );
}

#[test]
fn an_array_is_compact_json_with_its_numbers_as_written() {
    becomes("[ 1.10, -0, 12345678901234567890, [], {} ]", "[1.10,-0,12345678901234567890,[],{}]");
}

#[test]
fn an_object_keyed_like_a_private_marker_of_the_parser_stays_an_object() {
    let object = r#"{"$serde_json::private::Number":"1e5"}"#;
    becomes(object, object);
    becomes(&format!("[{object}]"), format!("[{object}]"));
    let raw = r#"{"$serde_json::private::RawValue":"[1]"}"#;
    becomes(raw, raw);
}

#[test]
fn a_secret_that_is_such_an_object_is_read_by_key() {
    let text = format!(r#"{{"$serde_json::private::Number":"{CANARY}"}}"#);
    read(Secret::text(&text), ":$['$serde_json::private::Number']").launched().has("VALUE", CANARY);
}

#[test]
fn the_key_of_such_an_object_that_holds_no_number_is_no_error() {
    let object = r#"{"$serde_json::private::Number":"not a number"}"#;
    becomes(object, object);
}

#[test]
fn of_duplicate_keys_the_last_wins() {
    let run = read(Secret::json(r#"{"key":"first","key":"last"}"#), ":key");
    run.launched().has("VALUE", "last");
}

#[test]
fn null_is_no_value() {
    for selector in [":key", ":$.key"] {
        let run = read(Secret::json(r#"{"key":null}"#), selector);
        run.refused(78).says(["VALUE", "prod/db", "key", "null"]);
    }
}

#[test]
fn a_missing_key_is_no_value() {
    let run = read(Secret::json(r#"{"password":"p"}"#), ":pasword");
    run.refused(78).says(["VALUE", "prod/db", "pasword", "password"]);
}

#[test]
fn one_value_that_is_no_string_does_not_spoil_the_others() {
    let object = r#"{"port":5432,"tls":true,"pool":{"size":3},"none":null,"key":"v"}"#;
    let run = read(Secret::json(object), ":key");
    run.launched().has("VALUE", "v");
}

#[test]
fn a_nul_in_a_string_is_an_error_that_points_to_base64() {
    let run = read(Secret::json(r#"{"key":"a\u0000b"}"#), ":key");
    run.refused(78).says(["VALUE", "encode", "base64"]);
}
