//! Commands that can't be written in a row. `command.rows` has all other tests.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::*;

::rows::rows!("tests/it/cli/command.rows");

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
fn a_command_is_run_if_the_effective_user_can_execute_it_but_not_the_real_user() {
    let user = skip::wrapper(["setpriv", "--ruid=65534"], "another real user");
    let (user, aws) = (or_skip!(user), served());
    let sandbox = sandbox(&aws)
        .executable("script", "#!/bin/cat\n")
        .mode("script", 0o700);
    let run = sandbox.through(user).command(["./script"]).run();
    run.launched().printed("#!/bin/cat\n");
}
