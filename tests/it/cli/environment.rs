//! The environment of the command: variables that are inherited, removed, kept and added, byte for
//! byte, and its size. `environment.rows` has the effect of each option on it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::unistd::{SysconfVar, sysconf};

use crate::support::*;

::rows::rows!("tests/it/cli/environment.rows");

/// Every name that `--clean-env` keeps, with one example of each pattern.
const KEPT: &str = "A AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_RUNTIME_API CACHE_DIRECTORY CONFIGURATION_DIRECTORY \
    CREDENTIALS_DIRECTORY HOME INVOCATION_ID JOURNAL_STREAM LAMBDA_TASK_ROOT LANG LC_ALL LC_CTYPE LISTEN_FDNAMES LISTEN_FDS LISTEN_PID \
    LOGNAME LOGS_DIRECTORY NOTIFY_SOCKET PATH RUNTIME_DIRECTORY SHELL STATE_DIRECTORY TERM TMPDIR TZ USER WATCHDOG_PID WATCHDOG_USEC \
    _HANDLER _LAMBDA_TELEMETRY_LOG_FD";

/// Names that are similar, but aren't kept.
const NOT_KEPT: &str = "OTHER LD_LIBRARY_PATH LANGUAGE PATH_INFO USERNAME HTTP_PROXY LISTEN lc_all AWS_REGION_ HANDLER \
    GIT_OBJECT_DIRECTORY";

#[test]
fn inherited_variables_reach_the_command_byte_for_byte_even_if_they_are_not_utf8() {
    let aws = served();
    let value = b"fo\x80o=\xff\xfe \n\t\"'$`\\";
    let sandbox = sandbox(&aws).env("BYTES", OsStr::from_bytes(value));
    let run = sandbox
        .env(OsStr::from_bytes(b"N\x80ME"), OsStr::from_bytes(b"v\xff"))
        .run();
    run.launched_silently().has("BYTES", value);
    let mut entries = run.stdout.split(|byte| *byte == 0);
    assert!(entries.any(|entry| entry == b"N\x80ME=v\xff"), "{run}");
}

#[test]
fn clean_env_keeps_exactly_the_documented_names_and_patterns() {
    let aws = served();
    let mut sandbox = sandbox(&aws).arg("--clean-env");
    for name in KEPT.split(' ').chain(NOT_KEPT.split(' ')) {
        if !["PATH", "HOME", "A"].contains(&name) {
            sandbox = sandbox.env(name, "");
        }
    }
    let run = sandbox.run();
    assert_eq!(run.launched().has("A", "v-4c7a1e").names().join(" "), KEPT);
}

/// The limit for `NAME=value`: 32 of the kernel's pages, minus one byte for the NUL.
fn largest_entry() -> usize {
    let page = sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap();
    32 * usize::try_from(page).unwrap() - 1
}

/// A sandbox in which the secret `x` has a value of this length, in bytes.
fn holding(length: usize) -> Sandbox {
    let value = format!("{CANARY}{}", "x".repeat(length - CANARY.len()));
    Sandbox::new().local(&serde_json::json!({ "x": value }).to_string())
}

#[test]
fn the_largest_variable_of_the_kernel_reaches_the_command_and_a_larger_is_refused() {
    let longest = largest_entry() - "BIG=".len();
    let script = "printf %s \"${#BIG}\"";
    let run = holding(longest).resolve("BIG=x").script(script).run();
    run.launched().printed(longest.to_string());
    let run = holding(longest + 1).resolve("BIG=x").run();
    run.refused(78, ["BIG", &largest_entry().to_string()]);
    let run = holding(longest).resolve("LONGER=x").run();
    run.refused(78, ["LONGER"]);
    let base64 = holding(65_536).declaration("env:\n  BIG: { from: x, encode: base64 }\n");
    base64.script(script).run().launched().printed("87384");
}

#[test]
fn an_environment_larger_than_the_stack_limit_is_refused() {
    let unlimited = ["/bin/sh", "-c", "ulimit -s unlimited"];
    for (stack, count, refusal) in [
        ("8192", 18, None),
        ("8192", 30, Some("BIG")),
        ("1024", 6, Some("BIG")),
        ("unlimited", 70, Some("6291456")),
    ] {
        if stack == "unlimited" && !skip::can(&unlimited, "an unlimited stack") {
            continue;
        }
        let sandbox = (0..count).fold(holding(100_000), |sandbox, number| {
            sandbox.resolve(&format!("BIG{number}=x"))
        });
        let sandbox = sandbox
            .prepared_by(&format!("ulimit -s {stack}; exec \"$@\""))
            .script("printf %s \"${#BIG0}\"");
        let run = sandbox.run();
        match refusal {
            Some(fact) => run.refused(78, ["BIG", fact]),
            None => run.launched().printed("100000"),
        };
    }
}
