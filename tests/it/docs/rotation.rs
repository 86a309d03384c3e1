//! docs/rotation.md: its options are right; docs/logs.md: its lines are those of the program.

use super::page::Page;
use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{Sandbox, repository_file};

fn page() -> Page {
    Page::read("docs/rotation.md")
}

/// Validates options with a declaration that has a file with a path, in place of the one that they name.
fn check(options: &[&str]) {
    let sandbox = Sandbox::new().declaration("files:\n  - { value: text, path: ./text }\n");
    sandbox.args(["check", "--offline"]).args(options).bare().run().launched();
}

#[test]
fn the_unit_of_the_page_has_right_options() {
    let page = page();
    let unit = page.blocks("ini")[0].to_owned();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/secrets-exec ")).unwrap();
    let (options, _) = start.split_once(" -- ").unwrap();
    let options: Vec<_> = options.split(' ').filter(|word| *word != "-f" && !word.starts_with("/etc/")).collect();
    assert_eq!(options, ["--on-rotation", "exit"]);
    check(&options);
}

#[test]
fn the_options_in_its_prose_are_right() {
    let prose = ["--poll-interval 30s", "--poll-interval 1h", "--poll-signal USR1", "--splay 5m", "--grace 0s"];
    let text = ["docs/rotation.md", "docs/logs.md"].map(repository_file).concat();
    for options in prose {
        assert!(text.contains(&format!("`{options}`")), "{options}");
        let words: Vec<_> = options.split(' ').collect();
        check(&[&["--on-rotation", "restart"][..], &words].concat());
    }
}

#[test]
fn the_lines_of_the_page_on_logs_are_those_of_a_launch() {
    let page = Page::read("docs/logs.md");
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new().aws(&aws).declaration("env:\n  DB_PASSWORD: prod/db:pasword\n");
    let sandbox = sandbox.executable("app", "#!/bin/sh\n").command(["./app"]).args(["--log-format", "json"]);
    let run = sandbox.run();
    let said: Vec<String> =
        run.refused(78).stderr().replace("./app", "/usr/bin/app").lines().map(without_time).collect();
    let shown: Vec<String> = page.blocks("json")[0].lines().map(without_time).collect();
    assert_eq!(said, shown);
}

/// The line from the level on.
fn without_time(line: &str) -> String {
    let (time, rest) = line.split_once(",\"level\"").unwrap_or_else(|| panic!("{line}"));
    let start = r#"{"time":"2026-11-21T10:00:00.000Z","logger":"secrets-exec""#;
    assert_eq!(time.len(), start.len(), "{line}");
    rest.to_owned()
}
