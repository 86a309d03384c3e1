//! The limits on one variable and on all of them, which are checked before exec.

use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

/// The limit of `NAME=value`: 32 pages, less the NUL.
const LARGEST_ENTRY: usize = 131_071;

/// A sandbox that serves a value of this many bytes as the secret `x`.
fn holding(length: usize) -> Sandbox {
    let value = format!("{CANARY}{}", "x".repeat(length - CANARY.len()));
    Sandbox::new().local(&serde_json::json!({ "x": value }).to_string())
}

#[test]
fn an_entry_of_the_largest_size_is_passed() {
    let sandbox = holding(LARGEST_ENTRY - "BIG=".len()).resolve("BIG=x");
    let run = sandbox.script("printf %s \"${#BIG}\"").run();
    run.launched().printed("131067");
}

#[test]
fn an_entry_of_one_byte_more_is_an_error_that_names_the_variable() {
    let sandbox = holding(LARGEST_ENTRY - "BIG=".len() + 1).resolve("BIG=x");
    sandbox.run().refused(78).says(["BIG", "131"]);
}

#[test]
fn the_name_counts_towards_the_size() {
    let sandbox = holding(LARGEST_ENTRY - "BIG=".len()).resolve("LONGER=x");
    sandbox.run().refused(78).says(["LONGER"]);
}

#[test]
fn a_secret_of_the_largest_size_of_aws_is_passed_as_base64() {
    let sandbox = holding(65_536).declaration("env:\n  BIG: { from: x, encode: base64 }\n");
    let run = sandbox.script("printf %s \"${#BIG}\"").run();
    run.launched().printed("87384");
}

#[test]
fn together_they_may_be_what_the_kernel_allows() {
    let mut sandbox = holding(100_000);
    for number in 0..18 {
        sandbox = sandbox.resolve(&format!("BIG{number}=x"));
    }
    // A quarter of the stack's limit, which is usually 8 MiB.
    let run = sandbox.prepared_by("ulimit -s 8192; exec \"$@\"").script("printf %s \"${#BIG0} ${#BIG17}\"").run();
    run.launched().printed("100000 100000");
}

#[test]
fn together_too_large_is_an_error_that_names_a_variable() {
    let mut sandbox = holding(100_000);
    for number in 0..30 {
        sandbox = sandbox.resolve(&format!("BIG{number}=x"));
    }
    let run = sandbox.prepared_by("ulimit -s 8192; exec \"$@\"").run();
    run.refused(78).says(["BIG"]);
}

#[test]
fn a_smaller_stack_allows_less() {
    let mut sandbox = holding(100_000);
    for number in 0..6 {
        sandbox = sandbox.resolve(&format!("BIG{number}=x"));
    }
    let run = sandbox.prepared_by("ulimit -s 1024; exec \"$@\"").run();
    run.refused(78).says(["BIG"]);
}

#[test]
fn an_unlimited_stack_allows_six_mebibytes() {
    let unlimited = "ulimit -s unlimited; exec \"$@\"";
    if !skip::can(&["/bin/sh", "-ec", unlimited, "sh", "true"], "an unlimited stack") {
        return;
    }
    let mut sandbox = holding(120_000);
    for number in 0..60 {
        sandbox = sandbox.resolve(&format!("BIG{number}=x"));
    }
    let run = sandbox.prepared_by(unlimited).run();
    run.refused(78).says(["BIG", "6291456"]);
}
