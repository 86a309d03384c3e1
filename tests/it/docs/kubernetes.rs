//! docs/kubernetes.md: the pods that it shows are the examples. `tests/hosts` runs them.

use super::page::Page;
use crate::support::*;

#[test]
fn the_pods_of_docs_kubernetes_md_are_those_of_the_examples() {
    let page = Page::read("docs/kubernetes.md");
    for (example, blocks) in [("app.yaml", 0..1), ("unchanged-image.yaml", 1..3)] {
        let example = repository_file(&format!("examples/kubernetes/{example}"));
        for shown in &page.blocks("yaml")[blocks] {
            assert!(example.contains(shown), "{shown}");
        }
    }
}

/// The declaration in the example's ConfigMap.
pub fn declaration() -> String {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, declaration) = example.split_once("  secrets-exec.yaml: |\n").unwrap();
    let (declaration, _) = declaration.split_once("---\n").unwrap();
    declaration
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap()))
        .collect()
}
