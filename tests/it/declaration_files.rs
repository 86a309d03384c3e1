//! Declaration files that cannot be read or parsed.

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
fn broken_json_is_an_error() {
    let run = launch("app.json", "{\n  \"env\": {\n    \"A\": \"x:k\"\n    \"B\": \"x:k\"\n  }\n}\n");
    run.refused(78).says(["app.json:4:5: "]);
}

#[test]
fn a_file_in_another_format_gets_one_line_of_help() {
    let task = r#"{"containerDefinitions":[{"secrets":[{"name":"A","valueFrom":"/prod/a"}]}]}"#;
    for (name, text, help) in [
        ("app.toml", "[env]\nA = \"x:k\"\n", "write it as YAML"),
        ("task.json", task, "docs/migrating.md"),
        ("described.json", &format!("{{\"taskDefinition\":{task},\"tags\":[]}}"), "docs/migrating.md"),
    ] {
        let run = launch(name, text);
        run.refused(78).says([name, help]);
        assert_eq!(run.stderr().lines().count(), 2, "{run}");
    }
}

#[test]
fn a_duplicate_key_of_json_is_an_error_with_its_line() {
    let run = launch("app.json", "{\"env\": {\n\"A\": \"x:k\",\n\"A\": \"x:k\"\n}}\n");
    run.refused(78).says(["app.json:3", "A"]);
}

#[test]
fn invalid_utf_8_is_an_error() {
    let run = launch("app.yaml", b"env:\n  A: \"x\xff\xfe\"\n");
    run.refused(78).says(["app.yaml"]);
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
    launch("app.yaml", "\u{feff}env:\n  A: { value: v }\n").launched().has("A", "v");
}
