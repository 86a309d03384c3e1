//! Cache entries that are damaged, have another format or belong to another user. They aren't used,
//! but cause a warning and are replaced.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use crate::support::*;

const TTL: [&str; 2] = ["--cache-ttl", "1h"];

/// Asserts that an entry isn't used after `change` has been applied to it, whether AWS answers or
/// not, and that the next good answer replaces it.
fn assert_not_used(case: &str, change: impl Fn(&Path), said: &str) {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws).attempts(1).case(case), &TTL);
    launch.run().launched_silently();
    change(&cache.entry());
    let run = launch.run();
    run.launched().has("A", "v-4c7a1e").says([
        "warning: a cached value in \"",
        said,
        "for the secret \"x\"",
    ]);
    assert_eq!(run.stderr().lines().count(), 2, "{run}");
    launch.run().launched_with_value();
    assert_eq!(aws.calls().len(), 2, "not replaced: {case}");
    change(&cache.entry());
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    launch
        .run()
        .refused(75)
        .says(["warning: a cached value in \"", said]);
}

/// Changes the content of an entry.
fn rewrite(entry: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut content = fs::read(entry).unwrap();
    change(&mut content);
    fs::write(entry, content).unwrap();
}

/// Replaces an entry with something else of the same name.
fn replace(entry: &Path, make: impl Fn(&Path)) {
    fs::remove_file(entry).unwrap();
    make(entry);
}

#[test]
fn if_a_cache_entry_is_damaged_or_not_a_private_file_the_value_is_requested_again_and_a_warning_says_why()
 {
    let elsewhere = CacheDirectory::new();
    let target = elsewhere.path().join("target");
    let link = |entry: &Path| {
        fs::rename(entry, &target).unwrap();
        symlink(&target, entry).unwrap();
    };
    let sparse = |entry: &Path| {
        fs::File::options()
            .write(true)
            .open(entry)
            .unwrap()
            .set_len(1 << 40)
            .unwrap()
    };
    let socket = |entry: &Path| drop(std::os::unix::net::UnixListener::bind(entry).unwrap());
    let newer = |content: &mut Vec<u8>| content.splice(19..20, *b"2").for_each(drop);
    type Change<'a> = &'a dyn Fn(&Path);
    let rows: [(&str, Change, &str); 8] = [
        (
            "something after its end",
            &|entry| rewrite(entry, |content| content.push(b' ')),
            "it is damaged",
        ),
        (
            "other content",
            &|entry| fs::write(entry, format!("{CANARY}\n").repeat(100_000)).unwrap(),
            "it is damaged",
        ),
        (
            "a newer format",
            &|entry| rewrite(entry, newer),
            "comes from another version of secrets-exec",
        ),
        (
            "a link, which isn't followed",
            &link,
            "doesn't belong to this user or doesn't have mode 0600",
        ),
        (
            "a pipe without a writer",
            &|entry| replace(entry, named_pipe),
            "doesn't belong to this user or doesn't have mode 0600",
        ),
        (
            "a socket",
            &|entry| replace(entry, socket),
            "doesn't belong to this user or doesn't have mode 0600",
        ),
        (
            "others may read it",
            &|entry| fs::set_permissions(entry, fs::Permissions::from_mode(0o644)).unwrap(),
            "doesn't have mode 0600",
        ),
        ("of any size", &sparse, "too large"),
    ];
    for (case, change, said) in rows {
        assert_not_used(case, change, said);
    }
    assert!(fs::read(&target).unwrap().len() > 1);
    if skip::can(
        &["sh", "-c", "[ \"$(id -u)\" = 0 ]"],
        "an entry of another user",
    ) {
        assert_not_used(
            "of another user",
            |entry| chown(entry, Some(65534), None).unwrap(),
            "doesn't belong to this user",
        );
    }
}

#[test]
fn a_cache_entry_that_is_cut_short_or_has_a_flipped_bit_is_not_used_even_in_an_outage() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws).attempts(1), &TTL);
    launch.run().launched_silently();
    let whole = fs::read(cache.entry()).unwrap();
    let _aws = aws.fails("GetSecretValue", fault::unavailable());
    for at in (0..whole.len()).step_by(7) {
        fs::write(cache.entry(), &whole[..at]).unwrap();
        launch
            .run()
            .refused(75)
            .says(["couldn't be used, because it is damaged"]);
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(cache.entry(), &flipped).unwrap();
        launch.run().refused(75).says(["couldn't be used"]);
    }
}

#[test]
fn if_a_cache_entry_was_copied_from_another_secret_the_value_is_requested_again_with_a_warning() {
    let aws = served().secret("y", Secret::text(r#"{"k":"other-4c7a1e"}"#));
    let cache = CacheDirectory::new();
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let x = cache.entry();
    let y = cache.with(Sandbox::new().aws(&aws).resolve("A=y:k"), &TTL);
    y.run().launched_silently().has("A", "other-4c7a1e");
    let other = cache
        .names()
        .into_iter()
        .map(|name| cache.path().join(name))
        .find(|path| *path != x)
        .unwrap();
    fs::copy(&x, other).unwrap();
    y.run()
        .launched()
        .has("A", "other-4c7a1e")
        .says(["for the secret \"y\"", "it is damaged"]);
}

#[test]
fn a_launch_warns_if_its_cache_entry_is_a_directory_and_never_removes_other_files_from_the_cache() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let launch = cache.with(sandbox(&aws), &TTL);
    launch.run().launched_silently();
    replace(&cache.entry(), |entry| fs::create_dir(entry).unwrap());
    launch.run().launched().has("A", "v-4c7a1e").says([
        "doesn't belong to this user or doesn't have mode 0600",
        "couldn't be stored (is a directory",
    ]);
    fs::write(cache.path().join("note"), "mine").unwrap();
    launch.run().launched();
    assert_eq!(
        fs::read_to_string(cache.path().join("note")).unwrap(),
        "mine"
    );
    assert_eq!(cache.names().len(), 2, "{:?}", cache.names());
}

#[test]
fn if_the_time_of_a_cache_entry_is_in_the_future_the_value_is_requested_again_with_a_warning() {
    let cache = or_skip!(CacheDirectory::for_later());
    let aws = served();
    later(cache.with(sandbox(&aws), &TTL), 1000)
        .run()
        .launched_silently();
    let launch = cache.with(sandbox(&aws), &TTL);
    launch
        .run()
        .launched()
        .has("A", "v-4c7a1e")
        .says(["couldn't be used, because it is damaged"]);
    launch.run().launched_silently();
}
