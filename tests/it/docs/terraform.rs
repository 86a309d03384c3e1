//! `docs/terraform.md`. Its blocks of Terraform and CDK are read by no test.

use super::page::{Page, wrote_policy};
use crate::support::*;

#[test]
fn the_policy_of_the_page_on_terraform_is_for_the_secrets_of_the_declaration() {
    let page = Page::read("docs/terraform.md");
    let declaration = repository_file("examples/lambda/secrets-exec.yaml");
    let sandbox = page.runs(page.sandbox().file("secrets-exec.yaml", declaration));
    wrote_policy(&sandbox, &["prod/db", "prod/api-token"]);
}
