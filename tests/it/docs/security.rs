//! What docs/security.md says about processes of the same user. `leaks`, `impostors`, `files_memory` and others test the rest.

use super::page::Page;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

#[test]
fn its_console_blocks_print_what_it_says() {
    let page = Page::read("docs/security.md");
    page.runs(page.with_examples());
}

#[test]
fn another_process_of_the_same_user_can_read_variables_and_files_in_memory_of_the_command() {
    let other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !skip::can(&[&other_user[..], &["true"]].concat(), "the environment of a process of another user") {
        return;
    }
    let sandbox =
        Sandbox::new().local(&format!(r#"{{"x": "{CANARY}"}}"#)).args(["-q", "-e", "A=x", "--as-file", "F=x"]);
    let script = "env -i /bin/sh -c 'tr \"\\0\" \"\\n\" </proc/$PPID/environ | grep ^A=; cat /proc/$PPID/fd/100'; :";
    let run = sandbox.through(other_user).script(script).prints_values().spawn_copy().wait();
    run.launched_silently().printed(format!("A={CANARY}\n{CANARY}"));
}
