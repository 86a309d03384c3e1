//! `docs/installing.md`, and the build from crates.io. `tests/hosts/packages.rs` tests the
//! packages.

use super::page::Page;
use crate::support::*;

#[test]
fn the_pre_commit_hook_passes_for_valid_declarations_and_fails_for_a_mistake() {
    let hooks = repository_file(".pre-commit-hooks.yaml");
    let (_, entry) = hooks.split_once(" entry: ").unwrap();
    let entry = entry.lines().next().unwrap();
    let page = Page::read("docs/installing.md");
    let valid = "env: { A: \"x:k\" }\n";
    for (second, status) in [(valid, 0), ("env: { A: { frm: x } }\n", 78)] {
        let sandbox = page.sandbox().file("a.yaml", valid);
        let sandbox = sandbox.file("b.yaml", second);
        let script = script(&format!("{entry} a.yaml b.yaml"));
        sandbox
            .prepared_by(&script)
            .run()
            .ended(Status::Exit(status));
    }
}
