//! docs/tutorial.md, followed step by step with the AWS CLI and moto.

use std::fs;

use super::moto::{Moto, shell};
use crate::docs::page::{Page, stable};
use crate::support::directory::Directory;

#[test]
fn the_steps_of_the_tutorial_lead_to_a_launch_with_a_new_password() {
    // The secret of the page could also be used by another test, so this test has its own moto.
    let moto = or_skip!(Moto::start());
    let page = Page::read("docs/tutorial.md");
    let directory = Directory::new();
    for (name, text) in page.files() {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let shell = or_skip!(shell(&moto, directory.path(), "docs/tutorial.md"));
    let consoles = page.consoles();
    let own = consoles.iter().filter(|console| !console.is_of("docker"));
    for (command, shown) in own.flat_map(|console| &console.commands) {
        let printed = shell(&format!("{{ {command}\n}} 2>&1"));
        let mut lines = printed.lines().map(stable);
        for line in shown.lines().map(stable) {
            let is_printed = lines.any(|printed| printed == line);
            assert!(is_printed, "{command} without {line:?}: {printed}");
        }
    }
    let dockerfile = page.blocks("dockerfile")[0];
    let words = ["ENTRYPOINT ", "CMD "].map(|instruction| {
        let mut lines = dockerfile.lines();
        let words = lines.find_map(|line| line.strip_prefix(instruction));
        serde_json::from_str::<Vec<String>>(words.unwrap()).unwrap()
    });
    let launched = shell(&words.concat().join(" "));
    assert!(launched.contains("a password of 16 characters"));
}
