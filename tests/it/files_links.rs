//! Files at a `path` that goes through symbolic links: only links of root and of the effective user are followed.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use crate::files_path::{names, served, with_file};
use crate::support::sandbox::Sandbox;
use crate::support::skip;

const OTHER_USER: u32 = 1234;
const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A launch that delivers `out/file`, where `out` is a link of `owner` to the directory `real`; `None` where only root
/// can make such a link.
fn through_a_link_of(owner: u32, sandbox: Sandbox) -> Option<Sandbox> {
    if !nix::unistd::geteuid().is_root() {
        skip::skipped("a link of another user: only root may give links away");
        return None;
    }
    fs::rename(sandbox.path("out"), sandbox.path("real")).unwrap();
    symlink("real", sandbox.path("out")).unwrap();
    lchown(sandbox.path("out"), Some(owner), None).unwrap();
    Some(sandbox)
}

#[test]
fn as_root_a_link_of_another_user_is_refused_by_name_with_its_owner_and_the_way_out() {
    let aws = served();
    let Some(sandbox) = through_a_link_of(OTHER_USER, with_file(&aws, "")) else { return };
    let link = sandbox.path("out").display().to_string();
    sandbox.run().refused(78).says(["secrets-exec.yaml:2", &link, "link of user 1234", "chown -h"]);
    assert!(names(&sandbox).is_empty());
}

#[test]
fn as_another_user_only_links_of_root_and_of_that_user_are_followed() {
    if !skip::can(&[&AS_NOBODY[..], &["true"]].concat(), "a run as another user") {
        return;
    }
    let aws = served();
    for (owner, is_followed) in [(0, true), (65534, true), (OTHER_USER, false)] {
        let sandbox = with_file(&aws, "").mode("out", 0o777).args(["-f", "secrets-exec.yaml"]).through(AS_NOBODY);
        let Some(sandbox) = through_a_link_of(owner, sandbox) else { return };
        let run = sandbox.spawn_copy().wait();
        if is_followed {
            run.launched_silently();
            assert_eq!(names(&sandbox), ["file"]);
        } else {
            run.refused(78).says(["link of user 1234"]);
            assert!(names(&sandbox).is_empty());
        }
    }
}

#[test]
fn a_link_of_another_user_is_refused_though_a_trusted_link_leads_through_it() {
    let aws = served();
    let Some(sandbox) = through_a_link_of(OTHER_USER, with_file(&aws, "")) else { return };
    symlink("out", sandbox.path("trusted")).unwrap();
    let declaration =
        format!("files: [{{ from: \"prod/tls:key\", path: \"{}/file\" }}]\n", sandbox.path("trusted").display());
    let sandbox = sandbox.declaration(&declaration);
    let link = sandbox.path("out").display().to_string();
    sandbox.run().refused(78).says([&link, "link of user 1234"]);
    assert!(names(&sandbox).is_empty());
}

#[test]
fn a_relative_path_begins_at_the_working_directory() {
    let aws = served();
    for path in ["out/file", "./out/../out/file"] {
        let sandbox =
            with_file(&aws, "").declaration(&format!("files: [{{ from: \"prod/tls:key\", path: {path} }}]\n"));
        sandbox.run().launched_silently();
        assert_eq!(names(&sandbox), ["file"]);
    }
}
