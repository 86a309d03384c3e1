//! A launch that is killed at any system call leaves the last good answer or the new one, whole, and never a part.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::Signal;

use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::cache::CacheDirectory;
use crate::support::record;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

/// Long values, so that half of one would be seen.
fn value(letter: &str) -> String {
    format!("{CANARY}{}", letter.repeat(20_000))
}

fn secret(letter: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{}"}}"#, value(letter)))
}

/// The calls from the first that names the cache to the execve of the command: each with its number among those of its name.
fn calls(sandbox: Sandbox, cache: &CacheDirectory) -> Vec<(String, usize)> {
    let sandbox = sandbox.through(["strace", "-o", "trace"]);
    sandbox.run().launched_silently();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let (mut numbers, mut calls, mut begun) = (BTreeMap::<String, usize>::new(), Vec::new(), false);
    let name = cache.path().file_name().unwrap().to_str().unwrap();
    for line in trace.lines() {
        let Some((call, rest)) = line.split_once('(') else { continue };
        let number = numbers.entry(call.to_owned()).and_modify(|number| *number += 1).or_insert(1);
        begun |= call != "execve" && rest.contains(&format!("\"{name}\""));
        if call == "execve" && *number == 2 {
            return calls;
        }
        if begun {
            calls.push((call.to_owned(), *number));
        }
    }
    panic!("no launch in\n{trace}");
}

fn can_trace() -> bool {
    skip::can(&["strace", "-o", "/dev/null", "true"], "a launch that is killed at a system call")
}

#[test]
fn at_any_system_call_the_entry_is_the_old_one_or_the_new_one() {
    if !can_trace() {
        return;
    }
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", secret("o"));
    let launch = |aws: &Aws| cache.with(sandbox(aws).env("AWS_MAX_ATTEMPTS", "1"), &[]);
    let all = calls(launch(&aws), &cache);
    let of = |name: &str| all.iter().filter(|(call, _)| call == name).count();
    assert!(of("linkat") == 1 && of("renameat") == 1 && of("fchmod") == 1, "{all:?}");
    let mut aws = aws;
    let (old, new) = (value("o"), value("n"));
    let (mut olds, mut news) = (0, 0);
    for (name, number) in all.iter().filter(|(name, _)| !name.starts_with("epoll") && name != "futex") {
        aws = aws.secret("x", secret("o"));
        launch(&aws).run().launched_silently();
        aws = aws.secret("x", secret("n"));
        let inject = format!("inject={name}:signal=SIGKILL:when={number}");
        // It may end before that call, since the number of calls of the runtime differs.
        launch(&aws).target_writes_stderr().through(["strace", "-o", "trace", "-e", &inject]).run();
        // The ttl serves what was kept, without a request.
        let asked = aws.calls().len();
        let run = cache.with(sandbox(&aws), &["--cache-ttl", "1h"]).run();
        run.launched_silently();
        assert_eq!(aws.calls().len(), asked, "no entry after {name} {number}");
        let found = run.stdout().split('\0').find_map(|entry| entry.strip_prefix("A=").map(str::to_owned)).unwrap();
        assert!(found == old || found == new, "{} bytes after {name} {number}", found.len());
        if found == old {
            olds += 1
        } else {
            news += 1
        }
        assert!(cache.names().len() <= 2, "{:?}", cache.names());
    }
    assert!(olds > 0 && news > 0, "{olds} old, {news} new");
    // A file that was left behind is replaced by the next good answer.
    launch(&aws).run().launched_silently();
    cache.entry();
}

#[test]
fn a_file_that_was_left_behind_goes_with_a_denial() {
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", secret("o"));
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let entry = cache.entry();
    fs::copy(&entry, entry.with_extension("new")).unwrap();
    let aws = aws.secret("x", Secret::failing(crate::support::aws::fault::denied("x")));
    cache.with(sandbox(&aws), &[]).run().refused(77);
    assert!(cache.names().is_empty(), "{:?}", cache.names());
}

#[test]
fn where_the_file_system_has_no_unnamed_files_an_answer_is_kept_as_well() {
    if !can_trace() {
        return;
    }
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", secret("o"));
    let all = calls(cache.with(sandbox(&aws), &[]), &cache);
    let aws = aws.secret("x", secret("n"));
    // The openat with O_TMPFILE is the last but those after the answer.
    let last = all.iter().rev().find(|(name, _)| name == "openat").unwrap().1;
    let inject = format!("inject=openat:error=EOPNOTSUPP:when={last}");
    let traced = cache.with(sandbox(&aws), &[]).through(["strace", "-o", "trace", "-e", &inject]);
    traced.run().launched_silently();
    let trace = fs::read_to_string(traced.path("trace")).unwrap();
    assert!(trace.contains("O_TMPFILE") && trace.contains("(INJECTED)"), "{trace}");
    assert!(!trace.contains("linkat("), "{trace}");
    cache.entry();
    cache.with(sandbox(&aws), &["--cache-ttl", "1h"]).run().launched_silently().has("A", value("n"));
}

#[test]
fn a_write_that_fails_keeps_the_old_entry() {
    if !can_trace() {
        return;
    }
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", secret("o"));
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    for call in ["linkat", "renameat", "fchmod"] {
        let inject = format!("inject={call}:error=EIO:when=1");
        let run = cache.with(sandbox(&aws), &[]).through(["strace", "-o", "trace", "-e", &inject]).run();
        run.launched().says(["cannot be kept (i/o error)"]);
        assert_eq!(cache.names().len(), 1, "{call}: {:?}", cache.names());
    }
    cache.with(sandbox(&aws), &["--cache-ttl", "1h"]).run().launched_silently().has("A", value("o"));
}

#[test]
fn an_answer_is_kept_while_another_is_still_awaited() {
    let (aws, cache) = (Aws::start().secret("x", secret("v")), CacheDirectory::new());
    let aws = aws.secret("y", Secret::failing(Fault::Hang));
    let launch = cache.with(sandbox(&aws).resolve("B=y:k"), &["--timeout", "1h"]);
    let running = launch.spawn();
    record::await_fact("the entry", || cache.names().len() == 1);
    running.ends_by(Signal::SIGKILL);
    cache.entry();
}
