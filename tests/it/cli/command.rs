//! The look-up and start of the command: status 127 or 126, where possible before any request.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::aws::served;
use crate::support::outcome::Status;
use crate::support::sandbox::{Sandbox, sandbox};
use crate::support::skip;

/// Sets `PATH` to directories below the working directory.
fn searching<const N: usize>(sandbox: Sandbox, directories: [&str; N]) -> Sandbox {
    let path = directories.map(|name| sandbox.path(name).display().to_string()).join(":");
    sandbox.env("PATH", path)
}

#[test]
fn a_command_that_cannot_be_found_or_executed_is_127_or_126_before_any_request() {
    let script = |name: &'static str| move |sandbox: Sandbox| sandbox.file(name, "#!/bin/sh\n");
    type Prepare = Box<dyn Fn(Sandbox) -> Sandbox>;
    let as_it_is = || Box::new(|sandbox: Sandbox| sandbox) as Prepare;
    let all: [(&str, Prepare, &str, i32); 9] = [
        ("a name that is not in PATH", as_it_is(), "no-such-command", 127),
        ("a path that is not there", as_it_is(), "./nowhere/command", 127),
        ("an empty command", as_it_is(), "", 127),
        ("a file that is not executable", Box::new(script("script")), "./script", 126),
        ("a directory", Box::new(script("directory/file")), "./directory", 126),
        (
            "a file in PATH that is not executable",
            Box::new(move |sandbox| searching(script("bin/script")(sandbox), ["bin"])),
            "script",
            126,
        ),
        (
            "a name below a file in PATH",
            Box::new(move |sandbox| searching(script("file")(sandbox), ["file"])),
            "script",
            127,
        ),
        (
            "a name that only our own PATH has",
            Box::new(|sandbox| sandbox.declaration("env:\n  PATH: { value: /nowhere }\n")),
            "cat",
            127,
        ),
        ("a name where PATH is empty", Box::new(|sandbox| sandbox.env("PATH", "")), "no-such-command", 127),
    ];
    for (what, prepare, command, status) in all {
        let aws = served();
        let run = prepare(sandbox(&aws)).case(what).command([command]).run();
        run.refused(status).says([command]);
        assert!(aws.calls().is_empty() && aws.connections() == 0, "{what}: {run}");
    }
}

#[test]
fn the_first_executable_in_path_is_run() {
    let aws = served();
    let [one, two] = ["one", "two"].map(|name| format!("#!/bin/sh\necho {name}\n"));
    let both = sandbox(&aws).executable("one/script", one).executable("two/script", &two);
    searching(both, ["one", "two"]).command(["script"]).run().launched().printed("one\n");
    let second = sandbox(&aws).file("one/script", "#!/bin/sh\n").executable("two/script", two);
    searching(second, ["one", "two"]).command(["script"]).run().launched().printed("two\n");
}

#[test]
fn the_command_is_found_in_the_path_of_the_target() {
    let aws = served();
    let sandbox = Sandbox::new().aws(&aws).executable("bin/script", "#!/bin/sh\necho \"$A $PATH\"\n");
    let path = sandbox.path("bin").display().to_string();
    let declaration = format!("env:\n  A: x:k\n  PATH: {{ value: \"{path}\" }}\n");
    let run = sandbox.declaration(&declaration).command(["script"]).prints_values().run();
    run.launched().printed(format!("v-4c7a1e {path}\n"));
}

#[test]
fn an_unset_path_is_the_usual_places_and_an_empty_part_the_working_directory() {
    let aws = served();
    let run = sandbox(&aws).args(["--unset", "PATH"]).command(["cat", "/proc/self/environ"]).prints_values().run();
    run.launched().has("A", "v-4c7a1e").lacks("PATH");
    for path in [":/nonexistent", "/nonexistent:", "/nonexistent::/nonexistent"] {
        let sandbox = sandbox(&aws).executable("script", "#!/bin/sh\necho ran\n").env("PATH", path);
        sandbox.command(["script"]).run().launched().printed("ran\n");
    }
}

#[test]
fn a_script_is_run_by_its_path_by_its_name_and_without_a_shebang_by_the_shell() {
    let aws = served();
    for (what, content, command, printed) in [
        ("a relative path", &b"#!/bin/sh\necho $0 $A\nexit 7\n"[..], "bin/script", "bin/script v-4c7a1e\n"),
        ("no shebang", b"echo \"$A $0 $# $2\"\nexit 7\n", "./bin/script", "v-4c7a1e ./bin/script 2 two words\n"),
        ("no shebang, in PATH", b"echo \"$A $1\"\nexit 7\n", "script", "v-4c7a1e one\n"),
        ("a NUL after the first line", b"echo ran; exit 7\n\0\0\x01", "./bin/script", "ran\n"),
    ] {
        let sandbox = searching(sandbox(&aws).executable("bin/script", content), ["bin"]);
        let run = sandbox.case(what).command([command, "one", "two words"]).prints_values().run();
        run.ended(Status::Exit(7)).printed(printed);
    }
    let sandbox = sandbox(&aws).executable("script", "#!/bin/sh\necho ran\n");
    let name = OsStr::from_bytes(b"./scr\xffpt");
    std::fs::rename(sandbox.path("script"), sandbox.path(name)).unwrap();
    sandbox.command([name]).run().launched().printed("ran\n");
}

#[test]
fn the_effective_user_decides_whether_a_file_can_be_executed() {
    let Some(other_real_user) = skip::wrapper(["setpriv", "--ruid=65534"], "another real user") else { return };
    let aws = served();
    let sandbox = sandbox(&aws).executable("script", "#!/bin/cat\n").mode("script", 0o700).through(other_real_user);
    sandbox.command(["./script"]).run().launched().printed("#!/bin/cat\n");
}
