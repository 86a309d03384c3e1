//! docs/kubernetes.md: the pod that it shows is the example, and its commands run. `tests/hosts` runs the pod.

use super::console::{blocks, prints_policy, runnable};
use crate::support::sandbox::repository_file;

fn page() -> String {
    repository_file("docs/kubernetes.md")
}

#[test]
fn the_pod_that_it_shows_is_the_beginning_of_the_example() {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, example) = example.split_once('\n').unwrap();
    let shown = blocks(&page(), "yaml").swap_remove(0);
    assert!(example.starts_with(&shown), "{shown}");
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
    let commands = runnable(&page());
    assert_eq!(commands.len(), 1);
    let names = ["prod/db", "prod/api-token", "prod/keystore"];
    prints_policy(&commands[0].0, &[("secrets-exec.yaml", declaration())], &names);
}
