//! docs/comparison.md covers each tool in both tables, with a version and a date.

use super::page::Page;

/// The first column and the second of the table rows of a section.
fn rows(section: &str) -> Vec<(String, &str)> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows = rows.filter(|(first, _)| *first != "tool" && !first.is_empty());
    rows.map(|(tool, rest)| (tool.trim_start_matches('[').split([']', ',']).next().unwrap().to_owned(), rest)).collect()
}

#[test]
fn both_tables_have_the_same_tools_in_the_same_order() {
    let page = Page::read("docs/comparison.md");
    let (stores, process) = (rows(page.section("Where values")), rows(page.section("The process")));
    let names = |rows: &[(String, &str)]| rows.iter().map(|(tool, _)| tool.clone()).collect::<Vec<_>>();
    assert_eq!(names(&stores), names(&process));
    assert_eq!(stores.len(), 18);
}

#[test]
fn every_other_tool_has_the_date_of_what_was_looked_up() {
    let page = Page::read("docs/comparison.md");
    for (tool, rest) in rows(page.section("Where values")) {
        let version = rest.split_once(" | ").unwrap().0;
        let is_dated = version.contains(", 202") || version.contains("of 202");
        assert!(is_dated || tool == "secrets-exec", "{tool}: {version}");
    }
}

#[test]
fn the_version_of_secrets_exec_is_its_own() {
    let page = Page::read("docs/comparison.md");
    let (_, rest) = &rows(page.section("Where values"))[0];
    assert!(rest.starts_with(env!("CARGO_PKG_VERSION")), "{rest}");
}
