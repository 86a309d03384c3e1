//! Files at a `path` after a launch. `path.rows` has what the command itself sees, and `failed.rs`
//! has failures.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use super::{tls_secret, with_file};
use crate::support::*;

::rows::rows!("tests/it/files/path.rows");

/// The user, group and mode of `out/file`.
fn access(sandbox: &Sandbox) -> (u32, u32, u32) {
    let found = fs::metadata(sandbox.path("out/file")).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

fn is_in_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| system.filesystem_type() == TMPFS_MAGIC)
}

#[test]
fn with_only_cap_chown_a_file_gets_its_declared_owner() {
    let wrapper = ["setpriv", "--bounding-set=-all,+chown", "--inh-caps=-all"];
    if !nix::unistd::geteuid().is_root()
        || !skip::can(
            &[&wrapper[..], &["true"]].concat(),
            "a process with only CAP_CHOWN",
        )
    {
        return skip::skipped("a file of another owner: only root may give files away");
    }
    let aws = tls_secret();
    for (owner, wanted) in [
        ("123456:65533", (123_456, 65533)),
        (":65533", (0, 65533)),
        ("daemon:daemon", (1, 1)),
    ] {
        let sandbox =
            with_file(&aws, &format!(", owner: \"{owner}\", mode: \"0440\"")).through(wrapper);
        sandbox.run().launched_silently();
        assert_eq!(access(&sandbox), (wanted.0, wanted.1, 0o440), "{owner}");
    }
}

#[test]
fn a_new_file_gets_its_owner_and_its_mode_before_its_content_and_its_name() {
    let calls = "trace=openat,fchown,fchmod,write,rename,renameat,renameat2";
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("the order of system calls: only root may give files away");
    }
    let tracing = or_skip!(skip::traced(
        &["-f", "-s", "999", "-e", calls],
        "system calls"
    ));
    let aws = tls_secret();
    let sandbox = with_file(&aws, ", mode: \"0440\", owner: \"0:0\"")
        .command(["/bin/true"])
        .through(tracing);
    sandbox.run().launched();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let at = |words: &[&str]| {
        let found = trace
            .lines()
            .position(|line| words.iter().all(|word| line.contains(word)));
        found.unwrap_or_else(|| panic!("no {words:?} in\n{trace}"))
    };
    let order = [
        at(&["\".file.", "O_CREAT", "O_EXCL", "0600"]),
        at(&["fchown("]),
        at(&["fchmod(", "0440"]),
        at(&["write(", "key-4c7a1e"]),
        at(&["rename", "\"file\""]),
    ];
    assert!(order.is_sorted(), "{order:?} in\n{trace}");
}

#[test]
fn if_a_file_is_replaced_another_hard_link_to_the_file_keeps_the_old_content() {
    let aws = tls_secret();
    let sandbox =
        with_file(&aws, ", mode: \"0440\"").file("out/file", "old content, longer than the new");
    // A file that an earlier crash left doesn't matter.
    let sandbox = sandbox
        .file("out/.file.tmp", "x")
        .file("out/.file.aaaaaaaa", "x");
    fs::hard_link(sandbox.path("out/file"), sandbox.path("old")).unwrap();
    sandbox.run().launched_silently();
    assert_eq!(fs::read(sandbox.path("out/file")).unwrap(), b"key-4c7a1e\n");
    assert_eq!(access(&sandbox).2, 0o440);
    assert_eq!(
        fs::read(sandbox.path("old")).unwrap(),
        b"old content, longer than the new"
    );
    assert_eq!(
        sandbox.names_in("out"),
        [".file.aaaaaaaa", ".file.tmp", "file"]
    );
}

#[test]
fn a_warning_says_that_a_file_is_on_a_disk_and_mentions_tmpfs() {
    let aws = tls_secret();
    let sandbox = || {
        Sandbox::new()
            .aws(&aws)
            .declaration("files:\n  - { from: \"prod/tls:key\", path: file }\n")
    };
    if is_in_memory(&sandbox().path("")) {
        return skip::skipped(
            "a warning about files on a disk: the temporary directory is on tmpfs",
        );
    }
    sandbox().run().launched().says([
        "warning: \"file\" (secrets-exec.yaml:2) is on a disk",
        "tmpfs",
    ]);
}
