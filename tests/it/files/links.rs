//! Files at a `path` that goes through symbolic links. Only links of root and of the effective user
//! are followed.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};

use super::{tls_secret, with_file};
use crate::support::*;

const OTHER_USER: u32 = 1234;
const NOBODY: u32 = 65_534;

/// What happens to the file of a launch.
#[derive(PartialEq)]
enum Expected {
    Written,
    Refused,
}
use Expected::{Refused, Written};

#[test]
fn a_file_is_written_to_another_user_s_directory_only_if_the_entry_declares_that_user_as_owner() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a directory of another user: only root may give directories away");
    }
    let aws = tls_secret();
    for (settings, expected) in [
        ("", Refused),
        (", owner: nobody", Refused),
        (", owner: \"1234\"", Written),
    ] {
        let sandbox = with_file(&aws, settings).case(settings);
        chown(sandbox.path("out"), Some(OTHER_USER), None).unwrap();
        let run = sandbox.run();
        if expected == Written {
            run.launched_silently();
        } else {
            run.refused(78).says([
                "app.yaml:2",
                "out/file\" belongs to user 1234",
                "owner: 1234",
            ]);
        }
        assert_eq!(
            sandbox.names_in("out").len(),
            usize::from(expected == Written),
            "{run}"
        );
    }
}

#[test]
fn a_file_is_written_through_a_symbolic_link_only_if_root_or_the_effective_user_owns_the_link() {
    let nobody = or_skip!(skip::as_nobody());
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a link of another user: only root may give links away");
    }
    let aws = tls_secret();
    for (wrapper, owner, expected) in [
        (&[][..], OTHER_USER, Refused),
        (&nobody[..], 0, Written),
        (&nobody, NOBODY, Written),
        (&nobody, OTHER_USER, Refused),
    ] {
        let sandbox = with_file(&aws, "").mode("out", 0o777);
        fs::rename(sandbox.path("out"), sandbox.path("real")).unwrap();
        symlink("real", sandbox.path("out")).unwrap();
        lchown(sandbox.path("out"), Some(owner), None).unwrap();
        let sandbox = sandbox.through(wrapper);
        let run = sandbox.spawn_copy().wait();
        if expected == Written {
            run.launched_silently();
            assert_eq!(
                sandbox.names_in("out"),
                ["file"],
                "as nobody by a link of {owner}"
            );
        } else {
            let link = sandbox.path("out").display().to_string();
            run.refused(78).says([
                "app.yaml:2",
                &link,
                "link that belongs to user 1234",
                "the directory that the link points to",
            ]);
            assert!(sandbox.names_in("out").is_empty(), "{run}");
        }
    }
}
