//! The pages of `docs/`: their commands run, and print what the pages show. The TypeScript of
//! docs/terraform.md isn't tested, and `tests/peers/tutorial.rs` follows the tutorial with the AWS
//! CLI and moto.

use self::page::{Page, wrote_policy};
use crate::support::*;

pub mod page;

pub mod adopting;
mod ci;
mod commands;
mod ecs;
mod installing;
mod kubernetes;
mod lambda;
pub mod links;
mod local;
mod migrating;
mod programs;
mod quoted;
mod rotation;
mod samples;
mod systemd;

/// README and the pages of `docs/`.
fn user_pages() -> Vec<String> {
    let mut pages = links::pages();
    pages.retain(|page| page == "README.md" || page.starts_with("docs/"));
    pages
}

/// The directory in which the commands of a page run.
fn directory(page: &Page) -> Sandbox {
    match page.path.as_str() {
        "README.md" => commands::first_screen(page),
        "docs/kubernetes.md" => page
            .sandbox()
            .file("secrets-exec.yaml", kubernetes::declaration()),
        "docs/adopting.md" => page
            .with_examples()
            .file("app.yaml", "env: { DB_PASSWORD: prod/db:password }\n"),
        "docs/local.md" => page
            .sandbox()
            .executable("bin/docker", local::DOCKER)
            .executable("app", "#!/bin/sh\n"),
        "docs/migrating.md" => page.with_secrets(migrating::SECRETS),
        "docs/ecs.md" | "docs/security.md" => page.with_examples(),
        _ => page.sandbox(),
    }
}

#[test]
fn the_commands_in_the_readme_and_in_docs_print_the_output_that_the_pages_show() {
    if !migrating::has_jq() {
        return;
    }
    side_by_side(user_pages(), |page| {
        let page = Page::read(&page);
        let sandbox = page.runs(directory(&page));
        match page.path.as_str() {
            "docs/ecs.md" => wrote_policy(&sandbox, &["prod/api-token", "prod/db"]),
            "docs/kubernetes.md" => {
                wrote_policy(&sandbox, &["prod/db", "prod/api-token", "prod/keystore"])
            }
            "docs/lambda.md" => wrote_policy(&sandbox, &["prod/db"]),
            "docs/terraform.md" => wrote_policy(&sandbox, &["prod/db"]),
            _ => {}
        }
    });
}
