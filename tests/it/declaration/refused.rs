//! Invalid declarations: the error names file and line; nothing is requested and nothing started.

use crate::support::aws::served;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;

fn declaring(name: &str, declaration: impl AsRef<[u8]>) -> Outcome {
    let aws = served();
    let run = Sandbox::new().aws(&aws).case(name).file(name, declaration).args(["-f", name]).run();
    assert!(aws.calls().is_empty(), "{run}");
    run
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (declaration, place, fact) in [
        ("env:\n  A: x:k\nsecretz:\n  db: x", "3:1", "secretz"),
        ("env:\n  A: { from: \"x:k\", defualt: d }", "2:21", "\"defualt\"; did you mean \"default\""),
        ("secrets:\n  db: { id: x, stages: y }", "2:16", "stages"),
        ("defaults:\n  regoin: us-east-1\nenv: { A: \"x:k\" }", "2:3", "did you mean \"region\""),
        ("defaults:\n  local: local.json\nenv: { A: \"x:k\" }", "2:", "local"),
        ("defaults:\n  file: other.yaml\nenv: { A: \"x:k\" }", "2:", "file"),
        ("defaults:\n  timeout: soon\nenv: { A: \"x:k\" }", "2:", "timeout"),
        ("env:\n  A: x:k\n  B: x:k\n  A: x:k", "4:3", "the key \"A\" is already on line 2"),
        ("env:\n  A: x:k\nenv:\n  B: x:k", "3:1", "env"),
        ("env:\n  A: { from: \"x:k\", from: \"x:k\" }", "2:21", "from"),
        ("secrets:\n  db: x\n  db: x\nenv: { A: \"db:k\" }", "3:3", "db"),
        ("- A=x:k", "1:1", "of names and values, found a list"),
        ("env:\n  - A=x:k", "2:3", "without a hyphen"),
        ("env:\n  A: [x]", "2:", "A"),
        ("env-from: {}", "1:11", "expected a list of references"),
        ("env:\n  A: { value: [a, b] }", "2:15", "expected text, found a list"),
        ("env:\n  A: { value: !!int 5 }", "2:", "!!str"),
        ("env:\n  A: { from: \"x:k\", optional: maybe }", "2:31", "expected true or false"),
        ("env:\n  A: { from: \"x:k\", encode: hex }", "2:", "A: encode: \"hex\" is not base64"),
        ("env:\n  A: { from: \"x:k\", decode: hex }", "2:", "base64"),
        ("env:\n  A:\n  B: x:k", "2:4", "A: expected a reference"),
        ("env:\n  A: ~\n  B: x:k", "2:6", "A: expected a reference"),
        ("env:\n  A: { value: null }", "2:15", "expected text, found null"),
        ("env:\n  A: { value: }", "2:13", "expected text, found null"),
        ("env:\n  A: { from: \"x:k\", default: null }", "2:30", "default: expected text"),
        ("env:\n  A: { optional: true }", "2:", "A"),
        ("env:\n  A: { from: \"x:k\", value: v }", "2:", "exactly one of"),
        ("env:\n  A: { from: \"x:k\", default: d, optional: true }", "2:", "default"),
        ("env:\n  1A: x:k", "2:", "1A"),
        ("env:\n  A-B: x:k", "2:", "A-B"),
        ("env:\n  \"A B\": x:k", "2:", "A B"),
        ("env:\n  \"\": x:k", "2:3", "\"\" cannot be the name"),
        ("env:\n  \"A=B\": x:k", "2:3", "\"A=B\" cannot be the name"),
        ("env:\n  Ä: x:k", "2:", "Ä"),
        ("secrets:\n  db: x:k\nenv: { A: db }", "2:", "db"),
        ("secrets:\n  db: { stage: AWSPREVIOUS }\nenv: { A: db }", "2:", "id"),
        ("env:\n  A: x:k\n  B: \"no blanks:k\"", "3:", "B"),
        ("env:\n  A: \"\"", "2:", "A"),
        ("env:\n  A: \"$x\"", "2:", "A"),
        ("env:\n  A: { from: \"x:k:s:v:more\" }", "2:", "A"),
        ("env:\n  A: arn:aws:secretsmanager:us-east-1:123456789012", "2:", "is an ARN cut short"),
        ("env:\n  A: x:k\n  B: \"x:$.a[\"", "3:", "$.a["),
        ("env:\n  A: { template: \"{{ t\" }", "2:", "line 1 of the template"),
        ("env:\n  PATH: x:k", "2:", "PATH"),
        ("env:\n  PATH: { from: \"x:k\" }", "2:", "PATH"),
        ("files:\n  - { from: \"x:k\", path: /run/app/ }", "2:", "the path of a file"),
        ("files:\n  - { from: \"x:k\", path: /run/app/.. }", "2:", "the path of a file"),
        ("files:\n  - { from: \"x:k\", path: . }", "2:", "the path of a file"),
        ("files:\n  - { from: \"x:k\", path: ~/k }", "2:", "~ is not expanded"),
        ("env:\n  A: x:k\n  B: { from: \"x", "3:14", "unclosed quote"),
        ("env: {", "1:6", "unclosed bracket"),
        ("env:\n\tA: x:k", "2:2", "tabs"),
        ("env: a: b", "1:7", "mapping values"),
        ("env:\n  A: x\n B: y", "3:2", "block mapping"),
        ("env: *nothing", "1:6", "unknown anchor"),
        ("env:\n  A: x:k\n---\nenv: {}", "3:1", "a second YAML document"),
    ] {
        declaring("app.yaml", declaration).refused(78).says([&*format!("app.yaml:{place}"), fact]);
    }
    // A template could not name these.
    let names = "loop range true none not for self namespace ssm arn env my-db a-b 1st";
    for alias in names.split(' ').chain(["\"a b\""]) {
        let run = declaring("app.yaml", format!("secrets:\n  {alias}: x\nenv: {{ A: \"x:k\" }}\n"));
        run.refused(78).says(["app.yaml:2:", alias.trim_matches('"')]);
    }
}

