//! The exec of the command, which has its own exit status, and gets its arguments byte for byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::rotation::restarting;
use crate::support::skip::skipped;
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
    let aws = served();
    let words = b"| |two words|new\nline|tab\there|$HOME|${A:-x} $A x:k|*|it's \"quoted\" `x` \\|fo\x80o\xff|--|--env|--help|-V|-f|B=x|\xc3\xa4";
    // The script's own name, `zero`, is among the words that the command must get.
    let command = ["sh", "-c", "cat /proc/$$/cmdline; :", "zero"].map(str::as_bytes);
    let command = [
        &command[..],
        &words.split(|b| *b == b'|').collect::<Vec<_>>(),
    ]
    .concat();
    let run = sandbox(&aws).command(command.iter().map(|word| OsStr::from_bytes(word)));
    let terminated = command.iter().flat_map(|word| [word, &b"\0"[..]].concat());
    run.run()
        .launched_silently()
        .printed(terminated.collect::<Vec<u8>>());
}

#[test]
fn a_dynamic_binary_built_on_debian_12_runs_with_the_older_glibc_of_amazon_linux_2023() {
    let options = ["--wide", "--dynamic", "--version-info"];
    let Ok(table) = Command::new("readelf")
        .args(options)
        .arg(program())
        .output()
    else {
        return skipped("libraries: readelf isn't installed");
    };
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("ynamic section"), "{table}");
    let libraries = ["[libc.so.", "[libgcc_s.so.", "[libm.so.", "[ld-linux"];
    for library in table.lines().filter(|line| line.contains("(NEEDED)")) {
        let is_known = libraries.iter().any(|name| library.contains(name));
        assert!(is_known, "{library}");
    }
    // The README names Debian 12 (glibc 2.36) and Amazon Linux 2023 (2.34).
    let minor = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    let newest: Option<u32> = table.split("GLIBC_2.").skip(1).filter_map(minor).max();
    let host = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let host = host.map(|host| String::from_utf8_lossy(&host.stdout).into_owned());
    let own = host
        .unwrap_or_default()
        .split_once("glibc 2.")
        .and_then(|(_, rest)| minor(rest));
    match own {
        Some(own) if own <= 36 => assert!(newest <= Some(34), "2.{newest:?} is needed\n{table}"),
        _ => skipped("the oldest glibc: this machine's is newer than Debian 12's, or not glibc"),
    }
}
