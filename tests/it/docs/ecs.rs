//! docs/ecs.md: its task definitions give the program the same variables before and after the
//! change.

use serde_json::{Value, json};

use super::migrating::{declaration_of, has_jq};
use super::page::Page;
use crate::support::*;

/// The task definitions of the page, before and after the change.
fn task_definitions() -> [String; 2] {
    let page = Page::read("docs/ecs.md");
    let [before, after, _] = page.blocks("json").try_into().unwrap();
    [before.to_owned(), after.to_owned()]
}

fn aws() -> Aws {
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}");
    let db = Secret::text(r#"{"password":"p-4c7a1e"}"#);
    let aws = Aws::start().secret(&arn("prod/db-AbCdEf"), db);
    aws.secret(&arn("prod/api-token-XyZ123"), Secret::text(CANARY))
}

/// Asserts that the variables are those that ECS would set.
fn assert_variables(run: &Outcome) {
    run.launched_silently()
        .has("LOG_LEVEL", "info")
        .has("API_TOKEN", CANARY)
        .has("DB_PASSWORD", "p-4c7a1e");
}

#[test]
fn the_jq_command_of_docs_ecs_md_makes_a_declaration_of_a_task_definition() {
    if !has_jq() {
        return;
    }
    let [before, _] = task_definitions();
    // This is the form in which `aws ecs describe-task-definition` prints it.
    let declaration = declaration_of(&format!("{{\"taskDefinition\":{before}}}")).to_string();
    let aws = aws();
    assert_variables(&Sandbox::new().aws(&aws).declaration(&declaration).run());
}

#[test]
fn the_changed_task_definition_of_docs_ecs_md_starts_with_the_same_variables() {
    let [_, after] = task_definitions();
    let after: Value = serde_json::from_str(&after).unwrap();
    let container = &after["containerDefinitions"][0];
    assert_eq!(container["entryPoint"][0], "secrets-exec");
    assert_starts_with_variables(container);
}

/// Asserts that the entry point of a container launches its command with the variables that ECS
/// would set.
fn assert_starts_with_variables(container: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry_point = container["entryPoint"].as_array().unwrap();
    let words: Vec<String> = entry_point.iter().map(text).collect();
    let [_, options @ .., end] = &words[..] else {
        panic!("{container}")
    };
    assert_eq!(end, "--");
    assert!(container["command"].is_array(), "{container}");
    assert!(container.get("secrets").is_none(), "{container}");
    let aws = aws();
    let mut sandbox = Sandbox::new().aws(&aws).args(options);
    for variable in container["environment"].as_array().unwrap() {
        sandbox = sandbox.env(text(&variable["name"]), text(&variable["value"]));
    }
    assert_variables(&sandbox.run());
}

#[test]
fn the_ecs_example_starts_the_program_in_an_unchanged_image() {
    let task = repository_file("examples/ecs/unchanged-image.json");
    let task: Value = serde_json::from_str(&task).unwrap();
    let [first, second] = task["containerDefinitions"].as_array().unwrap().as_slice() else {
        panic!("{task}")
    };
    let (volume, mounted) = (&first["mountPoints"][0], &second["mountPoints"][0]);
    let install = json!(["install", volume["containerPath"]]);
    assert_eq!(first["command"], install);
    let dependency = json!([{ "containerName": first["name"], "condition": "SUCCESS" }]);
    assert_eq!(second["dependsOn"], dependency);
    assert_eq!(volume["sourceVolume"], mounted["sourceVolume"]);
    let folder = mounted["containerPath"].as_str().unwrap();
    assert_eq!(second["entryPoint"][0], format!("{folder}/secrets-exec"));
    assert_starts_with_variables(second);
}

#[test]
fn the_terraform_example_starts_the_program_with_the_declaration_of_the_image() {
    let code = repository_file("examples/terraform/main.tf");
    let words = |name: &str| -> Vec<String> {
        let found = code.lines().find_map(|line| {
            let (key, value) = line.split_once(" = ")?;
            (key.trim() == name).then_some(value)
        });
        serde_json::from_str(found.unwrap()).unwrap()
    };
    let entry_point = words("entryPoint");
    let [program, options @ .., end] = &entry_point[..] else {
        panic!("{entry_point:?}")
    };
    assert_eq!((program.as_str(), end.as_str()), ("secrets-exec", "--"));
    let place = |word: &String| word.replace("/etc/", "");
    let sandbox = Sandbox::new()
        .file(
            "secrets-exec.yaml",
            "env: { DB_PASSWORD: prod/db:password }",
        )
        .args(options.iter().map(place))
        .executable("bin/node", "#!/bin/sh\necho \"$*\"\n")
        .command(words("command"));
    let search_path = sandbox.path("bin").display().to_string();
    let sandbox = sandbox.env("PATH", search_path);
    let run = sandbox.local("prod/db: { password: p-4c7a1e }").run();
    run.launched().printed("app.js\n");
    for (opening, closing) in [('{', '}'), ('[', ']'), ('(', ')')] {
        let count = |bracket| code.matches(bracket).count();
        assert_eq!(count(opening), count(closing), "{opening}");
    }
}
