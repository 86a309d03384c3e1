//! The look-up and start of the command: status 127 or 126, where possible before any request.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

/// Asserts that a run is refused before any request.
fn at_no_cost(state: impl FnOnce(Sandbox) -> Sandbox) -> Outcome {
    let aws = served();
    let run = state(sandbox(&aws)).run();
    assert!(aws.calls().is_empty(), "{run}");
    assert_eq!(aws.connections(), 0, "{run}");
    run
}

#[test]
fn a_command_that_is_not_found_is_127() {
    at_no_cost(|sandbox| sandbox.command(["no-such-command", "x"])).refused(127).says(["no-such-command"]);
}

#[test]
fn a_path_that_is_not_there_is_127() {
    at_no_cost(|sandbox| sandbox.command(["./nowhere/command"])).refused(127).says(["./nowhere/command"]);
}

#[test]
fn an_empty_command_is_127() {
    at_no_cost(|sandbox| sandbox.command([""])).refused(127);
}

#[test]
fn a_file_that_is_not_executable_is_126() {
    at_no_cost(|sandbox| sandbox.file("script", "#!/bin/sh\n").command(["./script"])).refused(126).says(["./script"]);
}

#[test]
fn a_directory_is_126() {
    at_no_cost(|sandbox| sandbox.file("directory/file", "").command(["./directory"]))
        .refused(126)
        .says(["./directory"]);
}

#[test]
fn a_file_in_the_path_that_is_not_executable_is_126() {
    at_no_cost(|sandbox| {
        let sandbox = sandbox.file("bin/script", "#!/bin/sh\n");
        let path = sandbox.path("bin");
        sandbox.env("PATH", path).command(["script"])
    })
    .refused(126);
}

#[test]
fn a_name_below_a_file_in_the_path_is_127() {
    at_no_cost(|sandbox| {
        let sandbox = sandbox.file("file", "");
        let path = sandbox.path("file");
        sandbox.env("PATH", path).command(["script"])
    })
    .refused(127);
}

#[test]
fn a_later_executable_in_the_path_is_preferred_to_an_earlier_other_file() {
    let aws = served();
    let sandbox =
        sandbox(&aws).file("one/script", "#!/bin/sh\necho one\n").executable("two/script", "#!/bin/sh\necho two\n");
    let path = format!("{}:{}", sandbox.path("one").display(), sandbox.path("two").display());
    let run = sandbox.env("PATH", path).command(["script"]).run();
    run.launched().printed("two\n");
}

#[test]
fn the_first_executable_in_the_path_is_run() {
    let aws = served();
    let sandbox = sandbox(&aws)
        .executable("one/script", "#!/bin/sh\necho one\n")
        .executable("two/script", "#!/bin/sh\necho two\n");
    let path = format!("{}:{}", sandbox.path("one").display(), sandbox.path("two").display());
    let run = sandbox.env("PATH", path).command(["script"]).run();
    run.launched().printed("one\n");
}

#[test]
fn the_command_is_found_in_the_path_of_the_target() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).executable("bin/script", "#!/bin/sh\necho \"$A $PATH\"\n");
    let path = sandbox.path("bin").display().to_string();
    let declaration = format!("env:\n  A: x:k\n  PATH: {{ value: \"{path}\" }}\n");
    let run = sandbox.declaration(&declaration).command(["script"]).run();
    run.launched().printed(format!("v {path}\n"));
}

#[test]
fn the_command_is_not_found_in_our_own_path() {
    at_no_cost(|sandbox| sandbox.declaration("env:\n  PATH: { value: /nowhere }\n").command(["cat"]))
        .refused(127)
        .says(["cat"]);
}

#[test]
fn without_a_path_the_usual_places_are_searched() {
    let aws = served();
    let run = sandbox(&aws).args(["--unset", "PATH"]).command(["cat", "/proc/self/environ"]).prints_values().run();
    run.launched().has("A", "v").lacks("PATH");
}

