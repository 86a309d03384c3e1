//! docs/systemd.md: its units are those of the examples, which `tests/hosts` starts.

use super::page::Page;
use crate::support::*;

#[test]
fn every_unit_of_docs_systemd_md_is_part_of_an_example_file() {
    let names = [
        "app.service",
        "systemd/files.service",
        "systemd/credentials.service",
    ];
    let examples = names.map(|name| repository_file(&format!("examples/{name}")));
    for block in Page::read("docs/systemd.md").blocks("ini") {
        let is_in = |example: &String| {
            let has = |line| example.lines().any(|other| other == line);
            block.lines().all(has)
        };
        assert!(examples.iter().any(is_in), "no example has all of {block}");
    }
}

#[test]
fn the_declarations_of_docs_systemd_md_and_of_its_example_with_files_are_valid() {
    let page = Page::read("docs/systemd.md");
    let secrets = format!(r#"{{"prod/db": {{"host": "h-4c7a1e", "password": "{CANARY}"}}}}"#);
    let sandbox = Sandbox::new().declaration(page.blocks("yaml")[0]);
    let run = sandbox.local(&secrets).run();
    run.launched().has("DB_HOST", "h-4c7a1e");
    run.has("DB_PASSWORD", CANARY);
    let unit = repository_file("examples/systemd/files.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("#   "));
    let declaration = lines.collect::<Vec<_>>().join("\n");
    let secrets = format!(r#"{{"prod/tls": {{"key": "{CANARY}", "certificate": "c-4c7a1e"}}}}"#);
    let sandbox = Sandbox::new()
        .local(&secrets)
        .script("cat \"$TLS_CERTIFICATE_FILE\"");
    let directory = sandbox.path("").display().to_string();
    let sandbox = sandbox.declaration(&declaration.replace("/run/app/", &directory));
    sandbox.prints_values().run().launched().printed("c-4c7a1e");
}
