//! examples/fleet: its metric filters match the lines that a launch logs, and its query names
//! fields that these lines have. `tests/peers/adopting.rs` creates the filters in moto.

use std::process::Command;

use serde_json::{Value, json};

use super::page::Page;
use crate::support::*;

/// The script that creates the metrics.
pub fn filter_script() -> String {
    repository_file("examples/fleet/filters.sh")
}

/// The name of each metric that the script creates, with its pattern of log lines.
pub fn metric_filters(script: &str) -> Vec<(String, String)> {
    let (_, pattern) = script.split_once("--filter-pattern \"").unwrap();
    let (pattern, _) = pattern.split_once("\" \\\n").unwrap();
    let pattern = pattern.replace('\\', "");
    let lines = script.lines();
    let filters = lines.filter_map(|line| line.strip_prefix("filter ")?.strip_suffix('\''));
    filters
        .map(|filter| {
            let (names, condition) = filter.split_once(" '").unwrap();
            let (_, metric) = names.split_once(' ').unwrap();
            (metric.to_owned(), pattern.replace("$3", condition))
        })
        .collect()
}

/// True if a line of JSON matches a CloudWatch pattern, such as `{ ($.event = "error") && ($.status
/// != 75) }`.
fn matches(pattern: &str, line: &Value) -> bool {
    let mut conditions = pattern.trim_matches(['{', '}', ' ']).split(" && ");
    conditions.all(|condition| {
        let words: Vec<&str> = condition.trim_matches(['(', ')']).split(' ').collect();
        let [field, operator, wanted] = words[..] else {
            panic!("{condition}");
        };
        let wanted: Value = serde_json::from_str(wanted).unwrap();
        let pointer = field.strip_prefix('$').unwrap().replace('.', "/");
        match (line.pointer(&pointer), operator) {
            (found, "=") => found == Some(&wanted),
            (found, "!=") => found.is_some_and(|found| *found != wanted),
            _ => panic!("{condition}"),
        }
    })
}

/// The metrics to which the lines of a launch add something.
fn metrics_of(script: &str, lines: &[Value]) -> Vec<String> {
    let mut filters = metric_filters(script);
    filters.retain(|(_, pattern)| lines.iter().any(|line| matches(pattern, line)));
    filters.into_iter().map(|(metric, _)| metric).collect()
}

/// The lines of a launch that misspells a key.
fn lines_of_a_failed_launch() -> Vec<Value> {
    let sandbox = Sandbox::new()
        .local("prod/db: { password: p-4c7a1e }")
        .env("SECRETS_EXEC_LOG_FORMAT", "json")
        .arg("-q")
        .resolve("A=prod/db:pasword");
    sandbox.run().refused(78, []).events()
}

#[test]
fn the_metric_filters_of_examples_fleet_distinguish_outages_from_mistakes_to_fix() {
    let script = filter_script();
    let launch = |aws: &Aws, status: i32| {
        let sandbox = Sandbox::new()
            .aws(aws)
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("SECRETS_EXEC_LOG_FORMAT", "json")
            .resolve("A=prod/db:password");
        metrics_of(&script, &sandbox.run().refused(status, []).events())
    };
    assert_eq!(launch(&Aws::start(), 78), ["Failed"]);
    let outage = Aws::start().fails("GetSecretValue", fault::unavailable());
    assert_eq!(launch(&outage, 75), ["Temporary"]);
    let local = Sandbox::new()
        .local("prod/db: { password: p-4c7a1e }")
        .env("SECRETS_EXEC_LOG_FORMAT", "json")
        .arg("-q")
        .resolve("A=prod/db:password");
    let lines = local.run().launched().events();
    assert_eq!(metrics_of(&script, &lines), ["Local"]);
    for (level, event, metric) in [
        ("warning", "poll_failed", "PollFailed"),
        ("error", "signal", "Temporary"),
        ("error", "bug", "Failed"),
        ("error", "not_stopped", "Failed"),
    ] {
        let line = json!({ "logger": "secrets-exec", "level": level, "event": event });
        assert_eq!(metrics_of(&script, &[line]), [metric]);
    }
}

/// Fluent Bit adds the field `log_processed`, which has the fields of the line that `log` has as
/// text.
#[test]
fn the_metric_filters_of_examples_fleet_match_lines_wrapped_by_fluent_bit() {
    let page = repository_file("examples/fleet/README.md");
    let mut commands = page.lines().map(str::trim);
    let command = commands.find_map(|line| line.strip_suffix(" filters.sh | sh -s /ecs/app"));
    let command = format!("printf %s \"$1\" | {}", command.unwrap());
    let changed = Command::new("sh")
        .args(["-c", &command, "sh", &filter_script()])
        .output();
    let script = String::from_utf8(changed.unwrap().stdout).unwrap();
    let mut lines = lines_of_a_failed_launch();
    for line in &mut lines {
        *line = json!({ "log": line.to_string(), "stream": "stderr", "log_processed": line });
    }
    assert_eq!(metrics_of(&script, &lines), ["Failed", "Local"]);
    assert!(metrics_of(&filter_script(), &lines).is_empty());
}

/// The query of CloudWatch Logs Insights that shows why launches have failed.
#[test]
fn the_query_of_examples_fleet_for_failures_names_fields_of_an_error() {
    let page = Page::read("examples/fleet/README.md");
    let query = page.block_from(
        "",
        "filter logger = \"secrets-exec\" and event in [\"error\"",
    );
    let (_, groups) = query.split_once(" by @log, ").unwrap();
    let groups = groups.lines().next().unwrap();
    let lines = lines_of_a_failed_launch();
    let error = lines.iter().find(|line| line["event"] == "error").unwrap();
    assert_eq!(error["logger"], "secrets-exec");
    for field in groups.split(", ") {
        assert!(!error[field].is_null(), "{field}: {error}");
    }
    assert_eq!(error["status"], 78);
    // The reason that docs/adopting.md gives as an example.
    let reason = error["message"].as_str().unwrap();
    let page = repository_file("docs/adopting.md").replace('\n', " ");
    assert!(page.contains(&format!("`{reason}`")));
}
