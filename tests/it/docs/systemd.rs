//! docs/systemd.md: its declarations resolve. `tests/hosts` starts the units of the examples.

use super::page::Page;
use crate::support::*;

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
