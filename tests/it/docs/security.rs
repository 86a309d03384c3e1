//! docs/security.md. What it promises is tested in `process/leaks`, `files/memory` and others.

use super::page::Page;

#[test]
fn the_console_blocks_on_security_print_what_the_page_says() {
    let page = Page::read("docs/security.md");
    page.runs(page.with_examples());
}
