//! Commands that can't be written in a row. `command.rows` has all other tests.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/cli/command.rows");

#[test]
fn a_missing_command_fails_the_launch_with_127_without_a_connection_to_aws() {
    let aws = served();
    sandbox(&aws)
        .command(["no-such-command"])
        .refused(&aws, 127, &["no-such-command"]);
    assert_eq!(aws.connections(), 0);
}

#[test]
fn a_command_on_a_file_system_without_programs_fails_the_launch_with_126_without_a_connection_to_aws()
 {
    let mount = "mount -t tmpfs -o noexec none /mnt";
    let mounting = ["unshare", "--mount", "sh", "-c", mount];
    if !skip::can(&mounting, "a file system that is mounted with noexec") {
        return;
    }
    let aws = served();
    let script = format!("{mount} && cp /bin/true /mnt/app && exec \"$@\"");
    for command in ["/mnt/app", "app"] {
        let run = sandbox(&aws)
            .env("PATH", "/mnt:/usr/bin:/bin")
            .command([command])
            .through(["unshare", "--mount", "sh", "-c", &script, "sh"])
            .run();
        run.refused(126)
            .says(["\"/mnt/app\"", "its file system is mounted with noexec"])
            .says_nothing_of("chmod");
    }
    assert_eq!(aws.connections(), 0);
}

#[test]
fn a_command_in_the_last_of_500_directories_of_path_is_found() {
    let sandbox = (1..500)
        .fold(local(), |sandbox, number| {
            sandbox.file(&format!("{number}/other"), "")
        })
        .executable("500/the-command", "#!/bin/sh\necho ran\n");
    let directories = (1..=500).map(|number| sandbox.path(number.to_string()));
    let path = std::env::join_paths(directories).unwrap();
    let run = sandbox.env("PATH", path).command(["the-command"]).run();
    run.launched().printed("ran\n");
}

#[test]
fn a_script_is_run_even_if_its_name_is_not_utf8_or_its_content_has_a_nul_byte() {
    let aws = served();
    let nul = sandbox(&aws)
        .executable("script", b"echo ran; exit 7\n\0\0\x01")
        .command(["./script"]);
    nul.run().ended(Status::Exit(7)).printed("ran\n");
    let sandbox = sandbox(&aws).executable("script", "#!/bin/sh\necho ran\n");
    let name = OsStr::from_bytes(b"./scr\xffpt");
    std::fs::rename(sandbox.path("script"), sandbox.path(name)).unwrap();
    sandbox.command([name]).run().launched().printed("ran\n");
}

#[test]
fn a_command_that_the_effective_user_can_execute_is_run_even_if_the_real_user_cannot_execute_it() {
    let user = skip::wrapper(["setpriv", "--ruid=65534"], "another real user");
    let (user, aws) = (or_skip!(user), served());
    let sandbox = sandbox(&aws)
        .executable("script", "#!/bin/cat\n")
        .mode("script", 0o700);
    let run = sandbox.through(user).command(["./script"]).run();
    run.launched().printed("#!/bin/cat\n");
}
