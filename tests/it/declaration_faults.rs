//! Invalid declarations: the error names file and line; nothing is requested and nothing started.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn launch(name: &str, declaration: impl AsRef<[u8]>) -> Outcome {
    let secret = Secret::json(r#"{"k":"v"}"#);
    let aws = Aws::start().secret("x", secret);
    let sandbox = Sandbox::new().aws(&aws).file(name, declaration);
    let run = sandbox.args(["-f", name]).run();
    assert!(aws.calls().is_empty(), "{run}");
    run
}

/// Asserts the error of an unknown or duplicate key, which also has the column.
fn refuses_key(declaration: &str, line: usize, column: usize, key: &str) {
    let place = format!("app.yaml:{line}:{column}");
    let run = launch("app.yaml", declaration);
    run.refused(78).says([place.as_str(), key]);
}

/// Asserts that a YAML declaration is refused with this line and these texts.
fn refuses(declaration: &str, line: usize, facts: &[&str]) {
    let run = launch("app.yaml", declaration);
    run.refused(78).says([format!("app.yaml:{line}").as_str()]).says(facts.iter().copied());
}

#[test]
fn an_unknown_key_is_an_error() {
    refuses_key("env:\n  A: x:k\nsecretz:\n  db: x\n", 3, 1, "secretz");
}

#[test]
fn an_unknown_key_of_an_entry_is_an_error() {
    refuses_key("env:\n  A: { from: \"x:k\", defualt: d }\n", 2, 21, "defualt");
}

#[test]
fn an_unknown_key_of_an_alias_is_an_error() {
    refuses_key("secrets:\n  db: { id: x, stages: y }\n", 2, 16, "stages");
}

#[test]
fn an_unknown_key_of_defaults_is_an_error() {
    refuses_key("defaults:\n  regoin: us-east-1\nenv: { A: \"x:k\" }\n", 2, 3, "regoin");
}

#[test]
fn local_is_no_default() {
    refuses("defaults:\n  local: local.json\nenv: { A: \"x:k\" }\n", 2, &["local"]);
}

#[test]
fn what_to_resolve_is_no_default() {
    refuses("defaults:\n  file: other.yaml\nenv: { A: \"x:k\" }\n", 2, &["file"]);
}

#[test]
fn a_duplicate_variable_is_an_error() {
    refuses_key("env:\n  A: x:k\n  B: x:k\n  A: x:k\n", 4, 3, "A");
}

#[test]
fn a_duplicate_section_is_an_error() {
    refuses_key("env:\n  A: x:k\nenv:\n  B: x:k\n", 3, 1, "env");
}

#[test]
fn a_duplicate_key_of_an_entry_is_an_error() {
    refuses_key("env:\n  A: { from: \"x:k\", from: \"x:k\" }\n", 2, 21, "from");
}

#[test]
fn a_duplicate_alias_is_an_error() {
    refuses_key("secrets:\n  db: x\n  db: x\nenv: { A: \"db:k\" }\n", 3, 3, "db");
}

#[test]
fn a_list_where_a_mapping_belongs_is_an_error() {
    refuses("env:\n  - A=x:k\n", 2, &[]);
}

#[test]
fn a_list_where_text_belongs_is_an_error() {
    refuses("env:\n  A: { value: [a, b] }\n", 2, &[]);
}

#[test]
fn a_word_where_a_boolean_belongs_is_an_error() {
    refuses("env:\n  A: { from: \"x:k\", optional: maybe }\n", 2, &[]);
}

#[test]
fn an_unknown_encoding_is_an_error() {
    refuses("env:\n  A: { from: \"x:k\", encode: hex }\n", 2, &["A: encode: \"hex\" is not base64"]);
    refuses("env:\n  A: { from: \"x:k\", decode: hex }\n", 2, &["base64"]);
}

#[test]
fn null_where_text_belongs_is_an_error() {
    for entry in ["", " ~", " null", " { value: null }", " { value: ~ }", " { value: }"] {
        refuses(&format!("env:\n  A:{entry}\n  B: x:k\n"), 2, &[]);
    }
}

