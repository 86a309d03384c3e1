//! docs/adopting.md: its metric filters match the lines that a launch logs.
//! `tests/peers/adopting.rs` creates the filters in moto.

use serde_json::Value;

use super::page::Page;
use crate::support::*;

/// The name of each metric of the page, with the pattern of the log lines that the metric counts.
pub fn metric_filters(page: &Page) -> Vec<(String, String)> {
    let script = page.block_from("sh", "# filters.sh\n");
    let lines = script.lines();
    let filters = lines.filter_map(|line| line.strip_prefix("filter ")?.strip_suffix('\''));
    filters
        .map(|filter| {
            let (names, condition) = filter.split_once(" '").unwrap();
            let (_, metric) = names.split_once(' ').unwrap();
            let pattern = format!("{{ ($.logger = \"secrets-exec\") && {condition} }}");
            (metric.to_owned(), pattern)
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
        match (line.get(field.strip_prefix("$.").unwrap()), operator) {
            (found, "=") => found == Some(&wanted),
            (found, "!=") => found.is_some_and(|found| *found != wanted),
            _ => panic!("{condition}"),
        }
    })
}

/// The metrics to which the lines of a launch add something.
fn metrics_of(lines: &str) -> Vec<String> {
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let mut filters = metric_filters(&Page::read("docs/adopting.md"));
    filters.retain(|(_, pattern)| lines.iter().any(|line| matches(pattern, line)));
    filters.into_iter().map(|(metric, _)| metric).collect()
}

#[test]
fn the_metric_filters_of_docs_adopting_md_distinguish_outages_from_mistakes_to_fix() {
    let launch = |aws: &Aws, status: i32| {
        let sandbox = Sandbox::new()
            .aws(aws)
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("SECRETS_EXEC_LOG_FORMAT", "json")
            .resolve("A=prod/db:password");
        metrics_of(&sandbox.run().refused(status, []).stderr())
    };
    assert_eq!(launch(&Aws::start(), 78), ["Failed"]);
    let outage = Aws::start().fails("GetSecretValue", fault::unavailable());
    assert_eq!(launch(&outage, 75), ["Temporary"]);
    let local = Sandbox::new()
        .local("prod/db: { password: p-4c7a1e }")
        .env("SECRETS_EXEC_LOG_FORMAT", "json")
        .arg("-q")
        .resolve("A=prod/db:password");
    assert_eq!(metrics_of(&local.run().launched().stderr()), ["Local"]);
    for (event, metric) in [
        (r#""warning","event":"poll_failed""#, "PollFailed"),
        (r#""error","event":"signal""#, "Temporary"),
        (r#""error","event":"bug""#, "Failed"),
    ] {
        let line = format!(r#"{{"logger":"secrets-exec","level":{event}}}"#);
        assert_eq!(metrics_of(&line), [metric]);
    }
}
