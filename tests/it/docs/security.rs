//! docs/security.md. What it promises is tested in `process/leaks`, `files/memory` and others.

use super::page::Page;

#[test]
fn its_console_blocks_print_what_it_says() {
    let page = Page::read("docs/security.md");
    page.runs(page.with_examples());
}
