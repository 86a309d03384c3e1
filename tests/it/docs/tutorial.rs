//! docs/tutorial.md. `tests/peers/tutorial.rs` follows it with the AWS CLI and moto.

use super::page::Page;

#[test]
fn the_steps_of_the_tutorial_without_aws_print_what_it_says() {
    let page = Page::read("docs/tutorial.md");
    page.runs(page.sandbox());
}
