//! The environment of the command: inherited, removed, kept and added variables, byte for byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::{ACCESS_SECRET, Sandbox, sandbox};

fn served() -> Aws {
    let object = r#"{"k":"resolved","empty":""}"#;
    Aws::start().secret("x", Secret::json(object))
}

/// Every name that `--clean-env` keeps, with one example of each pattern.
const KEPT: [&str; 30] = [
    "CACHE_DIRECTORY",
    "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "HOME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LOGNAME",
    "LOGS_DIRECTORY",
    "NOTIFY_SOCKET",
    "PATH",
    "RUNTIME_DIRECTORY",
    "SHELL",
    "STATE_DIRECTORY",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "_HANDLER",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "A",
];

#[test]
fn inherited_variables_pass_through_byte_for_byte() {
    let aws = served();
    let value = b"fo\x80o=\xff\xfe \n\t\"'$`\\";
    let run = sandbox(&aws).env("PLAIN", "one=two").env("BYTES", OsStr::from_bytes(value)).env("EMPTY", "").run();
    run.launched_silently().has("PLAIN", "one=two").has("BYTES", value).has("EMPTY", "");
}

#[test]
fn names_that_no_shell_could_set_pass_through() {
    let aws = served();
    let run =
        sandbox(&aws).env("BASH_FUNC_f%%", "() { echo hi; }").env("with-hyphen.and dot", "1").env("1digit", "2").run();
    run.launched().has("BASH_FUNC_f%%", "() { echo hi; }").has("with-hyphen.and dot", "1").has("1digit", "2");
}

#[test]
fn a_name_that_is_not_utf_8_passes_through() {
    let aws = served();
    let run = sandbox(&aws).env(OsStr::from_bytes(b"N\x80ME"), OsStr::from_bytes(b"v\xff")).run();
    let entry = b"N\x80ME=v\xff".as_slice();
    let mut entries = run.launched().stdout.split(|byte| *byte == 0);
    assert!(entries.any(|found| found == entry), "{run}");
}

#[test]
fn a_resolved_variable_replaces_the_inherited_one() {
    let aws = served();
    let run = sandbox(&aws).env("A", "inherited").run();
    run.launched().has("A", "resolved");
}

#[test]
fn nothing_is_added_but_what_was_asked_for() {
    let aws = served();
    let sandbox = sandbox(&aws);
    let mut wanted = sandbox.control().names();
    wanted.push("A".to_owned());
    wanted.sort_unstable();
    assert_eq!(sandbox.run().launched().names(), wanted);
}

#[test]
fn the_credentials_of_the_launcher_pass_through_unless_removed() {
    let aws = served();
    let run = sandbox(&aws).run();
    run.launched().has("AWS_SECRET_ACCESS_KEY", ACCESS_SECRET);
}

#[test]
fn unset_removes_by_pattern_what_the_launcher_still_uses() {
    let aws = served();
    let run = sandbox(&aws).args(["--unset", "AWS_*"]).run();
    run.launched().has("A", "resolved");
    let names = run.names();
    assert!(!names.iter().any(|name| name.starts_with("AWS_")), "{names:?}");
    assert!(names.contains(&"HOME".to_owned()));
}

#[test]
fn unset_takes_an_exact_name_and_is_repeatable() {
    let aws = served();
    let run = sandbox(&aws)
        .env("ONE", "1")
        .env("ONE_MORE", "1")
        .env("TWO", "2")
        .args(["--unset", "ONE", "--unset", "TWO"])
        .run();
    run.launched().lacks("ONE").lacks("TWO").has("ONE_MORE", "1");
}

#[test]
fn unset_does_not_remove_what_is_resolved() {
    let aws = served();
    let run = sandbox(&aws).env("A", "inherited").args(["--unset", "A"]).run();
    run.launched().has("A", "resolved");
}

#[test]
fn clean_env_keeps_exactly_the_names_of_the_list() {
    let aws = served();
    let mut sandbox = sandbox(&aws).args(["--clean-env"]);
    for name in KEPT.iter().filter(|name| !["PATH", "HOME"].contains(name)) {
        sandbox = sandbox.env(name, "kept");
    }
    for name in [
        "OTHER",
        "LD_LIBRARY_PATH",
        "LANGUAGE",
        "PATH_INFO",
        "USERNAME",
        "HTTP_PROXY",
        "LISTEN",
        "lc_all",
        "AWS_REGION_",
        "HANDLER",
    ] {
        sandbox = sandbox.env(name, "");
    }
    let mut kept = KEPT;
    kept.sort_unstable();
    assert_eq!(sandbox.run().launched().names(), kept);
}

#[test]
fn pass_adds_to_what_clean_env_keeps() {
    let aws = served();
    let run = sandbox(&aws)
        .env("APP_ONE", "1")
        .env("APP_TWO", "2")
        .env("EXACT", "3")
        .env("OTHER", "4")
        .args(["--clean-env", "--pass", "APP_*", "--pass", "EXACT"])
        .run();
    run.launched().has("APP_ONE", "1").has("APP_TWO", "2").has("EXACT", "3").lacks("OTHER");
}

#[test]
fn unset_comes_after_pass() {
    let aws = served();
    let run = sandbox(&aws)
        .env("APP_ONE", "1")
        .env("APP_TWO", "2")
        .args(["--clean-env", "--pass", "APP_*", "--unset", "APP_TWO"])
        .run();
    run.launched().has("APP_ONE", "1").lacks("APP_TWO");
}

#[test]
fn clean_env_still_reads_the_credentials() {
    let aws = served();
    let run = sandbox(&aws).args(["--clean-env"]).run();
    run.launched().has("A", "resolved").lacks("AWS_ACCESS_KEY_ID");
}

#[test]
fn our_own_variables_never_reach_the_command() {
    let aws = served();
    let run = sandbox(&aws)
        .env("SECRETS_EXEC_TIMEOUT", "20s")
        .env("SECRETS_EXEC_SERVICE_PORT", "80")
        .env("SECRETS_EXEC_", "")
        .env("SECRETS_EXECUTE", "stays")
        .args(["--clean-env", "--pass", "SECRETS_EXEC*"])
        .run();
    run.launched()
        .lacks("SECRETS_EXEC_TIMEOUT")
        .lacks("SECRETS_EXEC_SERVICE_PORT")
        .lacks("SECRETS_EXEC_")
        .has("SECRETS_EXECUTE", "stays");
}

#[test]
fn a_dangerous_name_may_be_set_by_the_operator() {
    let aws = served();
    let run = Sandbox::new()
        .aws(&aws)
        .declaration("env:\n  NODE_OPTIONS: x:k\n  PYTHONPATH: { value: /srv }\n  HOME: { value: /home/app }\n")
        .run();
    run.launched().has("NODE_OPTIONS", "resolved").has("PYTHONPATH", "/srv").has("HOME", "/home/app");
}

#[test]
fn an_empty_value_is_set() {
    let aws = served();
    let run = Sandbox::new().aws(&aws).resolve("E=x:empty").run();
    run.launched().has("E", "");
}
