//! docs/containers.md: its task definitions give the program the same variables, and its images are built by
//! `tests/hosts`.

use serde_json::{Value, json};

use super::migrating::{declaration_of, has_jq};
use super::page::Page;
use crate::support::*;

/// The task definitions of the page: before, and after.
pub fn task_definitions() -> [String; 2] {
    let page = Page::read("docs/containers.md");
    let [before, after] = page.blocks("json").try_into().unwrap();
    [before.to_owned(), after.to_owned()]
}

fn aws() -> Aws {
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}");
    Aws::start()
        .secret(&arn("prod/api-token-XyZ123"), Secret::text(CANARY))
        .secret(
            &arn("prod/db-AbCdEf"),
            Secret::text(r#"{"password":"p-4c7a1e"}"#),
        )
}

/// Asserts the variables that ECS would set.
fn has_the_variables(run: &Outcome) {
    run.launched_silently()
        .has("LOG_LEVEL", "info")
        .has("API_TOKEN", CANARY)
        .has("DB_PASSWORD", "p-4c7a1e");
}

#[test]
fn the_ecs_task_definition_before_the_change_becomes_a_declaration_with_the_same_variables() {
    if !has_jq() {
        return;
    }
    let [before, _] = task_definitions();
    // As `aws ecs describe-task-definition` prints it.
    let declaration = declaration_of(&format!("{{\"taskDefinition\":{before}}}")).to_string();
    let aws = aws();
    has_the_variables(&Sandbox::new().aws(&aws).declaration(&declaration).run());
}

#[test]
fn the_ecs_task_definition_after_the_change_starts_the_program_with_the_same_variables() {
    let [_, after] = task_definitions();
    let after: Value = serde_json::from_str(&after).unwrap();
    let container = &after["containerDefinitions"][0];
    assert_eq!(container["entryPoint"][0], "secrets-exec");
    starts_with_the_variables(container);
}

/// Asserts that the entry point of a container launches its command with the variables that ECS would set.
fn starts_with_the_variables(container: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry_point: Vec<String> = container["entryPoint"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect();
    assert_eq!(entry_point.last().unwrap(), "--");
    assert!(
        container["command"].is_array() && container.get("secrets").is_none(),
        "{container}"
    );
    let aws = aws();
    let mut sandbox = Sandbox::new()
        .aws(&aws)
        .args(&entry_point[1..entry_point.len() - 1]);
    for variable in container["environment"].as_array().unwrap() {
        sandbox = sandbox.env(text(&variable["name"]), text(&variable["value"]));
    }
    has_the_variables(&sandbox.run());
}

#[test]
fn the_ecs_example_with_an_unchanged_image_starts_the_program_from_the_shared_volume() {
    let task: Value =
        serde_json::from_str(&repository_file("examples/ecs/unchanged-image.json")).unwrap();
    let [first, second] = task["containerDefinitions"].as_array().unwrap().as_slice() else {
        panic!("{task}")
    };
    let (volume, mounted) = (&first["mountPoints"][0], &second["mountPoints"][0]);
    assert_eq!(
        first["command"],
        json!(["install", volume["containerPath"]])
    );
    assert_eq!(
        second["dependsOn"],
        json!([{ "containerName": first["name"], "condition": "SUCCESS" }])
    );
    assert_eq!(volume["sourceVolume"], mounted["sourceVolume"]);
    let program = format!(
        "{}/secrets-exec",
        mounted["containerPath"].as_str().unwrap()
    );
    assert_eq!(second["entryPoint"][0], program.as_str());
    starts_with_the_variables(second);
}
