//! Declarations and local files that are dangling links, links or files of another user, or very large.

use std::os::unix::fs::{chown, lchown, symlink};

use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

const DECLARATION: &str = "env:\n  A: { value: v }\n";
const NAME: &str = "secrets-exec.yaml";

#[test]
fn a_declaration_that_is_a_link_to_nowhere_is_an_error() {
    for name in [NAME, "secrets-exec.toml"] {
        let sandbox = Sandbox::new().resolve("A=x");
        symlink("nowhere", sandbox.path(name)).unwrap();
        sandbox.run().refused(78).says([name]);
    }
}

#[test]
fn a_declaration_by_a_link_of_ones_own_is_read() {
    let sandbox = Sandbox::new().file("real.yaml", DECLARATION);
    symlink("real.yaml", sandbox.path(NAME)).unwrap();
    sandbox.run().launched_silently().has("A", "v");
}

#[test]
fn a_declaration_by_a_link_of_another_user_is_not_read() {
    let sandbox = Sandbox::new().file("real.yaml", DECLARATION);
    symlink("real.yaml", sandbox.path(NAME)).unwrap();
    if lchown(sandbox.path(NAME), Some(65534), None).is_err() {
        return skip::skipped("a link of another user: only root can make one");
    }
    sandbox.run().refused(78).says([NAME]);
}

#[test]
fn a_declaration_of_another_user_is_not_read_by_a_link_of_ones_own() {
    let sandbox = Sandbox::new().file("real.yaml", DECLARATION);
    symlink("real.yaml", sandbox.path(NAME)).unwrap();
    if chown(sandbox.path("real.yaml"), Some(65534), None).is_err() {
        return skip::skipped("a file of another user: only root can make one");
    }
    sandbox.run().refused(78).says([NAME]);
}

#[test]
fn thousands_of_local_secrets_reach_the_command() {
    let secrets: Vec<String> =
        (0..6000).map(|number| format!("\"app/s{number}\":{{\"k\":\"{CANARY}/{number}\"}}")).collect();
    let declaration: String = (0..6000).map(|number| format!("  V{number}: app/s{number}:k\n")).collect();
    let sandbox = Sandbox::new().local(&format!("{{{}}}", secrets.join(",\n")));
    let sandbox = sandbox.declaration(&format!("env:\n{declaration}"));
    sandbox.run().launched().has("V5999", format!("{CANARY}/5999"));
}
