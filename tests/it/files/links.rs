//! Files at a `path` that goes through symbolic links: only links of root and of the effective user are followed.

use std::fs;
use std::os::unix::fs::{lchown, symlink};

use super::{tls_secret, with_file};
use crate::support::skip;

const OTHER_USER: u32 = 1234;
const NOBODY: u32 = 65_534;

#[test]
fn only_links_of_root_and_of_the_effective_user_are_followed() {
    let Some(nobody) = skip::as_nobody() else { return };
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a link of another user: only root may give links away");
    }
    let aws = tls_secret();
    for (is_nobody, owner, is_followed) in
        [(false, OTHER_USER, false), (true, 0, true), (true, NOBODY, true), (true, OTHER_USER, false)]
    {
        let sandbox = with_file(&aws, "").mode("out", 0o777);
        fs::rename(sandbox.path("out"), sandbox.path("real")).unwrap();
        symlink("real", sandbox.path("out")).unwrap();
        lchown(sandbox.path("out"), Some(owner), None).unwrap();
        let sandbox = if is_nobody { sandbox.through(nobody) } else { sandbox };
        let run = sandbox.spawn_copy().wait();
        if is_followed {
            run.launched_silently();
            assert_eq!(sandbox.names_in("out"), ["file"], "as nobody by a link of {owner}");
        } else {
            let link = sandbox.path("out").display().to_string();
            run.refused(78).says(["app.yaml:2", &link, "link of user 1234", "chown -h"]);
            assert!(sandbox.names_in("out").is_empty(), "{run}");
        }
    }
}
