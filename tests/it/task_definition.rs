//! ECS task definitions as declarations: those of `examples` (AWS's documentation, CDK, Copilot), and errors in them.

use crate::support::aws::Aws;
use crate::support::aws::secret::{PREVIOUS_ID, Secret};
use crate::support::outcome::Outcome;
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:appauthexample-AbCdEf";

fn example(name: &str) -> String {
    repository_file(&format!("tests/it/examples/{name}"))
}

/// A launch of a task definition whose secrets and parameters all exist.
fn local(task_definition: &str) -> Sandbox {
    let secrets = format!(
        r#"{{
          "SecretA720EF05-5lHRWbDHNvBT": {{ "username": "user", "password": "{CANARY}" }},
          "ssm:/app/license": "license", "ssm:/app/features": "a,b",
          "frontendclusterAuroraSecret-JtHxQ1ZpKuLa": {{ "host": "db", "password": "{CANARY}" }},
          "ssm:/copilot/shop/test/secrets/GITHUB_TOKEN": "token", "ssm:/copilot/shop/test/secrets/DD_API_KEY": "dd"
        }}"#
    );
    Sandbox::new().file("task.json", task_definition).args(["-f", "task.json"]).local(&secrets)
}

/// A launch of a container with these keys, which begin on line 2, against AWS with one secret.
fn container(keys: &str, secret: &str) -> Outcome {
    let aws = Aws::start().secret(ARN, Secret::json(secret));
    let task = format!("{{\"containerDefinitions\": [{{\n{keys}\n}}]}}");
    Sandbox::new().aws(&aws).file("task.json", task).args(["-f", "task.json"]).run()
}

fn refuses(keys: &str, facts: &[&str]) {
    container(keys, "{}").refused(78).says(facts.iter().copied());
}

#[test]
fn the_task_definition_of_the_examples_is_launched_as_it_is() {
    let secrets = repository_file("examples/secrets.local.yaml").replace("not-a-real-token", CANARY);
    let run = Sandbox::new()
        .file("task-definition.json", repository_file("examples/task-definition.json"))
        .file("local.yaml", secrets)
        .args(["-f", "task-definition.json", "--local", "local.yaml"])
        .run();
    run.launched()
        .has("LOG_LEVEL", "info")
        .has("DB_PORT", "5432")
        .has("DB_HOST", "db.example.com")
        .has("DB_PASSWORD", "not-a-real-password")
        .has("DB_PASSWORD_OLD", "not-a-real-password-either")
        .has("API_TOKEN", CANARY);
}

