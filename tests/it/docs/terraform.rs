//! docs/terraform.md: the policy that Terraform reads is the one that the jobs of docs/ci.md
//! compare.

use super::ci;
use super::page::Page;
use crate::support::*;

#[test]
fn the_review_jobs_of_docs_ci_md_pass_for_the_policy_that_docs_terraform_md_commits() {
    let page = Page::read("docs/terraform.md");
    let [console] = page.consoles().try_into().ok().unwrap();
    let [(policy, _)] = console.commands.as_slice() else {
        panic!("{:#?}", console.commands)
    };
    assert!(policy.ends_with(" >policy.json"), "{policy}");
    for review in ci::workflows("--offline") {
        let script = script(&format!("{}{policy}\n{review}", ci::SHARED_CHECKOUT));
        page.sandbox().prepared_by(&script).run().launched();
    }
}
