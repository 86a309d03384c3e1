//! docs/ci.md, and the policy that Terraform reads (docs/terraform.md), which its jobs compare.

use super::page::Page;
use crate::support::*;

/// A repository with a declaration, and with the programs that the jobs call.
fn repository() -> Sandbox {
    let policy = "secrets-exec policy --region us-east-1 --account 123456789012 -f secrets-exec.yaml >policy.json";
    let sandbox = Page::read("docs/ci.md")
        .sandbox()
        .file("secrets-exec.yaml", "env: { A: \"x:k\" }\n")
        .file("make-policy", policy);
    let inherited = "$AWS_REGION ${AWS_SECRET_ACCESS_KEY-no key} ${AWS_ROLE_ARN-no role}";
    sandbox.executable("deploy", format!("#!/bin/sh\necho \"$A {inherited}\"\n"))
}

/// Makes the repository writable for everyone, as GitLab's runner does. From there, a declaration
/// is only read if `-f` names it.
const SHARED_CHECKOUT: &str = "set -e\nchmod a+w . secrets-exec.yaml\n";

/// The commands of the workflows, of GitHub or GitLab, that contain this text.
fn workflows(text: &str) -> Vec<String> {
    let page = Page::read("docs/ci.md");
    let is_workflow =
        |name: &str| name.starts_with(".github/workflows/") || name == ".gitlab-ci.yml";
    let workflows = page.files().filter(|(name, _)| is_workflow(name));
    let workflows = workflows.map(|(_, workflow)| workflow);
    let workflows = workflows.filter(|workflow| workflow.contains(text));
    let workflows: Vec<String> = workflows.map(steps).collect();
    assert!(!workflows.is_empty(), "{text}");
    workflows
}

/// The commands of a workflow's steps, each on one line. After `- |` or `- run: |`, a command has
/// several lines.
fn steps(workflow: &str) -> String {
    let workflow = workflow.replace("|\n", "| ").replace("\\\n", "");
    let steps = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- "));
    let steps = steps.map(|step| step.strip_prefix("run: ").unwrap_or(step));
    let steps = steps.map(|step| step.trim_start_matches(['|', ' ']));
    let steps =
        steps.filter(|step| step.starts_with("printf ") || step.starts_with("secrets-exec "));
    steps.map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn the_review_jobs_of_docs_ci_md_pass_for_a_declaration_and_its_policy() {
    for review in workflows("diff -u") {
        assert_eq!(review.lines().count(), 2, "{review}");
        let script = script(&format!("{SHARED_CHECKOUT}. ./make-policy\n{review}"));
        repository().prepared_by(&script).run().launched();
    }
}

#[test]
fn the_review_jobs_of_docs_ci_md_fail_with_the_difference_of_an_outdated_policy() {
    for review in workflows("diff -u") {
        let script = script(&format!("{SHARED_CHECKOUT}{review}"));
        let repository = repository().file("policy.json", "{}\n");
        let run = repository.prepared_by(&script).run();
        let more = "\n+        \"arn:aws:secretsmanager:us-east-1:123456789012:secret:x-??????\"\n";
        assert!(run.stdout().contains(more), "{run}");
        assert_ne!(run.status, Status::Exit(0), "{run}");
    }
}

#[test]
fn the_job_of_the_examples_without_an_image_builds_a_commit_and_checks_with_it() {
    let job = repository_file("examples/ci/check.yaml");
    let clone = format!("git clone {} ", manifest("repository").unwrap());
    let clone = job
        .lines()
        .find_map(|line| line.trim().strip_prefix(&*clone));
    let folder = clone.unwrap();
    assert!(job.contains(&format!(" git -C {folder} checkout COMMIT\n")));
    assert!(job.contains(&format!(" cargo install --locked --path {folder}\n")));
    assert!(job.contains(" key: secrets-exec-COMMIT\n"));
    let checks = steps(&job);
    assert_eq!(checks.lines().count(), 1, "{checks}");
    repository().prepared_by(&script(&checks)).run().launched();
}

#[test]
fn the_deployments_of_docs_ci_md_get_a_secret_but_not_the_credentials_of_the_role() {
    for deployment in workflows("./deploy") {
        let aws = served();
        let has_token = deployment.contains("GITLAB_OIDC_TOKEN");
        let mut sandbox = repository().aws(&aws).prints_values();
        // In GitHub's workflow, an action has already exchanged the token for credentials.
        if has_token {
            let token = sandbox.path("token");
            sandbox = sandbox
                .without_keys()
                .env("GITLAB_OIDC_TOKEN", "token-of-the-job")
                .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
                .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/deploy");
        }
        let script = script(&format!("{SHARED_CHECKOUT}{deployment}"));
        let run = sandbox.prepared_by(&script).run();
        let printed = "v-4c7a1e us-east-1 no key no role\n";
        run.launched().printed(printed);
        let exchanges = aws.calls_of("AssumeRoleWithWebIdentity");
        assert_eq!(exchanges.is_empty(), !has_token, "{run}");
        for call in exchanges {
            assert_eq!(call.form()["WebIdentityToken"], "token-of-the-job");
        }
        for read in aws.reads() {
            assert_eq!(read.access_key() == ROLE_KEY, has_token, "{run}");
        }
    }
}

#[test]
fn the_review_jobs_of_docs_ci_md_pass_for_the_policy_that_docs_terraform_md_commits() {
    let page = Page::read("docs/terraform.md");
    let [console] = page.consoles().try_into().ok().unwrap();
    let [(policy, _)] = console.commands.as_slice() else {
        panic!("{:#?}", console.commands)
    };
    assert!(policy.ends_with(" >policy.json"), "{policy}");
    for review in workflows("diff -u") {
        let script = script(&format!("{}{policy}\n{review}", SHARED_CHECKOUT));
        page.sandbox().prepared_by(&script).run().launched();
    }
}
