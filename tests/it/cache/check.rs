//! `check` and `export` with `--cache`: which answers are cached, how old they are, and which
//! values came from the cache.

use serde_json::{Value, json};

use crate::support::*;

::rows::rows!("tests/it/cache/check.rows");

fn check(aws: &Aws) -> Sandbox {
    Sandbox::new()
        .aws(aws)
        .arg("check")
        .bare()
        .resolve("A=x:k")
        .attempts(1)
}

/// Whether a cached answer gave the value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Used,
    NotUsed,
}

/// The cells of a line of the table.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

#[test]
fn the_table_of_check_shows_the_age_of_each_cached_answer_and_whether_it_is_used() {
    let cache = or_skip!(CacheDirectory::for_later());
    let aws = served().secret("y", Secret::text(r#"{"k":"z-4c7a1e"}"#));
    assert!(
        !check(&aws)
            .run()
            .ended(Status::Exit(0))
            .stdout()
            .contains("CACHED")
    );
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let table = |options: &[&str], seconds| {
        let run = later(cache.with(check(&aws).resolve("B=y:k"), options), seconds).run();
        let lines: Vec<String> = run
            .ended(Status::Exit(0))
            .stdout()
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(
            cells(&lines[0]),
            [
                "VARIABLE",
                "REFERENCE",
                "VERSION",
                "STAGES",
                "AGE",
                "CACHED",
                "STATUS"
            ]
        );
        // A new answer may already be a few seconds old.
        let is_new = |cell: &str| {
            cell.strip_suffix('s')
                .is_some_and(|seconds| seconds.parse::<u8>().is_ok())
        };
        [lines[1].clone(), lines[2].clone()].map(|line| {
            let cells = cells(&line);
            cells[5..]
                .iter()
                .map(|cell| {
                    if is_new(cell) {
                        "new".to_owned()
                    } else {
                        (*cell).to_owned()
                    }
                })
                .collect::<Vec<_>>()
        })
    };
    // The first secret comes from the cache. The second one is requested and then cached.
    assert_eq!(
        table(&["--cache-ttl", "1h"], 1800),
        [["30m, used", "ok"], ["new", "ok"]]
    );
    assert_eq!(
        table(&["--cache-ttl", "1h"], 3000),
        [["50m, used", "ok"], ["20m, used", "ok"]]
    );
    assert_eq!(table(&[], 3000), [["new", "ok"], ["new", "ok"]]);
}

#[test]
fn the_json_of_check_has_the_age_of_each_cached_answer_and_whether_it_is_used() {
    let cache = or_skip!(CacheDirectory::for_later());
    let aws = served();
    let cached = |sandbox: Sandbox| {
        let run = sandbox.arg("--json").run();
        run.document()["values"][0]["sources"][0]["cached"].clone()
    };
    let assert_cached = |cached: &Value, age: u64, answer: Answer| {
        // The launch itself takes some time.
        let is_age = cached["age_seconds"]
            .as_u64()
            .is_some_and(|seconds| (age..age + 30).contains(&seconds));
        assert!(
            is_age && cached["used"] == (answer == Answer::Used),
            "{cached}, not {age} s, {answer:?}"
        );
    };
    assert_eq!(cached(check(&aws)), json!(null));
    assert_cached(&cached(cache.with(check(&aws), &[])), 0, Answer::NotUsed);
    let aws = aws.fails("GetSecretValue", fault::unavailable());
    assert_cached(
        &cached(later(cache.with(check(&aws), &[]), 90)),
        90,
        Answer::Used,
    );
    // The answer is too old to be used, but still there.
    assert_cached(
        &cached(cache.with(check(&aws), &["--cache-stale", "0s"])),
        0,
        Answer::NotUsed,
    );
    assert_cached(
        &cached(later(cache.with(check(&aws), &["--cache-stale", "1m"]), 90)),
        90,
        Answer::NotUsed,
    );
    let aws = aws.fails("GetSecretValue", fault::denied("x"));
    assert_eq!(cached(cache.with(check(&aws), &[])), json!(null));
}
