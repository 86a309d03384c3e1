//! docs/systemd.md: its units are those of the examples, which `tests/hosts` starts.

use super::page::Page;
use crate::support::connection::load;
use crate::support::*;

#[test]
fn every_unit_of_docs_systemd_md_is_part_of_an_example_file() {
    let names = [
        "app.service",
        "systemd/files.service",
        "systemd/credentials.service",
        "systemd/load-credential.service",
    ];
    let examples: Vec<_> = names
        .iter()
        .map(|name| repository_file(&format!("examples/{name}")))
        .collect();
    let page = Page::read("docs/systemd.md");
    for block in page.blocks("ini") {
        let lines: Vec<_> = block.lines().collect();
        let holds = |example: &&String| {
            lines
                .iter()
                .all(|line| example.lines().any(|other| other == *line))
        };
        assert!(
            examples.iter().any(|example| holds(&example)),
            "no example has all of {block}"
        );
    }
}

#[test]
fn the_declarations_of_docs_systemd_md_and_of_its_example_with_files_are_valid() {
    let page = Page::read("docs/systemd.md");
    let secrets = format!(r#"{{"prod/db": {{"host": "h-4c7a1e", "password": "{CANARY}"}}}}"#);
    let run = Sandbox::new()
        .declaration(page.blocks("yaml")[0])
        .local(&secrets)
        .run();
    run.launched()
        .has("DB_HOST", "h-4c7a1e")
        .has("DB_PASSWORD", CANARY);
    let unit = repository_file("examples/systemd/files.service");
    let declaration: String = unit
        .lines()
        .filter_map(|line| Some(format!("{}\n", line.strip_prefix("#   ")?)))
        .collect();
    let secrets = format!(r#"{{"prod/tls": {{"key": "{CANARY}", "certificate": "c-4c7a1e"}}}}"#);
    let sandbox = Sandbox::new()
        .local(&secrets)
        .script("cat \"$TLS_CERTIFICATE_FILE\"");
    let directory = sandbox.path("").display().to_string();
    let sandbox = sandbox.declaration(&declaration.replace("/run/app/", &directory));
    sandbox.prints_values().run().launched().printed("c-4c7a1e");
}

#[test]
fn the_declaration_in_docs_systemd_md_gives_its_units_their_credentials() {
    let page = Page::read("docs/systemd.md");
    let declaration = page
        .blocks("yaml")
        .into_iter()
        .find(|block| block.starts_with("credentials:"))
        .unwrap();
    for (unit, name, value) in [
        ("app.service", "tls-key", "key-4c7a1e"),
        ("worker@1.service", "db-password", "password-4c7a1e"),
    ] {
        let secrets =
            r#"{"prod/db": {"password": "password-4c7a1e"}, "prod/tls": {"key": "key-4c7a1e"}}"#;
        let sandbox = Sandbox::new()
            .arg("credential")
            .local(secrets)
            .arg("-q")
            .declaration(declaration)
            .bare();
        let (mut client, connection) = load(unit, name);
        let running = sandbox.connected(connection).spawn();
        assert_eq!(client.read(), value.as_bytes());
        running.wait().launched_silently();
    }
}