#[test]
fn a_null_default_is_an_error() {
    refuses("env:\n  A: { from: \"x:k\", default: null }\n", 2, &[]);
}

#[test]
fn an_entry_without_a_source_is_an_error() {
    refuses("env:\n  A: { optional: true }\n", 2, &["A"]);
}

#[test]
fn an_entry_with_two_sources_is_an_error() {
    refuses("env:\n  A: { from: \"x:k\", value: v }\n", 2, &["from", "value"]);
}

#[test]
fn an_entry_with_default_and_optional_is_an_error() {
    let declaration = "env:\n  A: { from: \"x:k\", default: d, optional: true }\n";
    refuses(declaration, 2, &["default", "optional"]);
}

#[test]
fn an_illegal_variable_name_is_an_error() {
    for name in ["1A", "A-B", "\"A B\"", "\"\"", "\"A=B\"", "Ä"] {
        refuses(&format!("env:\n  {name}: x:k\n"), 2, &[]);
    }
}

#[test]
fn an_illegal_alias_is_an_error() {
    for alias in ["ssm", "arn", "1db", "my-db", "\"a b\""] {
        let declaration = format!("secrets:\n  {alias}: x\nenv: {{ A: \"x:k\" }}\n");
        refuses(&declaration, 2, &[alias.trim_matches('"')]);
    }
}

#[test]
fn an_alias_with_a_key_is_an_error() {
    refuses("secrets:\n  db: x:k\nenv: { A: db }\n", 2, &["db"]);
}

#[test]
fn an_alias_without_an_id_is_an_error() {
    refuses("secrets:\n  db: { stage: AWSPREVIOUS }\nenv: { A: db }\n", 2, &["id"]);
}

#[test]
fn a_malformed_reference_is_an_error() {
    refuses("env:\n  A: x:k\n  B: \"no blanks:k\"\n", 3, &["B"]);
    refuses("env:\n  A: \"\"\n", 2, &["A"]);
    refuses("env:\n  A: { from: \"x:k:s:v:more\" }\n", 2, &["A"]);
}

#[test]
fn an_arn_cut_short_is_an_error() {
    refuses("env:\n  A: arn:aws:secretsmanager:us-east-1:123456789012\n", 2, &["A"]);
}

#[test]
fn a_bad_path_is_an_error() {
    refuses("env:\n  A: x:k\n  B: \"x:$.a[\"\n", 3, &["B", "$.a["]);
}

#[test]
fn path_takes_only_a_value() {
    refuses("env:\n  PATH: x:k\n", 2, &["PATH"]);
    refuses("env:\n  PATH: { from: \"x:k\" }\n", 2, &["PATH"]);
}

#[test]
fn a_path_that_can_only_be_a_directory_is_an_error() {
    for path in ["/run/app/", "/run/app/..", "."] {
        refuses(&format!("files:\n  - {{ from: \"x:k\", path: {path} }}\n"), 2, &["the path of a file"]);
    }
}

#[test]
fn a_path_in_the_home_directory_is_told_that_nothing_expands_it() {
    refuses("files:\n  - { from: \"x:k\", path: ~/k }\n", 2, &["~ is not expanded"]);
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut declaration = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        declaration += &format!("a{level}: &a{level} [{inner}]\n");
    }
    let run = launch("app.yaml", declaration);
    run.refused(78).says(["app.yaml"]);
}

#[test]
fn several_errors_of_references_are_told_together() {
    let run = launch("app.yaml", "env:\n  A: \"bad id\"\n  B: x:k\n  C: \"x:$[\"\n");
    run.refused(78).says(["app.yaml:2", "app.yaml:4"]);
}

#[test]
fn a_file_without_an_end_is_read_up_to_a_limit() {
    Sandbox::new().args(["-f", "/dev/zero"]).run().refused(78).says(["/dev/zero: cannot be read", "more than 1 MiB"]);
    let run = Sandbox::new().args(["--local", "/dev/zero"]).resolve("A=x").run();
    run.refused(78).says(["/dev/zero: cannot be read", "more than 64 MiB"]);
}
