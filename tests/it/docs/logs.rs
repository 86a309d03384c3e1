//! docs/logs.md and docs/outages.md: their lines are those of the program.

use super::page::Page;
use crate::support::*;

#[test]
fn a_launch_prints_the_json_lines_that_docs_logs_md_shows() {
    let page = Page::read("docs/logs.md");
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new().aws(&aws).declaration(page.blocks("yaml")[0]);
    let sandbox = sandbox.executable("app", "#!/bin/sh\n").command(["./app"]);
    let run = sandbox.args(["--log-format", "json"]).run();
    let said = run
        .refused(78, [])
        .stderr()
        .replace("./app", "/usr/bin/app");
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

#[test]
fn a_launch_from_the_cache_prints_the_warning_that_docs_outages_md_shows() {
    if !directory::can_be_later() {
        return;
    }
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new()
        .aws(&aws)
        .resolve("DB_PASSWORD=prod/db:password")
        .env("AWS_MAX_ATTEMPTS", "1");
    let launch = cache.with(sandbox, &[]);
    launch.run().launched_silently();
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    let run = later(launch, 3 * 3600 + 12 * 60).run();
    assert_eq!(
        Page::read("docs/outages.md").blocks("text")[0],
        run.launched().stderr()
    );
}
