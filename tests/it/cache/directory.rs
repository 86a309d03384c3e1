//! The directory of `--cache`: its requirements, and what happens if nothing can be written to it.

use std::os::unix::fs::{chown, lchown, symlink};

use crate::support::*;

::rows::rows!("tests/it/cache/directory.rows");

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// Asserts that this directory is refused with 78 before any request, and returns the outcome of
/// the launch.
fn assert_refused(path: impl AsRef<std::ffi::OsStr>, facts: &[&str]) -> Outcome {
    let aws = served();
    let run = sandbox(&aws).arg("--cache").arg(path).run();
    run.refused(78)
        .says(["--cache"])
        .says(facts.iter().copied());
    assert!(aws.calls().is_empty());
    run
}

fn is_root() -> bool {
    skip::can(
        &["sh", "-c", "[ \"$(id -u)\" = 0 ]"],
        "a directory of another user",
    )
}

#[test]
fn a_cache_directory_on_a_disk_is_refused() {
    if skip::can(
        &["sh", "-c", "[ \"$(stat -f -c %T /tmp)\" != tmpfs ]"],
        "a directory on a disk",
    ) {
        let sandbox = sandbox(&served())
            .file("cache/file", "")
            .mode("cache", 0o700);
        sandbox
            .args(["--cache", "cache"])
            .run()
            .refused(78)
            .says(["the --cache directory \"cache\" is on a disk"]);
    }
}

#[test]
fn a_cache_directory_of_another_user_or_open_to_others_is_refused_with_every_reason() {
    let cache = CacheDirectory::new();
    for mode in [0o750, 0o705, 0o710, 0o701, 0o720] {
        cache.mode(mode);
        assert_refused(cache.path(), &[&format!("mode {mode:04o}"), "chmod 700"]);
    }
    for mode in [0o700, 0o2700, 0o1700] {
        cache.mode(mode);
        sandbox(&served())
            .arg("--cache")
            .arg(cache.path())
            .run()
            .launched_silently();
    }
    if is_root() {
        chown(cache.path(), Some(NOBODY), None).unwrap();
        assert_refused(cache.path(), &["belongs to user 65534"]);
        cache.mode(0o777);
        assert_refused(cache.path(), &["belongs to user 65534", "mode 0777"]);
    }
}

#[test]
fn a_shared_cache_directory_is_refused_without_advising_chmod_or_chown() {
    let cache = CacheDirectory::new();
    cache.mode(0o1777);
    let own = format!("install -d -m 700 {}/secrets-exec", cache.path().display());
    let run = assert_refused(cache.path(), &["mode 1777", &own]);
    run.says_nothing_of("chmod");
    if is_root() {
        chown(cache.path(), Some(NOBODY), None).unwrap();
        let run = assert_refused(cache.path(), &["mode 1777", &own]);
        run.says_nothing_of("chmod").says_nothing_of("chown");
    }
}

#[test]
fn a_symbolic_link_to_the_cache_directory_is_followed_unless_it_belongs_to_another_user() {
    let (real, outer) = (CacheDirectory::new(), CacheDirectory::new());
    let link = outer.path().join("link");
    symlink(real.path(), &link).unwrap();
    sandbox(&served())
        .arg("--cache")
        .arg(&link)
        .run()
        .launched_silently();
    real.entry();
    let deeper = CacheDirectory::new();
    let name = deeper.path().file_name().unwrap();
    let through = outer.path().join("shm");
    symlink("/dev/shm", &through).unwrap();
    sandbox(&served())
        .arg("--cache")
        .arg(through.join(name))
        .run()
        .launched_silently();
    deeper.entry();
    if is_root() {
        lchown(&through, Some(NOBODY), None).unwrap();
        assert_refused(
            through.join(name),
            &["symbolic link that belongs to user 65534"],
        );
    }
}

/// A launch with its own file system of this kind as `/mnt`. Before the launch, the script
/// `between` runs. Returns `None` if this machine doesn't allow that.
fn mounted(sandbox: Sandbox, kind: &str, between: &str) -> Option<Sandbox> {
    let trial = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o mode=700 none /mnt",
    ];
    if !skip::can(&trial, "a file system for one test") {
        return None;
    }
    let script =
        format!("mount -t {kind} none /mnt && chmod 700 /mnt && {{ {between}; }} && exec \"$@\"");
    Some(
        sandbox
            .args(["--cache", "/mnt"])
            .through(["unshare", "--mount", "sh", "-c", &script, "sh"]),
    )
}

#[test]
fn the_command_starts_with_a_warning_if_the_cache_directory_is_full() {
    let aws = served();
    for (kind, between, left, said) in [
        // A ramfs is memory, too.
        ("ramfs", "true", "1\n", ""),
        (
            "tmpfs -o size=4k",
            "head -c 4096 /dev/zero >/mnt/full",
            "1\n",
            "couldn't be stored (no space left",
        ),
        (
            "tmpfs -o nr_inodes=2",
            "touch /mnt/full",
            "1\n",
            "couldn't be stored",
        ),
    ] {
        let sandbox = or_skip!(mounted(sandbox(&aws), kind, between));
        let run = sandbox
            .script("[ \"$A\" = v-4c7a1e ] && ls /mnt | wc -l")
            .case(kind)
            .run();
        run.launched().printed(left);
        match said {
            "" => run.launched_silently(),
            said => run.says([
                "warning: a cached value in \"/mnt\" ",
                "for the secret \"x\"",
                said,
            ]),
        };
    }
}

#[test]
fn a_read_only_cache_directory_is_used_and_not_changed() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let copy = format!(
        "cp {}/* /mnt/ && mount -o remount,ro /mnt",
        cache.path().display()
    );
    let sandbox = or_skip!(mounted(
        sandbox(&aws).env("HOME", "/nonexistent").attempts(1),
        "tmpfs",
        &copy,
    ));
    sandbox
        .run()
        .launched()
        .has("A", "v-4c7a1e")
        .says(["couldn't be stored (read-only"]);
    let aws = aws.fails("GetSecretValue", fault::unavailable());
    sandbox
        .run()
        .launched()
        .has("A", "v-4c7a1e")
        .says(["ServiceUnavailable", "the secret \"x\""]);
    let aws = aws.fails("GetSecretValue", fault::denied("x"));
    let said = "that AWS no longer gives couldn't be removed (read-only";
    sandbox.run().refused(77).says([said]);
    let calls = aws.calls().len();
    sandbox
        .args(["--cache-ttl", "1h"])
        .run()
        .launched_with_value();
    assert_eq!(aws.calls().len(), calls);
}
