//! Checks `secrets-exec.schema.json` against the types that generate it and against the program. Run
//! `SECRETS_EXEC_UPDATE_SCHEMA=1 cargo test --test it schema` after a change of the types.

#[expect(dead_code, reason = "only the names and types of the fields are used")]
mod declaration;
mod rows;
#[expect(dead_code, reason = "only the names and types of the fields are used")]
mod text;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::getuid;
use serde_json::json;

use crate::docs::page::Page;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox, repository_file};

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Launches with a declaration; every secret that the rows name exists. JSON is read as YAML, where a scalar is text.
fn launch(row: &str) -> Outcome {
    let secrets = json!({
        "x": { "k": "v", "password": CANARY, "encoded": "dGV4dA==" },
        "plain": "text",
        "ssm:/prod/parameter": "p",
    });
    // A launch needs an entry, and a declaration may have none.
    let sandbox = Sandbox::new().local(&secrets.to_string()).resolve("ANYWAY=plain");
    let directory = sandbox.path("").to_str().unwrap().to_owned();
    let row = row.replace("DIRECTORY/", &directory).replace("\"OWNER\"", &getuid().to_string());
    sandbox.file("row.yaml", row).args(["-f", "row.yaml"]).run()
}

/// The program's error; `None` if it launches.
fn refusal(row: &str) -> Option<String> {
    let run = launch(row);
    match run.status {
        Status::Exit(0) => None,
        Status::Exit(78) => Some(run.stderr()),
        Status::Exit(_) | Status::Signal(_) | Status::TimedOut => panic!("{row}: {run}"),
    }
}

/// The schema's errors for the JSON texts and then for the YAML texts; `None` if jsonschema is not installed.
fn judge(documents: &[&str], yaml: &[&str]) -> Option<Vec<Option<String>>> {
    let mut child = Command::new(crate::peers::interpreter()?)
        .args(["-B", repository("tests/it/schema/judge.py").to_str()?])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let task = json!({ "schema": declaration::schema(), "documents": documents, "yaml": yaml }).to_string();
    child.stdin.take().unwrap().write_all(task.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "judge.py failed; its error is on standard error");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

const FILE: &str = "secrets-exec.schema.json";

#[test]
fn the_schema_in_the_repository_is_what_the_types_generate() {
    let generated = format!("{}\n", serde_json::to_string_pretty(&declaration::schema()).unwrap());
    if env::var_os("SECRETS_EXEC_UPDATE_SCHEMA").is_some_and(|update| update == "1") {
        fs::write(repository(FILE), &generated).unwrap();
    }
    assert!(
        fs::read_to_string(repository(FILE)).is_ok_and(|kept| kept == generated),
        "{FILE} is not what tests/it/schema/declaration.rs generates: \
         SECRETS_EXEC_UPDATE_SCHEMA=1 cargo test --test it schema updates it"
    );
}

#[test]
fn what_the_schema_accepts_and_refuses_the_program_does_too() {
    let rows: Vec<&str> = rows::RIGHT.iter().chain(rows::WRONG).copied().collect();
    let Some(verdicts) = judge(&rows, &[]) else { return };
    let mut disagreements = Vec::new();
    for (row, by_schema) in rows.iter().zip(verdicts) {
        let right = rows::RIGHT.contains(row);
        if by_schema.is_none() != right {
            disagreements.push(format!("by the schema: {row}: {by_schema:?}"));
        }
        let by_program = refusal(row);
        if by_program.is_none() != right {
            disagreements.push(format!("by the program: {row}: {by_program:?}"));
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

#[test]
fn what_no_schema_can_tell_the_program_does() {
    let Some(verdicts) = judge(rows::WRONG_FOR_THE_PROGRAM_ALONE, &[]) else { return };
    for (row, by_schema) in rows::WRONG_FOR_THE_PROGRAM_ALONE.iter().zip(verdicts) {
        assert_eq!(by_schema, None, "{row}");
        assert!(refusal(row).is_some(), "{row}");
    }
}

#[test]
fn the_schema_is_stricter_than_the_program_only_where_it_means_to_be() {
    let Some(verdicts) = judge(rows::WRONG_FOR_THE_SCHEMA_ALONE, &[]) else { return };
    for (row, by_schema) in rows::WRONG_FOR_THE_SCHEMA_ALONE.iter().zip(verdicts) {
        assert!(by_schema.is_some(), "{row}");
        assert_eq!(refusal(row), None, "{row}");
    }
}

#[test]
fn the_declarations_of_the_documentation_and_the_examples_are_valid() {
    let pages = ["README.md", "docs/reference.md"].map(Page::read);
    let blocks = pages.iter().flat_map(|page| page.blocks("yaml"));
    let example = repository_file("examples/secrets-exec.yaml");
    let declarations: Vec<&str> = blocks.chain([example.as_str()]).collect();
    assert!(declarations.len() >= 3, "{declarations:?}");
    let Some(verdicts) = judge(&[], &declarations) else { return };
    for (declaration, error) in declarations.iter().zip(verdicts) {
        assert_eq!(error, None, "{declaration}");
    }
}

#[test]
fn the_defaults_of_the_schema_are_the_options_of_the_help_that_a_declaration_may_give() {
    let schema = declaration::schema();
    let properties = schema["$defs"]["Defaults"]["properties"].as_object().unwrap();
    let known: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
    let help = Sandbox::new().arg("--help").bare().run().launched().stdout();
    let (_, sections) = help.split_once("\nHow to resolve:\n").unwrap();
    assert!(
        ["What the command gets", "Rotation", "Output"]
            .iter()
            .all(|heading| sections.contains(&format!("\n{heading}:\n"))),
        "{help}"
    );
    let (sections, _) = sections.split_once("\n\nOptions under the last four headings").unwrap();
    let option =
        |line: &'_ str| Some(line.trim_start().split_once("--")?.1.split([' ', '\n', '[', '.']).next()?.to_owned());
    let is_option = |line: &&str| line.trim_start().starts_with('-');
    let mut told: BTreeSet<String> = sections.lines().filter(is_option).filter_map(option).collect();
    assert!(["help", "version", "local"].iter().all(|option| told.remove(*option)), "{told:?}");
    assert_eq!(known, told.iter().map(String::as_str).collect());
}
