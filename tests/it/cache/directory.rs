//! A cache directory of another user, one that is full, and one that is read-only. `directory.rows`
//! has all other tests of the directory.

use std::os::unix::fs::{chown, lchown, symlink};
use std::path::Path;

use crate::support::*;

::rows::rows!("tests/it/cache/directory.rows");

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// Returns whether a test can change the owner of a file. If not, reports the test as skipped.
pub fn is_root() -> bool {
    skip::can(
        &["sh", "-c", "[ \"$(id -u)\" = 0 ]"],
        "a file of another user",
    )
}

#[test]
fn a_cache_directory_or_a_link_to_it_that_belongs_to_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let aws = served();
    let assert_refused = |path: &Path, facts: &[&str]| {
        let launch = sandbox(&aws).arg("--cache").arg(path);
        launch.refused(&aws, 78, facts)
    };
    let (cache, outer) = (CacheDirectory::new(), Directory::new());
    let link = outer.path().join("shm");
    symlink("/dev/shm", &link).unwrap();
    lchown(&link, Some(NOBODY), None).unwrap();
    let through = link.join(cache.path().file_name().unwrap());
    assert_refused(&through, &["symbolic link that belongs to user 65534"]);
    chown(cache.path(), Some(NOBODY), None).unwrap();
    assert_refused(cache.path(), &["belongs to user 65534"]);
}

/// A launch with its own file system of this kind as `/mnt`, which is its cache directory. Before
/// the launch, the script `between` runs. Returns `None` if this machine doesn't allow that.
fn mounted(sandbox: Sandbox, kind: &str, between: &str) -> Option<Sandbox> {
    let script = format!("mount -t {kind} none /mnt && chmod 700 /mnt && {{ {between}; }}");
    let sandbox = sandbox.args(["--cache", "/mnt"]);
    Some(sandbox.through(skip::mounts(&script)?))
}

#[test]
fn the_command_starts_with_a_warning_if_the_cache_directory_is_full() {
    for (kind, between, said) in [
        // A ramfs is memory, too.
        ("ramfs", "true", None),
        (
            "tmpfs -o size=4k",
            "head -c 4096 /dev/zero >/mnt/full",
            Some("couldn't be stored (no space left"),
        ),
        (
            "tmpfs -o nr_inodes=2",
            "touch /mnt/full",
            Some("couldn't be stored"),
        ),
    ] {
        let aws = served();
        let run = or_skip!(mounted(sandbox(&aws), kind, between))
            .script("[ \"$A\" = v-4c7a1e ] && ls /mnt | wc -l")
            .case(kind)
            .run();
        run.launched().printed("1\n");
        match said {
            None => run.launched_silently(),
            Some(said) => run.says(["a cached value in \"/mnt\" ", "for the secret \"x\"", said]),
        };
    }
}

#[test]
fn a_read_only_cache_directory_is_used_and_not_changed() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let path = cache.path().display();
    let copy = format!("cp {path}/* /mnt/ && mount -o remount,ro /mnt");
    let launch = sandbox(&aws).env("HOME", "/nonexistent").attempts(1);
    let launch = or_skip!(mounted(launch, "tmpfs", &copy));
    let uses_value = |said: &[&str]| {
        let run = launch.run();
        run.launched().has("A", "v-4c7a1e");
        run.says(said.iter().copied());
    };
    uses_value(&["couldn't be stored (read-only"]);
    let aws = aws.fails("GetSecretValue", fault::unavailable());
    uses_value(&["ServiceUnavailable", "the secret \"x\""]);
    let aws = aws.fails("GetSecretValue", fault::denied("x"));
    let said = "that AWS no longer has couldn't be removed (read-only";
    launch.run().refused(77, [said]);
    let calls = aws.calls().len();
    launch
        .args(["--cache-ttl", "1h"])
        .run()
        .launched_with_value();
    assert_eq!(aws.calls().len(), calls);
}
