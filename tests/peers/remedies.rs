//! The commands of the AWS CLI that a help shows: each runs as it is printed.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use super::moto::Moto;
use super::python::interpreter;
use crate::support::console::{outputs, pages_in};
use crate::support::directory::Directory;
use crate::support::sandbox::CANARY;

/// The subcommands of the AWS CLI that aren't operations of AWS. They ask a person for everything
/// that is missing.
const DIALOGUES: [&str; 2] = ["aws configure sso", "aws sso login"];

/// The profiles of the tests, in another region than [`ELSEWHERE`].
const PROFILES: &str = "[default]\nregion = us-west-2\naws_access_key_id = AKIADUMMY\naws_secret_access_key = dummy\n[profile prod]\nregion = us-west-2\naws_access_key_id = AKIADUMMY\naws_secret_access_key = dummy\n";
const ELSEWHERE: &str = "eu-west-1";

/// Returns the command of the AWS CLI at the end of a help, or `None` if the line doesn't have one.
fn command_of(line: &str) -> Option<&str> {
    let (_, help) = line.split_once("help: ")?;
    let command = &help[help.find("aws ")?..];
    let mut dialogues = DIALOGUES.iter();
    let is_operation = !dialogues.any(|dialogue| command.starts_with(dialogue));
    is_operation.then_some(command)
}

/// Runs a command in a shell without a region, in a directory with a value.json.
fn run(moto: &Moto, directory: &Path, command: &str) -> Output {
    std::fs::write(directory.join("value.json"), r#"{"host": "db"}"#).unwrap();
    std::fs::write(directory.join("config"), PROFILES).unwrap();
    let cli = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/aws_cli.py");
    let script = format!("aws() {{ \"$PYTHON\" -B {cli} \"$@\"; }}\n{command}");
    let mut shell = Command::new("sh");
    shell.args(["-ec", &script]).current_dir(directory);
    shell.env_clear().envs([
        ("AWS_ACCESS_KEY_ID", "AKIADUMMY"),
        ("AWS_SECRET_ACCESS_KEY", "dummy"),
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_ENDPOINT_URL", &moto.url),
    ]);
    shell.env("PYTHON", interpreter().unwrap());
    shell.output().unwrap()
}

#[test]
fn each_aws_command_in_a_help_has_all_options_that_it_needs() {
    let moto = or_skip!(Moto::shared());
    let directory = Directory::new();
    let pages = ["mistakes", "check", "export"].map(pages_in);
    let printed: Vec<String> = pages.iter().flatten().flat_map(outputs).collect();
    let lines = printed.iter().flat_map(|output| output.lines());
    let mut commands: Vec<&str> = lines.filter_map(command_of).collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(commands.len() > 3, "{commands:?}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let has_region = words.contains(&"--region") || words[1] == "sts";
        assert!(has_region, "{command}");
        if let Some(at) = words.iter().position(|word| *word == "--secret-id") {
            // AWS has the secret, unless an earlier command was about it.
            let parameters = json!({ "Name": words[at + 1], "SecretString": CANARY });
            let _ = moto.try_call(&json!({ "service": "secretsmanager", "operation": "create_secret", "parameters": parameters }));
        }
        if let Some(at) = words.iter().position(|word| *word == "--name") {
            moto.parameter(words[at + 1], "SecureString", CANARY);
        }
        let output = run(moto, directory.path(), command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
    }
}

#[test]
fn a_secret_of_another_region_is_restored_with_the_command_in_the_help() {
    let moto = or_skip!(Moto::shared());
    let directory = Directory::new();
    let called = |operation: &str, parameters| {
        moto.call(&json!({ "service": "secretsmanager", "region": ELSEWHERE, "operation": operation, "parameters": parameters }));
    };
    let secret = json!({ "Name": "prod/deleted", "SecretString": CANARY });
    called("create_secret", secret);
    let deletion = json!({ "SecretId": "prod/deleted", "RecoveryWindowInDays": 7 });
    called("delete_secret", deletion);

    std::fs::write(directory.path().join("config"), PROFILES).unwrap();
    let launch = moto
        .sandbox()
        .env("AWS_CONFIG_FILE", directory.path().join("config"))
        .args(["--profile", "prod", "--region", ELSEWHERE])
        .resolve("A=prod/deleted");
    let refused = launch.run();
    let options = "--region eu-west-1 --profile prod";
    refused.refused(78, [options]);
    let stderr = refused.stderr();
    let command = stderr.lines().find_map(command_of).unwrap();
    let output = run(moto, directory.path(), command);
    assert!(output.status.success(), "{command}: {output:?}");
    launch.run().launched();
}
