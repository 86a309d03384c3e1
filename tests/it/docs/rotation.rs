//! docs/rotation.md: its options are right, its costs are computed, and its events are those of the program.

use serde_json::Value;

use super::page::Page;
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{Sandbox, repository_file};

fn page() -> Page {
    Page::read("docs/rotation.md")
}

/// Validates options with a declaration that has a file with a path, in place of the one that they name.
fn check(options: &[&str], variables: &[(&str, &str)]) {
    let sandbox = Sandbox::new().declaration("files:\n  - { value: text, path: ./text }\n");
    let sandbox = sandbox.args(["check", "--offline"]).args(options).bare();
    let sandbox = variables.iter().fold(sandbox, |sandbox, (name, value)| sandbox.env(name, value));
    sandbox.run().launched();
}

#[test]
fn the_task_definition_of_the_page_has_right_options() {
    let task: Value = serde_json::from_str(page().blocks("json")[0]).unwrap();
    let variables = task["containerDefinitions"][0]["environment"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let variables: Vec<_> = variables.iter().map(|pair| (text(&pair["name"]), text(&pair["value"]))).collect();
    assert!(variables.iter().all(|(name, _)| name.starts_with("SECRETS_EXEC_")), "{variables:?}");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    check(&[], &variables);
}

#[test]
fn the_pod_of_the_page_has_right_options() {
    let page = page();
    let pod = page.blocks("yaml")[0].to_owned();
    let (_, command) = pod.split_once("command: ").unwrap();
    let command: Vec<String> = serde_json::from_str(command.lines().next().unwrap()).unwrap();
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let ["secrets-exec", options @ .., "--"] = words.as_slice() else { panic!("{words:?}") };
    check(options, &[]);
}

#[test]
fn the_unit_of_the_page_has_right_options() {
    let page = page();
    let unit = page.blocks("ini")[0].to_owned();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/secrets-exec ")).unwrap();
    let (options, _) = start.split_once(" -- ").unwrap();
    let options: Vec<_> = options.split(' ').filter(|word| *word != "-f" && !word.starts_with("/etc/")).collect();
    assert_eq!(options, ["--on-rotation", "exit"]);
    check(&options, &[]);
}

#[test]
fn the_options_in_its_prose_are_right() {
    let prose = ["--poll-interval 30s", "--poll-interval 1h", "--poll-signal USR1", "--splay 5m", "--grace 0s"];
    let text = repository_file("docs/rotation.md");
    for options in prose {
        assert!(text.contains(&format!("`{options}`")), "{options}");
        let words: Vec<_> = options.split(' ').collect();
        check(&[&["--on-rotation", "restart"][..], &words].concat(), &[]);
    }
}

/// The cells of the rows of a table below a heading.
fn rows(section: &str) -> Vec<Vec<String>> {
    let rows = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|--"));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

fn number(text: &str) -> f64 {
    text.replace(',', "").trim().parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_polling_costs_is_requests_of_thirty_days_at_the_price_of_aws() {
    let page = page();
    let rows = rows(page.section("What polling costs"));
    let minutes: Vec<f64> = rows[0][1..].iter().map(|head| number(head.split('m').next().unwrap())).collect();
    assert_eq!(minutes, [1.0, 5.0, 15.0, 60.0]);
    for row in &rows[1..] {
        let reads: f64 = row[0].split('×').map(number).product();
        for (minutes, cell) in minutes.iter().zip(&row[1..]) {
            let (requests, dollars) = cell.split_once(": ").unwrap();
            let expected = reads * 30.0 * 24.0 * 60.0 / minutes;
            assert_eq!(number(requests), expected, "{cell}");
            assert_eq!(dollars, format!("{:.2} USD", expected / 10_000.0 * 0.05), "{cell}");
        }
    }
    assert_eq!(rows.len(), 5);
}

#[test]
fn the_log_of_the_page_is_that_of_a_launch() {
    let page = page();
    let aws = Aws::start().secret("prod/db", Secret::json(r#"{"password":"p"}"#));
    let sandbox = Sandbox::new().aws(&aws).declaration("env:\n  DB_PASSWORD: prod/db:pasword\n");
    let sandbox = sandbox.executable("app", "#!/bin/sh\n").command(["./app"]).args(["--log-format", "json"]);
    let run = sandbox.run();
    let said: Vec<String> =
        run.refused(78).stderr().replace("./app", "/usr/bin/app").lines().map(without_time).collect();
    let shown: Vec<String> = page.blocks("json")[1].lines().map(without_time).collect();
    assert_eq!(said, shown);
}

/// The line from the level on.
fn without_time(line: &str) -> String {
    let (time, rest) = line.split_once(",\"level\"").unwrap_or_else(|| panic!("{line}"));
    let start = r#"{"time":"2026-11-21T10:00:00.000Z","logger":"secrets-exec""#;
    assert_eq!(time.len(), start.len(), "{line}");
    rest.to_owned()
}
