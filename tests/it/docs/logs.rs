//! docs/logs.md: its lines are those of the program.

use super::page::Page;
use crate::support::*;

#[test]
fn a_launch_prints_the_json_lines_that_docs_logs_md_shows() {
    let page = Page::read("docs/logs.md");
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new().aws(&aws).declaration(page.blocks("yaml")[0]);
    let sandbox = sandbox.executable("app", "#!/bin/sh\n").command(["./app"]);
    let run = sandbox.args(["--log-format", "json"]).run();
    let said = run.refused(78).stderr().replace("./app", "/usr/bin/app");
    let said = said.lines().map(without_time);
    assert!(
        said.eq(page.blocks("json")[0].lines().map(without_time)),
        "{run}"
    );
}

/// The line from the level on.
fn without_time(line: &str) -> String {
    let (time, rest) = line.split_once(",\"level\"").expect(line);
    let start = r#"{"time":"2026-11-21T10:00:00.000Z","logger":"secrets-exec""#;
    assert_eq!(time.len(), start.len(), "{line}");
    rest.to_owned()
}
