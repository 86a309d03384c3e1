//! `docs/installing.md` and `docs/releases.md`. `tests/hosts/packages.rs` tests the packages.

use super::page::Page;
use crate::support::*;

#[test]
fn docs_releases_md_sets_every_build_variable_of_the_cargo_configuration() {
    let configuration = repository_file(".cargo/config.toml");
    let variables = configuration
        .lines()
        .filter_map(|line| line.strip_prefix("AWS_LC_SYS_")?.split_once(" = "));
    let variables: Vec<_> = variables
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    assert_eq!(variables.len(), 3, "{configuration}");
    let page = repository_file("docs/releases.md");
    for (name, value) in variables {
        let written = [
            format!("AWS_LC_SYS_{name}={value} "),
            format!("AWS_LC_SYS_{name}='{value}' "),
        ];
        assert!(
            written.iter().any(|written| page.contains(written)),
            "{name}"
        );
    }
}

#[test]
fn the_pre_commit_hook_passes_for_valid_declarations_and_fails_for_a_mistake() {
    let hooks = repository_file(".pre-commit-hooks.yaml");
    let entry = hooks
        .lines()
        .find_map(|line| line.trim().strip_prefix("entry: "))
        .unwrap();
    let page = Page::read("docs/installing.md");
    for (second, status) in [
        ("env: { A: \"x:k\" }\n", 0),
        ("env: { A: { frm: x } }\n", 78),
    ] {
        let sandbox = page
            .sandbox()
            .file("a.yaml", "env: { A: \"x:k\" }\n")
            .file("b.yaml", second);
        sandbox
            .prepared_by(&script(&format!("{entry} a.yaml b.yaml")))
            .run()
            .ended(Status::Exit(status));
    }
}
