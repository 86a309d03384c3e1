//! examples/redeploy: its scripts redeploy only if all values exist. docs/organizing.md: its
//! command changes one key of a secret.

use std::fs;

use super::page::Page;
use crate::support::*;

/// Runs commands with the scripts of examples/redeploy and with a declaration of one reference.
/// `kubectl` and `aws` are programs that print their arguments.
fn redeployment(reference: &str, commands: &str) -> Option<Outcome> {
    skip::can(&["jq", "--version"], "the scripts of examples/redeploy").then(|| {
        let aws = Aws::start().secret("prod/db", Secret::text(CANARY));
        let declaration = format!("env: {{ DB_HOST: \"{reference}\" }}\n");
        let example = |name: &str| repository_file(&format!("examples/redeploy/{name}"));
        let sandbox = Page::read("docs/rotation.md")
            .with_examples()
            .file("secrets.yaml", declaration)
            .file("redeploy.sh", example("redeploy.sh"))
            .file("redeploy-changed.sh", example("redeploy-changed.sh"));
        let sandbox = sandbox.env_remove("SECRETS_EXEC_LOCAL").aws(&aws);
        let sandbox = sandbox
            .executable("bin/kubectl", "#!/bin/sh\necho \"$@\"\n")
            .executable("bin/aws", "#!/bin/sh\necho \"$@\" >&2\n")
            .env("SECRETS_EXEC_QUIET", "1");
        sandbox.prepared_by(&script(commands)).run()
    })
}

#[test]
fn the_redeployment_script_of_the_examples_sets_a_hash_of_the_versions() {
    let run = or_skip!(redeployment("prod/db:host", "sh redeploy.sh 2>&1"));
    let printed = run.launched().stdout();
    let (_, hash) = printed.split_once("\"secrets-hash\":\"").expect(&printed);
    assert!(hash.starts_with(|c: char| c.is_ascii_hexdigit()), "{run}");
    assert!(hash.ends_with("\"}}}}}\n"), "{run}");
}

#[test]
fn the_script_of_the_examples_for_ecs_deploys_again_only_if_a_version_is_new() {
    let twice = "{ sh redeploy-changed.sh; sh redeploy-changed.sh; } 2>&1";
    let run = or_skip!(redeployment("prod/db:host", twice));
    let update = "ecs update-service --cluster prod --service app --force-new-deployment\n";
    run.launched().printed(update);
}

#[test]
fn the_scripts_of_the_examples_do_not_deploy_anything_if_a_value_is_missing() {
    for (script, deployment) in [
        ("sh redeploy.sh 2>&1", "secrets-hash"),
        ("sh redeploy-changed.sh 2>&1", "update-service"),
    ] {
        let run = or_skip!(redeployment("prod/none", script));
        assert!(!run.stdout().contains(deployment), "{run}");
    }
}

/// What the commands of the page store in a secret with a key `ID`.
fn stored_by_the_change_of_a_key() -> Option<String> {
    skip::can(&["jq", "--version"], "the command of docs/organizing.md").then(|| {
        let page = Page::read("docs/organizing.md");
        let change = page.block_from("sh", "read -rs NEW").to_owned();
        let sandbox = page
            .with_secrets("prod/app: '{\"DB_PASSWORD\":\"old\",\"ID\":123456789012345}'\n")
            .file("change.sh", change)
            .file("typed", "new-4c7a1e\n")
            .executable("bin/aws", "#!/bin/sh\ncat >stored\n")
            .target_writes_stderr()
            .prepared_by(&script("bash change.sh <typed"));
        sandbox.run();
        fs::read_to_string(sandbox.path("stored")).unwrap()
    })
}

#[test]
fn the_command_of_docs_organizing_md_that_changes_a_key_leaves_the_other_keys() {
    let stored = or_skip!(stored_by_the_change_of_a_key());
    let stored: String = stored.split_whitespace().collect();
    let expected = r#"{"DB_PASSWORD":"new-4c7a1e","ID":123456789012345}"#;
    assert_eq!(stored, expected);
}
