//! The environment of the command: inherited, removed, kept and added variables, byte for byte, and its size.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::unistd::{SysconfVar, sysconf};

use crate::support::aws::secret::Secret;
use crate::support::aws::{Aws, served};
use crate::support::sandbox::{ACCESS_SECRET, CANARY, Sandbox, sandbox};
use crate::support::skip;

/// Every name that `--clean-env` keeps, with one example of each pattern.
const KEPT: &str = "A AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_RUNTIME_API CACHE_DIRECTORY CONFIGURATION_DIRECTORY \
    CREDENTIALS_DIRECTORY HOME INVOCATION_ID JOURNAL_STREAM LAMBDA_TASK_ROOT LANG LC_ALL LC_CTYPE LISTEN_FDNAMES LISTEN_FDS LISTEN_PID \
    LOGNAME LOGS_DIRECTORY NOTIFY_SOCKET PATH RUNTIME_DIRECTORY SHELL STATE_DIRECTORY TERM TMPDIR TZ USER WATCHDOG_PID WATCHDOG_USEC \
    _HANDLER _LAMBDA_TELEMETRY_LOG_FD";

/// Names that are like those.
const NOT_KEPT: &str = "OTHER LD_LIBRARY_PATH LANGUAGE PATH_INFO USERNAME HTTP_PROXY LISTEN lc_all AWS_REGION_ HANDLER";

#[test]
fn inherited_variables_pass_through_byte_for_byte() {
    let aws = served();
    let value = b"fo\x80o=\xff\xfe \n\t\"'$`\\";
    let sandbox = sandbox(&aws).env("PLAIN", "one=two").env("BYTES", OsStr::from_bytes(value)).env("EMPTY", "");
    let sandbox = sandbox.env("BASH_FUNC_f%%", "() { echo hi; }").env("with-hyphen.and dot", "1").env("1digit", "2");
    let run = sandbox.env(OsStr::from_bytes(b"N\x80ME"), OsStr::from_bytes(b"v\xff")).run();
    run.launched_silently().has("PLAIN", "one=two").has("BYTES", value).has("EMPTY", "");
    run.has("BASH_FUNC_f%%", "() { echo hi; }").has("with-hyphen.and dot", "1").has("1digit", "2");
    let entry = b"N\x80ME=v\xff".as_slice();
    assert!(run.stdout.split(|byte| *byte == 0).any(|found| found == entry), "{run}");
}

