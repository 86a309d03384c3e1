//! docs/kubernetes.md: the pods that it shows are those of the examples, which `tests/hosts` runs.

use super::page::Page;
use crate::support::*;

#[test]
fn docs_kubernetes_md_shows_the_same_pods_as_the_examples() {
    let page = Page::read("docs/kubernetes.md");
    for (example, blocks) in [("app.yaml", 0..4), ("unchanged-image.yaml", 5..6)] {
        let example = repository_file(&format!("examples/kubernetes/{example}"));
        for shown in &page.blocks("yaml")[blocks] {
            // The page may leave out lines of the example, but keeps their order.
            let mut rest = example.lines();
            for line in shown.lines() {
                assert!(rest.any(|other| other == line), "{line:?} in {shown}");
            }
        }
    }
}

#[test]
fn the_image_volume_of_docs_kubernetes_md_has_the_binary_at_the_path_of_the_command() {
    let page = Page::read("docs/kubernetes.md");
    let pod = page.blocks("yaml")[4];
    for line in [
        "volumeMounts: [{ name: tool, mountPath: /tool }]",
        "command: [\"/tool/secrets-exec\", \"--\"]",
        "- name: tool\n      image: { reference: \"registry.example.com/secrets-exec:0.1.0\", ",
    ] {
        assert!(pod.contains(line), "{line}: {pod}");
    }
    let image = Page::read("docs/installing.md");
    assert!(image.blocks("dockerfile")[0].contains("COPY secrets-exec /secrets-exec\n"));
}

/// The declaration in the ConfigMap of the example.
pub fn declaration() -> String {
    let example = repository_file("examples/kubernetes/app.yaml");
    let (_, declaration) = example.split_once("  secrets-exec.yaml: |\n").unwrap();
    let (declaration, _) = declaration.split_once("---\n").unwrap();
    declaration.replace("\n    ", "\n").trim_start().to_owned()
}