#[test]
fn a_file_that_is_no_declaration_is_told_with_its_name() {
    let task = r#"{"containerDefinitions":[{"secrets":[{"name":"A","valueFrom":"/prod/a"}]}]}"#;
    let described = format!("{{\"taskDefinition\":{task},\"tags\":[]}}");
    for (name, text, fact) in [
        ("app.json", "{\n  \"env\": {\n    \"A\": \"x:k\"\n    \"B\": \"x:k\"\n  }\n}\n", "app.json:4:5: "),
        ("app.json", "{\"env\": {\n\"A\": \"x:k\",\n\"A\": \"x:k\"\n}}\n", "app.json:3"),
        ("app.toml", "[env]\nA = \"x:k\"\n", "write it as YAML"),
        ("task.json", task, "docs/migrating.md"),
        ("described.json", &described, "docs/migrating.md"),
    ] {
        let run = declaring(name, text);
        run.refused(78).says([name, fact]);
        assert!(run.stderr().lines().count() <= 2, "{run}");
    }
    declaring("app.yaml", b"env:\n  A: \"x\xff\xfe\"\n").refused(78).says(["app.yaml"]);
    for name in ["nowhere.yaml", "directory"] {
        Sandbox::new().file("directory/inside", "").args(["-f", name]).run().refused(78).says([name]);
    }
    Sandbox::new().args(["-f", "/dev/zero"]).run().refused(78).says(["/dev/zero: cannot be read", "more than 1 MiB"]);
    let run = Sandbox::new().args(["--local", "/dev/zero"]).resolve("A=x").run();
    run.refused(78).says(["/dev/zero: cannot be read", "more than 64 MiB"]);
}

#[test]
fn an_alias_bomb_is_an_error() {
    let mut declaration = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        declaration += &format!("a{level}: &a{level} [{inner}]\n");
    }
    declaring("app.yaml", declaration).refused(78).says(["app.yaml"]);
    // Each anchor keeps a copy of what it names.
    let anchors: String = (0..60).map(|level| format!("&a{level} [")).collect();
    let declaration = format!("env: {anchors}{}{}", "x, ".repeat(10_000), "]".repeat(60));
    declaring("app.yaml", declaration).refused(78).says(["app.yaml:1:", "more than 100,000 values"]);
}
