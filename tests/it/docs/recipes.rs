//! docs/recipes.md: its script redeploys only if all values exist.

use super::page::Page;
use crate::support::*;

/// Runs commands with the scripts of the page and with a declaration. `kubectl` and `aws` are
/// programs that print their arguments.
fn redeployment(declaration: &str, commands: &str) -> Option<Outcome> {
    skip::can(&["jq", "--version"], "the script of docs/recipes.md").then(|| {
        let aws = Aws::start().secret("prod/db", Secret::text(CANARY));
        let sandbox = Page::read("docs/recipes.md")
            .with_examples()
            .file("secrets.yaml", declaration);
        let sandbox = sandbox.env_remove("SECRETS_EXEC_LOCAL").aws(&aws);
        let sandbox = sandbox
            .executable("bin/kubectl", "#!/bin/sh\necho \"$@\"\n")
            .executable("bin/aws", "#!/bin/sh\necho \"$@\" >&2\n")
            .env("SECRETS_EXEC_QUIET", "1");
        sandbox.prepared_by(&script(commands)).run()
    })
}

#[test]
fn the_redeployment_script_of_docs_recipes_md_sets_a_hash_of_the_versions() {
    let run = or_skip!(redeployment(
        "env: { DB_HOST: \"prod/db:host\" }\n",
        "sh redeploy.sh 2>&1",
    ));
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
fn the_redeployment_script_of_docs_recipes_md_does_not_patch_anything_if_a_value_is_missing() {
    let run = or_skip!(redeployment(
        "env: { DB_HOST: \"prod/none\" }\n",
        "sh redeploy.sh 2>&1"
    ));
    assert!(!run.stdout().contains("secrets-hash"), "{run}");
}

#[test]
fn the_script_of_docs_recipes_md_for_ecs_deploys_again_only_if_a_version_is_new() {
    let twice = "{ sh redeploy-changed.sh; sh redeploy-changed.sh; } 2>&1";
    let run = or_skip!(redeployment("env: { DB_HOST: \"prod/db:host\" }\n", twice));
    run.launched()
        .printed("ecs update-service --cluster prod --service app --force-new-deployment\n");
}

#[test]
fn the_script_of_docs_recipes_md_for_ecs_does_not_deploy_anything_if_a_value_is_missing() {
    let run = or_skip!(redeployment(
        "env: { DB_HOST: \"prod/none\" }\n",
        "sh redeploy-changed.sh 2>&1",
    ));
    assert!(!run.stdout().contains("update-service"), "{run}");
}
