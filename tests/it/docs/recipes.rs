//! docs/recipes.md: its script redeploys only with all values.

use super::page::Page;
use crate::support::*;

/// Runs the script of the page with a declaration, and a `kubectl` that prints its arguments.
fn redeployment(declaration: &str) -> Option<Outcome> {
    skip::can(&["jq", "--version"], "the script of docs/recipes.md").then(|| {
        let aws = Aws::start().secret("prod/db", Secret::text(CANARY));
        let sandbox = Page::read("docs/recipes.md")
            .with_examples()
            .file("secrets.yaml", declaration);
        let sandbox = sandbox.env_remove("SECRETS_EXEC_LOCAL").aws(&aws);
        let sandbox = sandbox
            .executable("bin/kubectl", "#!/bin/sh\necho \"$@\"\n")
            .env("SECRETS_EXEC_QUIET", "1");
        sandbox.prepared_by(&script("sh -e redeploy.sh 2>&1")).run()
    })
}

#[test]
fn the_redeployment_script_of_docs_recipes_md_sets_a_hash_of_the_versions() {
    let Some(run) = redeployment("env: { DB_HOST: \"prod/db:host\" }\n") else {
        return;
    };
    let printed = run.launched().stdout();
    let (_, hash) = printed
        .split_once("\"secrets-hash\":\"")
        .unwrap_or_else(|| panic!("{run}"));
    assert!(
        hash.starts_with(|c: char| c.is_ascii_hexdigit()) && hash.ends_with("\"}}}}}\n"),
        "{run}"
    );
}

#[test]
fn the_redeployment_script_of_docs_recipes_md_patches_nothing_if_a_value_is_missing() {
    let Some(run) = redeployment("env: { DB_HOST: \"prod/none\" }\n") else {
        return;
    };
    assert!(!run.stdout().contains("secrets-hash"), "{run}");
}
