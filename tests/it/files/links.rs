//! Files at a `path` that goes through symbolic links: only links of root and of the effective user are followed.

use std::fs;
use std::os::unix::fs::{chown, lchown, symlink};

use super::{tls_secret, with_file};
use crate::support::*;

const OTHER_USER: u32 = 1234;
const NOBODY: u32 = 65_534;

#[test]
fn a_directory_of_another_user_gets_a_file_only_if_the_entry_declares_that_owner() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a directory of another user: only root may give directories away");
    }
    let aws = tls_secret();
    for (settings, is_written) in [
        ("", false),
        (", owner: nobody", false),
        (", owner: \"1234\"", true),
    ] {
        let sandbox = with_file(&aws, settings).case(settings);
        chown(sandbox.path("out"), Some(OTHER_USER), None).unwrap();
        let run = sandbox.run();
        if is_written {
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
            usize::from(is_written),
            "{run}"
        );
    }
}

#[test]
fn the_path_of_a_file_may_go_through_links_of_root_and_of_the_effective_user_alone() {
    let Some(nobody) = skip::as_nobody() else {
        return;
    };
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a link of another user: only root may give links away");
    }
    let aws = tls_secret();
    for (is_nobody, owner, is_followed) in [
        (false, OTHER_USER, false),
        (true, 0, true),
        (true, NOBODY, true),
        (true, OTHER_USER, false),
    ] {
        let sandbox = with_file(&aws, "").mode("out", 0o777);
        fs::rename(sandbox.path("out"), sandbox.path("real")).unwrap();
        symlink("real", sandbox.path("out")).unwrap();
        lchown(sandbox.path("out"), Some(owner), None).unwrap();
        let sandbox = if is_nobody {
            sandbox.through(nobody)
        } else {
            sandbox
        };
        let run = sandbox.spawn_copy().wait();
        if is_followed {
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
