//! The exec of the command, which has its own exit status, and gets its arguments byte for byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::rotation::restarting;
use crate::support::*;

::rows::rows!("tests/it/process/exec.rows");

#[test]
fn a_launch_ends_with_the_exit_status_or_the_fatal_signal_of_its_command() {
    let aws = served();
    let assert_ends = |launch: Sandbox, script: &str, status| {
        let run = launch.script(script).case(script).run();
        run.ended(status);
        assert!(run.stderr.is_empty(), "{run}");
    };
    for number in [0, 1, 2, 64, 70, 75, 78, 126, 127, 128, 129, 143, 255] {
        let script = format!("exit {number}");
        assert_ends(sandbox(&aws), &script, Status::Exit(number));
        assert_ends(restarting(&aws), &script, Status::Exit(number));
    }
    for number in [1, 2, 3, 6, 9, 10, 11, 13, 15, 31, 35, 64] {
        let script = format!("kill -{number} $$");
        assert_ends(sandbox(&aws), &script, Status::Signal(number));
        assert_ends(restarting(&aws), &script, Status::Exit(128 + number));
    }
}

#[test]
fn arguments_reach_the_command_byte_for_byte() {
    // A shell would change the first two, and secrets-exec could take the others for its own.
    let arguments: [&[u8]; 10] = [
        b"",
        b"two words\n\t$HOME ${A:-x} x:k * it's \"quoted\" `x` \\ | {a,b} ~",
        b"fo\x80o\xff",
        b"--",
        b"--env",
        b"--help",
        b"-V",
        b"-f",
        b"B=x",
        b"\xc3\xa4",
    ];
    let mut words = ["sh", "-c", "cat /proc/$$/cmdline; :", "zero"]
        .map(str::as_bytes)
        .to_vec();
    words.extend(arguments);
    let mut expected = words.join(&0);
    expected.push(0);

    let aws = served();
    let command = words.iter().map(|word| OsStr::from_bytes(word));
    let run = sandbox(&aws).command(command).run();
    run.launched_silently().printed(expected);
}
