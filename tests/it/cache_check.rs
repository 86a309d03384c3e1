//! `check` and `export` with `--cache`: what is cached, how old it is, and what came from it.

use serde_json::json;

use crate::support::aws::Aws;
use crate::support::aws::fault;
use crate::support::aws::secret::Secret;
use crate::support::cache::{CacheDirectory, can_be_later, later};
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox, sandbox};
use crate::support::skip;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#)).secret("y", Secret::json(r#"{"k":"z"}"#))
}

fn check(aws: &Aws) -> Sandbox {
    Sandbox::new().aws(aws).arg("check").bare().resolve("A=x:k").env("AWS_MAX_ATTEMPTS", "1")
}

/// The cells of a line of the table.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn the_table_says_how_old_each_cached_answer_is_and_which_is_used() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let table = |options: &[&str], seconds| {
        let run = later(cache.with(check(&aws).resolve("B=y:k"), options), seconds).run();
        let lines: Vec<String> = run.ended(Status::Exit(0)).stdout().lines().map(str::to_owned).collect();
        assert_eq!(cells(&lines[0]), ["VARIABLE", "REFERENCE", "VERSION", "STAGES", "AGE", "CACHED", "STATUS"]);
        [lines[1].clone(), lines[2].clone()]
            .map(|line| cells(&line)[5..].iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
    };
    // The first is used, the other is asked for and then cached.
    assert_eq!(table(&["--cache-ttl", "1h"], 1800), [["30m, used", "ok"], ["0s", "ok"]]);
    assert_eq!(table(&["--cache-ttl", "1h"], 3000), [["50m, used", "ok"], ["20m, used", "ok"]]);
    assert_eq!(table(&[], 3000), [["0s", "ok"], ["0s", "ok"]]);
}

#[test]
fn without_the_option_there_is_no_such_column() {
    let run = check(&served()).run();
    assert!(!run.ended(Status::Exit(0)).stdout().contains("CACHED"), "{run}");
}

#[test]
fn the_document_has_the_age_and_the_use_of_each_cached_answer() {
    if !can_be_later() {
        return;
    }
    let (aws, cache) = (served(), CacheDirectory::new());
    let cached = |sandbox: Sandbox| {
        let run = sandbox.arg("--json").run();
        run.document()["values"][0]["sources"][0]["cached"].clone()
    };
    assert_eq!(cached(check(&aws)), json!(null));
    assert_eq!(cached(cache.with(check(&aws), &[])), json!({ "age_seconds": 0, "used": false }));
    let aws = aws.fails("GetSecretValue", fault::unavailable());
    assert_eq!(cached(later(cache.with(check(&aws), &[]), 90)), json!({ "age_seconds": 90, "used": true }));
    // Too old to be used, and still there.
    assert_eq!(cached(cache.with(check(&aws), &["--cache-stale", "0s"]))["used"], json!(false));
    let run = later(cache.with(check(&aws), &["--cache-stale", "1m"]), 90);
    assert_eq!(cached(run), json!({ "age_seconds": 90, "used": false }));
    let aws = aws.fails("GetSecretValue", fault::denied("x"));
    assert_eq!(cached(cache.with(check(&aws), &[])), json!(null));
}

#[test]
fn an_outage_that_is_covered_is_a_good_check_with_a_warning() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let aws = aws.fails("GetSecretValue", fault::unavailable());
    cache
        .with(check(&aws), &[])
        .run()
        .ended(Status::Exit(0))
        .says(["warning: ", "answers of the cache are used: secret x"]);
}

#[test]
fn a_directory_that_cannot_hold_values_fails_a_check_as_it_fails_a_launch() {
    let aws = served();
    let cache = CacheDirectory::new();
    cache.mode(0o755);
    cache.with(check(&aws), &[]).run().ended(Status::Exit(78)).says(["error: --cache ", "mode 0755"]);
    assert!(aws.calls().is_empty());
}

#[test]
fn a_description_is_asked_for_whatever_is_cached() {
    let (aws, cache) = (served(), CacheDirectory::new());
    let describe = || cache.with(check(&aws), &["--cache-ttl", "1h", "--describe"]);
    describe().run().ended(Status::Exit(0));
    describe().run().ended(Status::Exit(0));
    assert_eq!((aws.reads().len(), aws.calls_of("DescribeSecret").len()), (1, 2));
}

#[test]
fn export_is_served_as_a_launch_is() {
    let (aws, cache) = (served(), CacheDirectory::new());
    cache.with(sandbox(&aws), &[]).run().launched_silently();
    let export = Sandbox::new().aws(&aws).args(["export", "--format", "json"]).bare().resolve("A=x:k");
    let run = cache.with(export.prints_values(), &["--cache-ttl", "1h"]).run();
    assert_eq!(run.launched_silently().document(), json!({ "A": "v" }));
    assert_eq!(aws.calls().len(), 1);
}

#[test]
fn no_entry_is_read_before_the_memory_is_hidden_from_others() {
    if !skip::can(&["strace", "-o", "/dev/null", "true"], "the order of system calls") {
        return;
    }
    let (aws, cache) = (Aws::start().secret("x", Secret::text(CANARY)), CacheDirectory::new());
    let launch = Sandbox::new().aws(&aws).resolve("A=x");
    cache.with(launch, &[]).run().launched_silently();
    let launch = Sandbox::new().aws(&aws).resolve("A=x");
    let traced = cache.with(launch, &["--cache-ttl", "1h"]).through(["strace", "-s", "200", "-o", "trace"]);
    traced.run().launched_silently().has("A", CANARY);
    let trace = std::fs::read_to_string(traced.path("trace")).unwrap();
    let at = |text: &str| trace.find(text).unwrap_or_else(|| panic!("no {text:?} in\n{trace}"));
    let name = cache.entry().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(at("PR_SET_DUMPABLE, SUID_DUMP_DISABLE") < at(&name), "{trace}");
    assert!(!trace.contains("socket(AF_INET"), "{trace}");
}
