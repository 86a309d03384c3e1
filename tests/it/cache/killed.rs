//! If a launch is killed while it replaces an entry, the last good answer stays complete. Launches
//! at the same time don't disturb each other.

use std::fs;

use crate::support::*;

/// A long value, so that a test would notice if only a part of it was stored.
fn value(letter: &str) -> String {
    format!("{CANARY}{}", letter.repeat(20_000))
}

fn long_secret(letter: &str) -> Secret {
    Secret::text(&format!(r#"{{"k":"{}"}}"#, value(letter)))
}

/// Runs, and returns the trace of the system calls on the directory. Only the worker thread makes
/// such calls, so they are the same in every run.
fn traced(sandbox: Sandbox, cache: &CacheDirectory, inject: &str) -> Option<(Outcome, String)> {
    let options = format!("-f -P {} {inject}", cache.path().display());
    let sandbox = sandbox.through(skip::traced(&options)?);
    let run = sandbox.run();
    Some((run, fs::read_to_string(sandbox.path("trace")).unwrap()))
}

/// The names of the calls in a trace.
fn names<'t>(trace: &'t str) -> Vec<&'t str> {
    let name = |line: &'t str| line.split_once('(')?.0.split_whitespace().nth(1);
    trace.lines().filter_map(name).collect()
}

#[test]
fn a_launch_that_is_killed_while_it_replaces_a_cached_answer_leaves_the_old_one() {
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", long_secret("o"));
    let launch = |aws: &Aws| cache.with(sandbox(aws), &[]);
    // Because of the TTL, such a launch can use the old entry without a request.
    let reading = |aws: &Aws| cache.with(sandbox(aws), &["--cache-ttl", "1h"]).run();
    launch(&aws).run().launched_silently();
    let (run, trace) = or_skip!(traced(launch(&aws), &cache, ""));
    run.launched_silently();
    let calls = names(&trace);
    let renames = calls.iter().filter(|name| **name == "renameat");
    assert_eq!(renames.count(), 1, "{trace}");
    let aws = aws.secret("x", long_secret("n"));
    for (index, name) in calls.iter().enumerate() {
        let same = calls[..=index].iter().filter(|earlier| *earlier == name);
        let number = same.count();
        let inject = format!("-e inject={name}:signal=SIGKILL:when={number}");
        let (run, trace) = traced(launch(&aws), &cache, &inject).unwrap();
        run.ended(Status::Signal(9));
        assert_eq!(names(&trace).len(), index + 1, "{trace}");
        let asked = aws.calls().len();
        let run = reading(&aws);
        run.launched_silently().has("A", value("o"));
        assert_eq!(aws.calls().len(), asked, "no entry after {name} {number}");
    }
    // Whatever the killed launches left behind isn't taken for an entry.
    launch(&aws).run().launched_silently();
    let run = reading(&aws);
    run.launched_silently().has("A", value("n"));
}

#[test]
fn a_cached_answer_that_cannot_be_replaced_is_removed_with_a_warning() {
    let cache = CacheDirectory::new();
    let aws = Aws::start().secret("x", long_secret("o"));
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    for call in ["renameat", "fchmod"] {
        let inject = format!("-f -e inject={call}:error=EIO:when=1+");
        let failing = or_skip!(skip::traced(&inject));
        let run = cache.with(sandbox(&aws), &[]).through(failing).run();
        run.launched().says(["couldn't be stored (i/o error)"]);
        assert!(cache.names().is_empty(), "{call}: {:?}", cache.names());
    }
}

#[test]
fn two_hundred_launches_at_once_all_start_and_leave_one_good_cache_entry() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let sandboxes: Vec<Sandbox> = (0..200).map(|_| cache.with(sandbox(&aws), &[])).collect();
    let running: Vec<Running> = sandboxes.iter().map(Sandbox::spawn).collect();
    for run in running.into_iter().map(Running::wait) {
        run.launched_with_value();
    }
    cache.entry();
    let asked = aws.calls().len();
    let launch = cache.with(sandbox(&aws), &["--cache-ttl", "1h"]);
    launch.run().launched_with_value();
    assert_eq!(aws.calls().len(), asked);
}
