//! docs/programs.md: its JSON is that of the program.

use serde_json::{Deserializer, Value};

use super::page::Page;
use crate::support::lines::EVENTS;
use crate::support::*;

#[test]
fn a_launch_prints_the_json_of_docs_programs_md_on_one_line() {
    let page = Page::read("docs/programs.md");
    let aws = Aws::start().secret("prod/db", Secret::text(r#"{"password":"p-4c7a1e"}"#));
    let sandbox = Sandbox::new().aws(&aws).declaration(page.blocks("yaml")[0]);
    let sandbox = sandbox.executable("app", "#!/bin/sh\n").command(["./app"]);
    let run = sandbox.args(["--log-format", "json"]).run();
    let said = run.refused(78, []).stderr();
    let shown = page.blocks("json")[0].lines().map(str::trim);
    let shown = shown.collect::<String>().replace("\": ", "\":") + "\n";
    assert_eq!(without_time(&said), without_time(&shown));
}

#[test]
fn docs_programs_md_names_every_event_and_the_fields_that_the_program_logs() {
    let documented_fields = |name: &str| {
        let event = EVENTS.iter().find(|(event, _)| *event == name);
        let (_, fields) = event.unwrap_or_else(|| panic!("no event {name}"));
        Vec::from_iter(fields.split(' '))
    };
    let page = Page::read("docs/programs.md");
    for (name, _) in EVENTS {
        assert!(
            page.section("Events").contains(&format!("`{name}`")),
            "{name}"
        );
    }
    let events = Deserializer::from_str(page.blocks("json")[1]).into_iter::<Value>();
    let events: Vec<Value> = events.map(Result::unwrap).collect();
    assert_eq!(events.len(), 4);
    for mut event in events {
        let fields = event.as_object_mut().unwrap();
        let name = fields.remove("event").unwrap();
        let documented = documented_fields(name.as_str().unwrap());
        for field in fields.keys() {
            assert!(documented.contains(&&**field), "{field}: {name}");
        }
    }
    let rows = page.section("Events").lines();
    let rows = Vec::from_iter(rows.filter_map(|line| line.strip_prefix("| `")));
    assert_eq!(rows.len(), 7, "{rows:?}");
    for row in rows {
        let (name, row) = row.split_once("` | ").unwrap();
        let fields = row.split(" | ").last().unwrap();
        let shown = Vec::from_iter(fields.split('`').skip(1).step_by(2));
        assert_eq!(shown.join(" "), documented_fields(name).join(" "), "{name}");
    }
}

/// The line from the level on.
fn without_time(line: &str) -> String {
    let (time, rest) = line.split_once(",\"level\"").expect(line);
    let start = r#"{"time":"2026-11-21T10:00:00.000Z","logger":"secrets-exec""#;
    assert_eq!(time.len(), start.len(), "{line}");
    rest.to_owned()
}
