//! The conversion of a secret's JSON to the value of a variable, byte for byte.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

/// Launches with `VALUE` from this secret; the selector is `:key`, say.
fn read(case: &str, secret: Secret, selector: &str) -> Outcome {
    let aws = Aws::start().secret("prod/db", secret);
    Sandbox::new().aws(&aws).case(case).resolve(&format!("VALUE=prod/db{selector}")).run()
}

#[test]
fn a_value_is_the_text_of_its_json() {
    for (case, json, value) in [
        ("letters of any script", r#""äöü €𝄞""#, "äöü €𝄞"),
        ("escapes", r#""\u00e4\ud834\udd1e\"\\\/\t""#, "ä𝄞\"\\/\t"),
        ("blanks at both ends", r#""  both ends  ""#, "  both ends  "),
        ("newlines", r#""first\nsecond\n\n""#, "first\nsecond\n\n"),
        ("newlines of DOS", r#""dos-4c7a1e\r\n""#, "dos-4c7a1e\r\n"),
        ("a backslash and an n", r#""a\\nb-4c7a1e""#, r"a\nb-4c7a1e"),
        ("signs of a shell", r#""a=b=c 'x' `y` $HOME ${HOME} $(id) %s""#, "a=b=c 'x' `y` $HOME ${HOME} $(id) %s"),
        ("HTML", r#""<a href=\"x\">&amp;</a>""#, r#"<a href="x">&amp;</a>"#),
        ("an empty string", r#""""#, ""),
        ("a string of JSON", r#""{\"a\": [1, 2]}""#, r#"{"a": [1, 2]}"#),
        ("the string null", r#""null""#, "null"),
        ("the string of a number", r#""1000000e3""#, "1000000e3"),
        (
            "a string like a reference",
            r#""{{resolve:secretsmanager:x}} prod/db:key""#,
            "{{resolve:secretsmanager:x}} prod/db:key",
        ),
        ("a number", "5432", "5432"),
        ("zero below zero", "-0", "-0"),
        ("a trailing zero", "1.10", "1.10"),
        ("a float of an integer", "1.0", "1.0"),
        ("a small exponent", "0.1e-7", "0.1e-7"),
        ("a number above 2^64", "100000000000000000000", "100000000000000000000"),
        ("a number above 2^53", "9007199254740993", "9007199254740993"),
        (
            "more digits than a float has",
            "3.14159265358979323846264338327950288",
            "3.14159265358979323846264338327950288",
        ),
        ("true", "true", "true"),
        ("false", "false", "false"),
        (
            "an object in its own order",
            r#"{ "z" : 1.10 , "a" : { "y" : null , "b" : [ true , "x y-4c7a1e" ] } }"#,
            r#"{"z":1.10,"a":{"y":null,"b":[true,"x y-4c7a1e"]}}"#,
        ),
        ("an array", "[ 1.10, -0, 12345678901234567890, [], {} ]", "[1.10,-0,12345678901234567890,[],{}]"),
        ("the last of two keys", r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
    ] {
        let secret = Secret::text(&format!(r#"{{"port":5432,"none":null,"key":"first-4c7a1e","key":{json}}}"#));
        let run = read(case, secret, ":key");
        run.has("VALUE", value);
        if value.is_empty() {
            assert_eq!(run.stderr(), "secrets-exec: warning: empty values were read: VALUE (--env, prod/db:key)\n");
        } else {
            run.launched_silently();
        }
    }
}

#[test]
fn an_exponent_stays_an_exponent_with_at_most_a_sign_added() {
    for (literal, signed) in [("1e400", "1e+400"), ("1.5e3", "1.5e+3"), ("1e-7", "1e-7"), ("2e+5", "2e+5")] {
        let run = read(literal, Secret::text(&format!(r#"{{"key":{literal}}}"#)), ":key");
        let environment = run.launched().stdout();
        let value = environment.split('\0').find_map(|entry| entry.strip_prefix("VALUE="));
        assert!(value.is_some_and(|value| value == literal || value == signed), "{literal} became {value:?}");
    }
}

#[test]
fn a_path_that_would_make_gigabytes_of_paths_is_refused() {
    let wide = |key: &str| format!(r#"{{"{key}":[{}],"a":{{"password":"v-4c7a1e"}}}}"#, vec!["[1]"; 2000].join(","));
    read("short keys", Secret::text(&wide("k")), ":$..password").launched_silently().has("VALUE", "v-4c7a1e");
    let long = Secret::text(&wide(&"k".repeat(50_000)));
    read("a long key", long, ":$..password").refused(78).says([
        "secret prod/db",
        "is too large for $..password",
        "`..`",
    ]);
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    read("many descents", Secret::text(&nested), ":$..*..*..*..*").refused(78).says(["is too large for $..*"]);
}
