//! Entries of the cache that are damaged, of another format, or not ours: passed over with a warning, and replaced.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::cache::{CacheDirectory, can_be_later, later};
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

const TTL: [&str; 2] = ["--cache-ttl", "1h"];

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// Asserts that an entry that `change` was done to is no value, and is replaced by the next good answer.
fn is_passed_over(change: impl Fn(&Path), said: &str) {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let entry = cache.entry();
    change(&entry);
    let run = cache.with(sandbox(&aws), &TTL).run();
    run.launched().has("A", "v").says(["warning: --cache ", said, "secret x"]);
    assert_eq!(run.stderr().lines().count(), 1, "{run}");
    assert_eq!(aws.calls().len(), 2);
    cache.with(sandbox(&aws), &TTL).run().launched_silently().has("A", "v");
    assert_eq!(aws.calls().len(), 2, "not replaced");
}

/// Asserts that without AWS such an entry is no value either.
fn is_never_a_value(change: impl Fn(&Path), said: &str) {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    change(&cache.entry());
    let launch = cache.with(sandbox(&aws).env("AWS_MAX_ATTEMPTS", "1"), &TTL);
    drop(aws);
    launch.run().refused(75).says(["warning: --cache ", said]);
}

fn rewrite(entry: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut content = fs::read(entry).unwrap();
    change(&mut content);
    fs::write(entry, content).unwrap();
}

#[test]
fn one_that_is_cut_short_anywhere_is_passed_over() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let whole = fs::read(cache.entry()).unwrap();
    let launch = cache.with(sandbox(&aws).env("AWS_MAX_ATTEMPTS", "1"), &TTL);
    drop(aws);
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
        fs::write(cache.entry(), &whole[..length]).unwrap();
        launch.run().refused(75).says(["passed over a damaged entry"]);
    }
    is_passed_over(|entry| rewrite(entry, |content| content.truncate(content.len() / 2)), "damaged entry");
}

#[test]
fn one_with_a_flipped_bit_anywhere_is_passed_over() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let whole = fs::read(cache.entry()).unwrap();
    let launch = cache.with(sandbox(&aws).env("AWS_MAX_ATTEMPTS", "1"), &TTL);
    drop(aws);
    for at in (0..whole.len()).step_by(5) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(cache.entry(), &flipped).unwrap();
        launch.run().refused(75).says(["passed over"]);
    }
    is_passed_over(|entry| rewrite(entry, |content| *content.last_mut().unwrap() ^= 1), "damaged entry");
}

#[test]
fn one_with_something_after_its_end_is_passed_over() {
    is_passed_over(|entry| rewrite(entry, |content| content.push(b' ')), "damaged entry");
}

#[test]
fn one_of_a_newer_format_is_passed_over() {
    let newer = |entry: &Path| rewrite(entry, |content| content.splice(19..20, *b"2").for_each(drop));
    is_passed_over(newer, "of another version of secrets-exec");
    is_never_a_value(newer, "of another version of secrets-exec");
}

#[test]
fn one_of_another_request_is_passed_over() {
    let aws = served().secret("y", Secret::json(r#"{"k":"other"}"#));
    let cache = CacheDirectory::new();
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let x = cache.entry();
    let y = cache.with(Sandbox::new().aws(&aws).resolve("A=y:k"), &TTL);
    y.run().launched_silently().has("A", "other");
    let other = cache.names().into_iter().map(|name| cache.path().join(name)).find(|path| *path != x).unwrap();
    fs::copy(&x, other).unwrap();
    y.run().launched().has("A", "other").says(["damaged entry", "secret y"]);
}

#[test]
fn a_link_is_not_followed() {
    let elsewhere = CacheDirectory::new();
    let target = elsewhere.path().join("target");
    let link = |entry: &Path| {
        fs::rename(entry, &target).unwrap();
        symlink(&target, entry).unwrap();
    };
    is_passed_over(link, "no regular file");
    let content = fs::read(&target).unwrap();
    is_never_a_value(link, "no regular file");
    assert_eq!(content.len(), fs::read(&target).unwrap().len());
}

#[test]
fn a_pipe_without_a_writer_does_not_stop_the_launch() {
    let pipe = |entry: &Path| {
        fs::remove_file(entry).unwrap();
        mkfifo(entry, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    };
    is_passed_over(pipe, "no regular file");
    is_never_a_value(pipe, "no regular file");
}

#[test]
fn a_socket_is_no_entry() {
    let socket = |entry: &Path| {
        fs::remove_file(entry).unwrap();
        drop(std::os::unix::net::UnixListener::bind(entry).unwrap());
    };
    is_passed_over(socket, "no regular file");
}

#[test]
fn a_directory_with_its_name_is_told_and_the_command_starts() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    let entry = cache.entry();
    fs::remove_file(&entry).unwrap();
    fs::create_dir(&entry).unwrap();
    let run = cache.with(sandbox(&aws), &TTL).run();
    run.launched().has("A", "v").says(["no regular file", "cannot be kept (is a directory"]);
    assert_eq!(cache.names().len(), 1, "{:?}", cache.names());
}

#[test]
fn one_that_others_may_read_is_passed_over() {
    let open = |entry: &Path| fs::set_permissions(entry, fs::Permissions::from_mode(0o644)).unwrap();
    is_passed_over(open, "with another mode");
    is_never_a_value(open, "with another mode");
}

#[test]
fn one_of_another_user_is_passed_over() {
    if !skip::can(&["sh", "-c", "[ \"$(id -u)\" = 0 ]"], "an entry of another user") {
        return;
    }
    is_passed_over(|entry| chown(entry, Some(65534), None).unwrap(), "of another user");
}

#[test]
fn one_of_a_later_time_than_now_is_passed_over() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    later(cache.with(sandbox(&aws), &TTL), 1000).run().launched_silently();
    let launch = cache.with(sandbox(&aws), &TTL);
    launch.run().launched().has("A", "v").says(["of another boot or time namespace"]);
    launch.run().launched_silently();
}

#[test]
fn a_file_of_any_size_is_read_without_its_content_being_shown() {
    is_passed_over(|entry| fs::write(entry, format!("{CANARY}\n").repeat(100_000)).unwrap(), "damaged entry");
    let sparse = |entry: &Path| fs::File::options().write(true).open(entry).unwrap().set_len(1 << 40).unwrap();
    is_passed_over(sparse, "too large");
}

#[test]
fn names_that_are_no_entries_are_left_alone() {
    let (aws, cache) = (served(), CacheDirectory::new());
    fs::write(cache.path().join("note"), "mine").unwrap();
    cache.with(sandbox(&aws), &TTL).run().launched_silently();
    assert_eq!(fs::read_to_string(cache.path().join("note")).unwrap(), "mine");
    assert_eq!(cache.names().len(), 2);
}
