//! `docs/ci.md`.

use super::session::{self, Block};
use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, ROLE_KEY};
use crate::support::sandbox::Sandbox;

const PAGE: &str = "docs/ci.md";

/// A declaration, and what the jobs call.
fn repository() -> Sandbox {
    let policy = "secrets-exec policy --region us-east-1 --account 123456789012 -f secrets.yaml >policy.json";
    let sandbox = session::sandbox(PAGE).file("secrets.yaml", "env: { A: \"x:k\" }\n").file("make-policy", policy);
    sandbox.executable("deploy", "#!/bin/sh\necho \"$A ${AWS_ROLE_ARN-unset}\"\n")
}

/// The blocks that show a workflow, of GitHub or of GitLab.
fn workflows() -> Vec<Block> {
    let is_workflow = |block: &Block| {
        block.file().is_some_and(|name| name.starts_with(".github/workflows/") || name == ".gitlab-ci.yml")
    };
    session::blocks(PAGE).into_iter().filter(is_workflow).collect()
}

#[test]
fn the_commands_for_ci_print_what_the_page_says() {
    session::runs(PAGE, session::sandbox(PAGE));
}

#[test]
fn the_jobs_in_review_pass_for_a_declaration_and_its_policy() {
    let reviews: Vec<Block> = workflows().into_iter().filter(|block| block.text.contains("--offline")).collect();
    assert_eq!(reviews.len(), 2);
    for review in reviews {
        assert_eq!(review.steps().lines().count(), 2, "{}", review.text);
        let script = session::script(&format!("set -e\n. ./make-policy\n{}", review.steps()));
        repository().prepared_by(&script).run().launched();
    }
}

#[test]
fn a_job_in_review_fails_for_another_policy() {
    for review in workflows().into_iter().filter(|block| block.text.contains("--offline")) {
        let script = session::script(&format!("set -e\n{}", review.steps()));
        let run = repository().file("policy.json", "{}\n").prepared_by(&script).run();
        assert!(
            run.stdout().contains("\n+        \"arn:aws:secretsmanager:us-east-1:123456789012:secret:x-??????\"\n")
        );
        assert_ne!(run.status, crate::support::outcome::Status::Exit(0), "{run}");
    }
}

#[test]
fn the_deployments_launch_with_the_role_of_the_job_and_keep_its_credentials() {
    let deployments: Vec<Block> = workflows().into_iter().filter(|block| block.text.contains("./deploy")).collect();
    assert_eq!(deployments.len(), 2);
    for deployment in deployments {
        let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
        let sandbox = repository().endpoint(&aws.endpoint()).region("us-east-1");
        let token = sandbox.path("token");
        let sandbox = sandbox
            .env("GITLAB_OIDC_TOKEN", "token-of-the-job")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
            .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/deploy");
        // The action of GitHub has credentials where the job of GitLab has a token.
        let sandbox = sandbox.file("token", "token-of-the-job");
        let run = sandbox.prepared_by(&session::script(&format!("set -e\n{}", deployment.steps()))).run();
        assert!(run.launched().stdout().ends_with("\nv unset\n"), "{run}");
        let exchanges = aws.calls_of("AssumeRoleWithWebIdentity");
        assert!(exchanges.iter().all(|call| call.form()["WebIdentityToken"] == "token-of-the-job"), "{run}");
        assert!(!exchanges.is_empty() && aws.reads().iter().all(|read| read.access_key() == ROLE_KEY), "{run}");
    }
}