#[test]
fn each_form_of_value_from_in_the_documentation_of_aws_is_read() {
    let older = Secret::json(r#"{"username1":"old"}"#);
    let aws = Aws::start().secret(ARN, Secret::json(r#"{"username1":"new"}"#).previous(older));
    let task = example("aws-documentation.json").replace("9d4cb84b-ad69-40c0-a0ab-cead36b967e8", PREVIOUS_ID);
    let run = Sandbox::new().aws(&aws).file("task.json", task).args(["-f", "task.json"]).run();
    let whole = |username| format!(r#"{{"zz_canary":"{CANARY}","username1":"{username}"}}"#);
    run.launched_silently()
        .has("WHOLE", whole("new"))
        .has("KEY", "new")
        .has("STAGE", whole("old"))
        .has("VERSION", whole("old"))
        .has("KEY_AND_STAGE", "old")
        .has("KEY_AND_VERSION", "old");
    // The current version, AWSPREVIOUS, and the version by its id.
    assert_eq!(aws.calls().len(), 3, "{run}");
}

#[test]
fn what_the_aws_cli_prints_of_a_cdk_application_is_read() {
    let run = local(&example("cdk.json")).run();
    run.launched()
        .has("STAGE", "prod")
        .has("SECRET", format!(r#"{{"username":"user","password":"{CANARY}"}}"#))
        .has("PASSWORD", CANARY)
        .has("LICENSE", "license")
        .has("FEATURES", "a,b");
}

#[test]
fn several_containers_are_listed_when_none_is_chosen() {
    let run = local(&example("copilot.json")).run();
    run.refused(78).says(["task.json", "frontend", "firelens_log_router", "--container"]);
}

#[test]
fn a_container_of_a_copilot_service_is_chosen_by_its_name() {
    let run = local(&example("copilot.json")).args(["--container", "frontend"]).run();
    run.launched()
        .has("COPILOT_SERVICE_NAME", "frontend")
        .has("COPILOT_SNS_TOPIC_ARNS", r#"{"orders":"arn:aws:sns:us-west-2:123456789012:shop-test-frontend-orders"}"#)
        .has("GITHUB_TOKEN", "token")
        .has("DB_PASSWORD", CANARY)
        .has("DB", format!(r#"{{"host":"db","password":"{CANARY}"}}"#))
        .lacks("DD_API_KEY");
}

#[test]
fn a_container_that_is_not_there_is_told_with_one_that_is() {
    let task = example("copilot.json");
    let run = local(&task).args(["--container", "fronted"]).run();
    run.refused(78).says(["task.json", "\"fronted\"", "did you mean \"frontend\"?"]);
    let run = local(&task).args(["--container", "database"]).run();
    run.refused(78).says(["\"database\"", "frontend, firelens_log_router"]);
}

#[test]
fn a_container_is_chosen_from_nothing_but_a_task_definition() {
    let run = Sandbox::new().declaration("env:\n  A: { value: v }\n").args(["--container", "app"]).run();
    run.refused(64).says(["--container", "task definition"]);
}

#[test]
fn a_container_whose_variables_come_from_files_is_refused() {
    let run = local(&example("copilot.json")).args(["--container", "firelens_log_router"]).run();
    run.refused(78).says(["task.json:42", "environmentFiles"]);
}

#[test]
fn values_are_not_mangled_as_by_ecs() {
    let keys = format!(
        r#""secrets": [{{ "name": "N", "valueFrom": "{ARN}:n::" }}, {{ "name": "O", "valueFrom": "{ARN}:o::" }}]"#
    );
    container(&keys, r#"{"n":1000000,"o":{"z":[1, 2]}}"#)
        .launched_silently()
        .has("N", "1000000")
        .has("O", r#"{"z":[1,2]}"#);
}

#[test]
fn a_key_is_one_key_whatever_it_looks_like() {
    let keys = format!(
        r#""secrets": [{{ "name": "A", "valueFrom": "{ARN}:$.a['b']::" }}, {{ "name": "B", "valueFrom": "{ARN}:a.b::" }}]"#
    );
    container(&keys, r#"{"$.a['b']":"this","a":{"b":"not this"},"a.b":"that"}"#)
        .launched_silently()
        .has("A", "this")
        .has("B", "that");
}

#[test]
fn a_later_layer_wins_over_a_task_definition() {
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"password":"p"}"#));
    let task = format!(
        r#"{{"containerDefinitions":[{{"secrets":[{{"name":"A","valueFrom":"{ARN}:k::"}}],"environment":[{{"name":"B","value":"b"}}]}}]}}"#
    );
    let sandbox =
        Sandbox::new().aws(&aws).file("task.json", task).file("app.yaml", "env: { A: \"prod/db:password\" }\n");
    sandbox.args(["-f", "task.json", "-f", "app.yaml"]).run().launched_silently().has("A", "p").has("B", "b");
}

#[test]
fn a_literal_path_is_where_the_command_is_looked_up() {
    let task = r#"{"containerDefinitions":[{"environment":[{"name":"PATH","value":"bin"}]}]}"#;
    let sandbox = Sandbox::new().executable("bin/tool", "#!/bin/sh\necho found\n").file("task.json", task);
    sandbox.args(["-f", "task.json"]).command(["tool"]).run().launched_silently().printed("found\n");
}

#[test]
fn path_from_a_secret_is_refused() {
    refuses(&format!(r#""secrets": [{{ "name": "PATH", "valueFrom": "{ARN}" }}]"#), &["task.json:2", "PATH"]);
}

#[test]
fn an_arn_with_a_key_alone_is_refused_as_by_ecs() {
    let keys = format!(r#""secrets": [{{ "name": "A", "valueFrom": "{ARN}:username1" }}]"#);
    refuses(&keys, &["task.json:2", "A", "8 fields", ":JSON-KEY:VERSION-STAGE:VERSION-ID"]);
}

#[test]
fn a_name_with_a_key_is_told_to_be_no_arn() {
    refuses(
        r#""secrets": [{ "name": "A", "valueFrom": "prod/db:password" }]"#,
        &["task.json:2", "not an ARN", "parameter"],
    );
}

#[test]
fn a_variable_in_a_value_from_is_not_expanded() {
    let keys =
        format!(r#""secrets": [{{ "name": "A", "valueFrom": "{}" }}]"#, ARN.replace("us-east-1", "${AWS_REGION}"));
    refuses(&keys, &["task.json:2", "A"]);
}

#[test]
fn a_parameter_that_is_absent_is_told_with_the_name_that_it_has_here() {
    refuses(
        r#""secrets": [{ "name": "A", "valueFrom": "/prod/a" }]"#,
        &["A", "task.json:2", "ssm:/prod/a", "does not exist"],
    );
}

#[test]
fn a_name_in_both_lists_is_an_error() {
    let keys = format!(
        "\"environment\": [{{ \"name\": \"A\", \"value\": \"a\" }}],\n\"secrets\": [{{ \"name\": \"A\", \"valueFrom\": \"{ARN}\" }}]"
    );
    refuses(&keys, &["task.json:3", "\"A\" is already on line 2"]);
}

#[test]
fn files_of_variables_are_refused() {
    refuses(
        r#""environmentFiles": [{ "value": "arn:aws:s3:::bucket/app.env", "type": "s3" }]"#,
        &["task.json:2", "environmentFiles"],
    );
}

#[test]
fn a_task_definition_without_containers_is_an_error() {
    let run = Sandbox::new().file("task.json", r#"{"containerDefinitions": []}"#).args(["-f", "task.json"]).run();
    run.refused(78).says(["task.json:1", "no containers"]);
}
