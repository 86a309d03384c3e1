//! docs/kubernetes.md: the pods that it shows are the examples, and its commands run. `tests/hosts` runs them.

use super::page::{Page, wrote_policy};
use crate::support::sandbox::repository_file;

fn page() -> Page {
    Page::read("docs/kubernetes.md")
}

#[test]
fn the_pod_that_it_shows_is_the_beginning_of_the_example() {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, example) = example.split_once('\n').unwrap();
    let page = page();
    let shown = page.blocks("yaml")[0];
    assert!(example.starts_with(shown), "{shown}");
}

#[test]
fn the_parts_of_the_pod_with_an_unchanged_image_are_those_of_the_example() {
    let example = repository_file("examples/kubernetes/unchanged-image.yaml");
    let page = page();
    for shown in &page.blocks("yaml")[1..3] {
        assert!(example.contains(shown), "{shown}");
    }
}

/// The declaration in the example's ConfigMap.
fn declaration() -> String {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, declaration) = example.split_once("  secrets-exec.yaml: |\n").unwrap();
    let (declaration, _) = declaration.split_once("---\n").unwrap();
    declaration.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap())).collect()
}

#[test]
fn its_commands_print_what_it_says() {
    let sandbox = page().runs(page().sandbox().file("secrets-exec.yaml", declaration()));
    wrote_policy(&sandbox, &["prod/db", "prod/api-token", "prod/keystore"]);
}