#[test]
fn a_relative_command_is_found_below_the_working_directory() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("bin/script", "#!/bin/sh\necho $0\n");
    let run = sandbox.command(["bin/script"]).run();
    run.launched().printed("bin/script\n");
}

#[test]
fn a_script_without_a_shebang_is_run_by_the_shell() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "echo \"$A $0 $#\"\nexit 7\n");
    let run = sandbox.command(["./script", "one", "two words"]).run();
    run.ended(Status::Exit(7)).printed("v ./script 2\n");
}

#[test]
fn a_script_without_a_shebang_in_the_path_is_run_by_the_shell() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("bin/script", "echo \"$A $1\"\n");
    let path = sandbox.path("bin");
    let run = sandbox.env("PATH", path).command(["script", "one"]).run();
    run.launched().printed("v one\n");
}

#[test]
fn a_script_without_a_shebang_whose_name_is_like_an_option_is_run() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("bin/-c", "echo \"ran $1\"\n");
    let path = sandbox.path("bin");
    let run = sandbox.env("PATH", path).command(["-c", "one"]).run();
    run.launched().printed("ran one\n");
}

#[test]
fn a_script_without_a_shebang_whose_directory_is_named_like_an_option_is_run() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("-d/script", "echo \"ran $1\"\n");
    let run = sandbox.command(["-d/script", "one"]).run();
    run.launched().printed("ran one\n");
}

#[test]
fn an_empty_part_of_path_is_the_working_directory() {
    let aws = served();
    for path in [":/nonexistent", "/nonexistent:", "/nonexistent::/nonexistent"] {
        let sandbox = sandbox(&aws).executable("script", "#!/bin/sh\necho ran\n").env("PATH", path);
        sandbox.command(["script"]).run().launched().printed("ran\n");
    }
}

#[test]
fn the_effective_user_decides_whether_a_file_can_be_executed() {
    let other_real_user = ["setpriv", "--ruid=65534"];
    if !skip::can(&[&other_real_user[..], &["true"]].concat(), "another real user") {
        return;
    }
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "#!/bin/cat\n").mode("script", 0o700).through(other_real_user);
    sandbox.command(["./script"]).run().launched().printed("#!/bin/cat\n");
}

#[test]
fn a_binary_of_no_known_format_is_126() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("binary", b"\x7fGARBAGE\0\0\x01\x02\n");
    let run = sandbox.command(["./binary"]).run();
    run.refused(126).says(["./binary"]).says_one_of(["architecture"]);
}

#[test]
fn a_nul_after_the_first_line_is_still_a_script() {
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", b"echo ran; exit 0\n\0\0\x01");
    let run = sandbox.command(["./script"]).run();
    run.launched().printed("ran\n");
}

#[test]
fn a_script_whose_interpreter_is_missing_is_126_after_the_requests() {
    let aws = served();
    let script = "#!/nowhere/interpreter -x\necho never\n";
    let sandbox = sandbox(&aws).executable("script", script);
    let run = sandbox.command(["./script"]).run();
    run.refused(126).says(["./script", "interpreter"]);
    assert_eq!(aws.reads().len(), 1);
}

#[test]
fn a_path_with_an_empty_value_is_searched_without_a_crash() {
    at_no_cost(|sandbox| sandbox.env("PATH", "").command(["no-such-command"])).refused(127);
}

#[test]
fn a_command_that_is_not_found_is_told_even_when_nothing_could_be_read() {
    let run = Sandbox::new().resolve("A=x:k").command(["no-such-command"]).run();
    run.refused(127).says(["no-such-command"]);
}

#[test]
fn a_command_whose_name_is_not_utf_8_is_run() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "#!/bin/sh\necho ran\n");
    let name = OsStr::from_bytes(b"./scr\xffpt");
    std::fs::rename(sandbox.path("script"), sandbox.path(name)).unwrap();
    sandbox.command([name]).run().launched().printed("ran\n");
}
