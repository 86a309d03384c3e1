//! Standard streams that are closed, full or broken: no panic, the right status, the right descriptors.

use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};

fn launching() -> Sandbox {
    Sandbox::new().local(&format!(r#"{{"x":"{CANARY}"}}"#)).resolve("A=x")
}

/// A script that prints the file behind a descriptor of the command; the command substitution does not change it.
fn behind(descriptor: u8, redirection: &str) -> String {
    format!("found=$(readlink /proc/$$/fd/{descriptor}); echo $found {redirection}")
}

#[test]
fn a_closed_standard_input_is_dev_null_in_the_target() {
    let sandbox = launching().prepared_by("exec \"$@\" <&-");
    let run = sandbox.script(&behind(0, "")).run();
    run.launched().printed("/dev/null\n");
}

#[test]
fn a_closed_standard_output_is_dev_null_in_the_target() {
    let run = launching().prepared_by("exec \"$@\" >&-").script(&behind(1, ">&2")).target_writes_stderr().run();
    run.launched().says(["/dev/null"]);
}

#[test]
fn a_closed_standard_error_is_dev_null_in_the_target() {
    let sandbox = launching().prepared_by("exec \"$@\" 2>&-");
    let run = sandbox.script(&behind(2, "")).run();
    run.launched().printed("/dev/null\n");
}

#[test]
fn all_streams_closed_is_no_panic() {
    let sandbox = launching().prepared_by("exec \"$@\" <&- >&- 2>&-");
    let run = sandbox.script("exit 7").run();
    run.ended(Status::Exit(7));
}

#[test]
fn a_closed_stream_does_not_let_a_file_take_its_place() {
    let sandbox = launching().prepared_by("exec \"$@\" <&- >&- 2>&-").script("ls -l /proc/$$/fd > found; :");
    sandbox.run().ended(Status::Exit(0));
    let found = std::fs::read_to_string(sandbox.path("found")).unwrap();
    assert!(!found.contains("local.json") && !found.contains("socket"), "{found}");
}

#[test]
fn a_failure_with_a_closed_standard_error_keeps_its_status() {
    let sandbox = launching().resolve("B=gone");
    let run = sandbox.prepared_by("exec \"$@\" 2>&-").run();
    run.ended(Status::Exit(78)).printed("");
}

#[test]
fn a_failure_with_a_full_standard_error_keeps_its_status() {
    let sandbox = launching().resolve("B=gone");
    let run = sandbox.prepared_by("exec \"$@\" 2>/dev/full").run();
    run.ended(Status::Exit(78)).printed("");
}

#[test]
fn a_warning_that_cannot_be_written_does_not_stop_the_launch() {
    let sandbox = launching().prepared_by("exec \"$@\" 2>/dev/full");
    sandbox.run().launched().has("A", CANARY);
}

#[test]
fn help_to_a_closed_or_full_standard_output_is_no_panic() {
    for redirection in [">&-", ">/dev/full"] {
        for option in ["--help", "--version"] {
            let run = Sandbox::new().prepared_by(&format!("exec \"$@\" {redirection}")).arg(option).bare().run();
            assert!(
                matches!(run.status, Status::Exit(status) if status != 70 && status < 100),
                "{option} {redirection}: {run}"
            );
        }
    }
}

#[test]
fn a_reader_that_has_left_ends_help_quietly() {
    let run = Sandbox::new()
        .through([
            "/bin/sh",
            "-c",
            "{ until [ -e closed ]; do :; done; \"$@\"; echo $? >status; } | { exec <&-; : >closed; }; cat status",
            "sh",
        ])
        .args(["--help"])
        .bare()
        .run();
    // The shell reports a death by SIGPIPE as 141; success is as good.
    let status = run.launched().stdout();
    assert!(["0\n", "74\n", "141\n"].contains(&status.as_str()), "{run}");
}
