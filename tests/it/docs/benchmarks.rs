//! docs/benchmarks.md, which `make bench` writes, and the pages that have figures from it.

use std::process::Command;

use crate::support::*;

/// Makes the page twice, without measuring anything: from a run with all tools, and from a later
/// one that measured only the SDK's client. Prints the rows of the second page, what it says about
/// cold starts, and the goals of the second run.
const TWO_RUNS: &str = r#"
import datetime
import goals
import report
from measure import FAR, NEAR, REGIONAL
from rivals import COUNTS, Tool

ABOUT = {"commit": "c", "machine": "m", "libc": "l", "rust": "r", "roots": 145}
OURS = [
    Tool("secrets-exec", "secrets-exec", None, size=6500000),
    Tool("again", "secrets-exec, measured again", None),
    Tool("floor", "minimal client", None),
]
SDK, CHAMBER = Tool("sdk", "AWS SDK for Rust", None), Tool("chamber", "chamber", None)


def run(day, time, others):
    rows = {(key, 0, NEAR): {"median": 1.5} for key in ("--help", "--version")}
    for tool in OURS + others:
        for place in (REGIONAL, NEAR, FAR):
            for count in COUNTS:
                rows[tool.key, count, place] = {"median": time, "cpu": 1.0, "faults": 200, "memory": 6.25}
    rows["secrets-exec", 1, NEAR]["cold"] = (15.0, 7.0)
    rows["again", 1, NEAR]["cold"] = (12.0, 7.0)
    results = {"rows": rows, "tools": OURS + others, "skipped": [], "rest": {"resident, KiB": 5000}}
    return results | {"about": ABOUT | {"date": datetime.date(2026, 1, day)}}


first, second = run(1, 20.0, [SDK, CHAMBER]), run(2, 30.0, [SDK])
page = report.markdown(second, report.markdown(first, ""))
print(*(line for line in page.splitlines() if line.startswith(("|", "The cold"))), sep="\n")
print(*goals.markdown(OURS[0], second["rows"], report.parent(second)), sep="\n")
"#;

/// Runs Python with these arguments in `benches`, and returns what it prints.
fn python(arguments: &[&str]) -> Option<String> {
    if !skip::can(&["python3", "--version"], "the figures of the benchmarks") {
        return None;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
    let python = Command::new("python3")
        .arg("-B")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&python.stderr);
    assert!(python.status.success(), "{errors}");
    Some(String::from_utf8(python.stdout).unwrap())
}

#[test]
fn the_readme_and_the_pages_of_docs_have_the_figures_of_docs_benchmarks_md() {
    python(&["pages.py", "--check"]);
}

#[test]
fn a_benchmark_of_some_tools_keeps_the_rows_of_the_others_with_their_date() {
    let rows = or_skip!(python(&["-c", TWO_RUNS]));
    for row in [
        "| secrets-exec | 30.0 | 30.0 | 30.0 | 30.0 | 2026-01-02 |",
        "| AWS SDK for Rust | 30.0 | 30.0 | 30.0 | 30.0 | 2026-01-02 |",
        "| chamber | 20.0 | 20.0 | 20.0 | 20.0 | 2026-01-01 |",
        "| chamber | 6.25 | – | – | – |",
        "The cold starts of the first two rows differ by 25%, although both are the same program: a smaller",
        "| size of the binary, MB | 6.50 (7.30) |",
        "| memory of the parent process of `--on-rotation`, MB | **5.12** (4.80) |",
    ] {
        assert_eq!(
            rows.lines().filter(|line| *line == row).count(),
            1,
            "{row}: {rows}"
        );
    }
}
