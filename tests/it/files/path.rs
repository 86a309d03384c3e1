//! The order of the steps in which a file is written. `path.rows` has what the command sees, and
//! `failed.rows` has failures.

use std::fs;

use crate::support::*;

::rows::rows!("tests/it/files/path.rows");

#[test]
fn a_new_file_gets_its_owner_and_its_mode_before_its_content_and_its_name() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("the order of system calls: only root may give files away");
    }
    let options = "-f -s 999 -e trace=openat,fchown,fchmod,write,rename,renameat,renameat2";
    let tracing = or_skip!(skip::traced(options));
    let aws = served();
    let file = "{ from: \"x:k\", path: file, mode: \"0440\", owner: \"0:0\" }";
    let sandbox = Sandbox::new()
        .aws(&aws)
        .declaration(&format!("files: [{file}]"));
    let sandbox = sandbox.arg("-qq").command(["/bin/true"]).through(tracing);
    sandbox.run().launched();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    // Before the file is created, a pipe gets the owner, to ask whether this is allowed.
    let trace = &trace[trace.find("\".file.").unwrap_or_default()..];
    let at = |words: &[&str]| {
        let is_call = |line: &str| words.iter().all(|word| line.contains(word));
        let found = trace.lines().position(is_call);
        found.unwrap_or_else(|| panic!("no {words:?} in\n{trace}"))
    };
    let order = [
        at(&["\".file.", "O_CREAT", "O_EXCL", "0600"]),
        at(&["fchown("]),
        at(&["fchmod(", "0440"]),
        at(&["write(", "v-4c7a1e"]),
        at(&["rename", "\"file\""]),
    ];
    assert!(order.is_sorted(), "{order:?} in\n{trace}");
}
