//! Declaration files that cannot be read or parsed, in each of the three formats.

use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn launch(name: &str, declaration: impl AsRef<[u8]>) -> Outcome {
    let sandbox = Sandbox::new().file(name, declaration);
    sandbox.args(["-f", name]).run()
}

#[test]
fn broken_yaml_is_an_error() {
    let run = launch("app.yaml", "env:\n  A: x:k\n  B: { from: \"x\n");
    run.refused(78).says(["app.yaml:"]);
}

#[test]
fn broken_toml_is_an_error() {
    let run = launch("app.toml", "[env]\nA = \"x:k\"\nB = \n");
    run.refused(78).says(["app.toml:3"]);
}

#[test]
fn broken_json_is_an_error() {
    let run = launch("app.json", "{\n  \"env\": {\n    \"A\": \"x:k\",\n  }\n}\n");
    run.refused(78).says(["app.json:"]);
}

#[test]
fn an_unknown_key_of_toml_is_an_error_with_its_line() {
    let run = launch("app.toml", "[env]\nA = \"x:k\"\n[secretz]\ndb = \"x\"\n");
    run.refused(78).says(["app.toml:3", "secretz"]);
}

#[test]
fn a_duplicate_key_of_toml_is_an_error_with_its_line() {
    let run = launch("app.toml", "[env]\nA = \"x:k\"\nA = \"x:k\"\n");
    run.refused(78).says(["app.toml:3"]);
}

#[test]
fn a_duplicate_key_of_json_is_an_error_with_its_line() {
    let run = launch("app.json", "{\"env\": {\n\"A\": \"x:k\",\n\"A\": \"x:k\"\n}}\n");
    run.refused(78).says(["app.json:3", "A"]);
}

#[test]
fn toml_and_json_need_quotes_where_text_is_expected() {
    let run = launch("app.toml", "[env]\nA = { value = 5432 }\n");
    run.refused(78).says(["app.toml:2"]);
    let run = launch("app.json", "{\"env\": {\n\"A\": {\"value\": 5432}}}\n");
    run.refused(78).says(["app.json:2"]);
}

#[test]
fn invalid_utf_8_is_an_error() {
    for name in ["app.yaml", "app.toml", "app.json"] {
        let run = launch(name, b"env:\n  A: \"x\xff\xfe\"\n");
        run.refused(78).says([name]);
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let run = Sandbox::new().args(["-f", "nowhere.yaml"]).run();
    run.refused(78).says(["nowhere.yaml"]);
}

#[test]
fn a_directory_is_no_declaration() {
    let sandbox = Sandbox::new().file("app.yaml/inside", "");
    let run = sandbox.args(["-f", "app.yaml"]).run();
    run.refused(78).says(["app.yaml"]);
}

#[test]
fn lines_that_end_as_on_windows_are_read() {
    let run = launch("app.yaml", "env:\r\n  A: { value: v }\r\n  B: { value: w }\r\n");
    run.launched().has("A", "v").has("B", "w");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_declaration() {
    for (name, declaration) in
        [("app.yaml", "\u{feff}env:\n  A: { value: v }\n"), ("app.toml", "\u{feff}[env]\nA = { value = \"v\" }\n")]
    {
        launch(name, declaration).launched().has("A", "v");
    }
}