#[test]
fn nothing_is_added_but_what_was_asked_for_and_the_credentials_stay() {
    let aws = served();
    let sandbox = sandbox(&aws);
    let mut wanted = sandbox.control().names();
    wanted.push("A".to_owned());
    wanted.sort_unstable();
    let run = sandbox.run();
    assert_eq!(run.launched().names(), wanted);
    run.has("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET);
}

#[test]
fn unset_removes_names_and_patterns_that_the_launcher_uses_and_no_resolved_name() {
    let aws = served();
    let sandbox = sandbox(&aws).env("A", "inherited").env("ONE", "1").env("ONE_MORE", "1");
    let run = sandbox.args(["--unset", "AWS_*", "--unset", "ONE", "--unset", "A"]).run();
    run.launched().has("A", "v-4c7a1e").lacks("ONE").has("ONE_MORE", "1");
    let names = run.names();
    assert!(!names.iter().any(|name| name.starts_with("AWS_")) && names.contains(&"HOME".to_owned()), "{names:?}");
}

#[test]
fn clean_env_keeps_exactly_the_names_of_the_list() {
    let aws = served();
    let kept = KEPT.split(' ').filter(|name| !["PATH", "HOME", "A"].contains(name));
    let sandbox = kept.fold(sandbox(&aws).args(["--clean-env"]), |sandbox, name| sandbox.env(name, "kept"));
    let sandbox = NOT_KEPT.split(' ').fold(sandbox, |sandbox, name| sandbox.env(name, ""));
    let run = sandbox.run();
    assert_eq!(run.launched().has("A", "v-4c7a1e").names().join(" "), KEPT);
}

#[test]
fn pass_adds_to_what_clean_env_keeps_and_unset_comes_after_it() {
    let aws = served();
    let sandbox =
        ["APP_ONE", "APP_TWO", "EXACT", "OTHER"].into_iter().fold(sandbox(&aws), |it, name| it.env(name, "1"));
    let run = sandbox.args(["--clean-env", "--pass", "APP_*", "--pass", "EXACT", "--unset", "APP_TWO"]).run();
    run.launched().has("APP_ONE", "1").lacks("APP_TWO").has("EXACT", "1").lacks("OTHER");
}

#[test]
fn our_own_variables_never_reach_the_command() {
    let aws = served();
    let ours = ["SECRETS_EXEC_TIMEOUT", "SECRETS_EXEC_SERVICE_PORT", "SECRETS_EXEC_"];
    for options in [&[][..], &["--clean-env", "--pass", "SECRETS_EXEC*"]] {
        let sandbox = ours.into_iter().fold(sandbox(&aws), |sandbox, name| sandbox.env(name, "20s"));
        let run = sandbox.env("SECRETS_EXECUTE", "stays").args(options).run();
        run.launched().has("SECRETS_EXECUTE", "stays");
        for name in ours {
            run.lacks(name);
        }
    }
}

#[test]
fn the_operator_may_set_a_dangerous_name_and_an_empty_value_counts_as_a_value() {
    let aws = Aws::start().secret("x", Secret::text(r#"{"k":"v-4c7a1e","empty":""}"#));
    let declaration =
        "env:\n  NODE_OPTIONS: x:k\n  PYTHONPATH: { value: /srv }\n  HOME: { value: /home/app }\n  E: x:empty\n";
    let run = Sandbox::new().aws(&aws).declaration(declaration).run();
    run.launched().has("NODE_OPTIONS", "v-4c7a1e").has("PYTHONPATH", "/srv").has("HOME", "/home/app").has("E", "");
}

#[test]
fn keep_existing_keeps_what_is_set_and_neither_fetches_it_nor_writes_its_file() {
    let aws = served();
    let declaration = "env:\n  A: gone:k\n  B: gone:k\n  EMPTY: x:k\n  UNSET: x:k\n  LITERAL: { value: info }\n\
        files:\n  - { from: gone, env: F }\n  - { from: gone, path: /nonexistent/file, env: P }\n";
    let sandbox = Sandbox::new().aws(&aws).declaration(declaration).args(["--keep-existing"]);
    let sandbox = sandbox.env("A", "own").env("B", OsStr::from_bytes(b"\xff")).env("EMPTY", "").env("LITERAL", "own");
    let run = sandbox.env("F", "/etc/own").env("P", "/etc/own").run();
    run.launched_silently().has("A", "own").has("B", b"\xff").has("LITERAL", "own");
    run.has("EMPTY", "v-4c7a1e").has("UNSET", "v-4c7a1e").has("F", "/etc/own").has("P", "/etc/own");
    assert_eq!(aws.only_read().secret_id(), "x");
}

#[test]
fn what_unset_or_clean_env_removed_is_not_kept() {
    let aws = served();
    for options in [&["--unset", "A"][..], &["--clean-env"]] {
        sandbox(&aws).env("A", "own").args(options).arg("--keep-existing").run().launched().has("A", "v-4c7a1e");
    }
}

/// The limit of `NAME=value`: 32 of the kernel's pages, less the NUL.
fn largest_entry() -> usize {
    let page = sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap();
    32 * usize::try_from(page).unwrap() - 1
}

/// A sandbox that serves a value of this many bytes as the secret `x`.
fn holding(length: usize) -> Sandbox {
    let value = format!("{CANARY}{}", "x".repeat(length - CANARY.len()));
    Sandbox::new().local(&serde_json::json!({ "x": value }).to_string())
}

#[test]
fn an_entry_with_its_name_has_the_largest_size_of_the_kernel() {
    let longest = largest_entry() - "BIG=".len();
    let script = "printf %s \"${#BIG}\"";
    holding(longest).resolve("BIG=x").script(script).run().launched().printed(longest.to_string());
    holding(longest + 1).resolve("BIG=x").run().refused(78).says(["BIG", &largest_entry().to_string()]);
    holding(longest).resolve("LONGER=x").run().refused(78).says(["LONGER"]);
    let base64 = holding(65_536).declaration("env:\n  BIG: { from: x, encode: base64 }\n");
    base64.script(script).run().launched().printed("87384");
}

#[test]
fn all_entries_together_have_the_size_that_the_limit_of_the_stack_allows() {
    let unlimited = ["/bin/sh", "-ec", "ulimit -s unlimited; exec \"$@\"", "sh", "true"];
    for (stack, count, refusal) in
        [("8192", 18, None), ("8192", 30, Some("BIG")), ("1024", 6, Some("BIG")), ("unlimited", 70, Some("6291456"))]
    {
        if stack == "unlimited" && !skip::can(&unlimited, "an unlimited stack") {
            continue;
        }
        let sandbox = (0..count).fold(holding(100_000), |sandbox, number| sandbox.resolve(&format!("BIG{number}=x")));
        let sandbox = sandbox.prepared_by(&format!("ulimit -s {stack}; exec \"$@\"")).script("printf %s \"${#BIG0}\"");
        let run = sandbox.run();
        match refusal {
            Some(fact) => run.refused(78).says(["BIG", fact]),
            None => run.launched().printed("100000"),
        };
    }
}

#[test]
fn thousands_of_variables_reach_the_command() {
    let secrets: Vec<String> =
        (0..6000).map(|number| format!("\"app/s{number}\":{{\"k\":\"{CANARY}/{number}\"}}")).collect();
    let declaration: String = (0..6000).map(|number| format!("  V{number}: app/s{number}:k\n")).collect();
    let sandbox = Sandbox::new().local(&format!("{{{}}}", secrets.join(",\n")));
    let sandbox = sandbox.declaration(&format!("env:\n{declaration}"));
    sandbox.run().launched().has("V5999", format!("{CANARY}/5999"));
}
