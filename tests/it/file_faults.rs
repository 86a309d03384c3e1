//! Declarations that are links, and local files that are very large.

use std::os::unix::fs::symlink;

use crate::support::sandbox::{CANARY, Sandbox};

const DECLARATION: &str = "env:\n  A: { value: v }\n";
const NAME: &str = "secrets-exec.yaml";

#[test]
fn a_declaration_that_is_a_link_to_nowhere_is_an_error() {
    let sandbox = Sandbox::new().resolve("A=x");
    symlink("nowhere", sandbox.path(NAME)).unwrap();
    sandbox.run().refused(78).says([NAME]);
}

#[test]
fn a_declaration_by_a_link_wants_to_be_named() {
    let sandbox = || {
        let sandbox = Sandbox::new().file("real.yaml", DECLARATION);
        symlink("real.yaml", sandbox.path(NAME)).unwrap();
        sandbox
    };
    sandbox().run().refused(78).says([NAME, "is a symbolic link", "-f"]);
    sandbox().args(["-f", NAME]).run().launched_silently().has("A", "v");
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
