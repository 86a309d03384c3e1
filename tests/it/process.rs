//! The exec of the command: the same process, its own exit status, its arguments and environment byte for byte.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::raw;
use crate::support::sandbox::{CANARY, program, sandbox};
use crate::support::skip::skipped;

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#))
}

#[test]
fn the_command_is_the_same_process() {
    let aws = served();
    let run = sandbox(&aws).script("echo $$").run();
    run.launched().printed(format!("{}\n", run.pid));
}

#[test]
fn every_exit_status_is_the_commands_own() {
    let aws = served();
    for status in 0..=255 {
        let sandbox = sandbox(&aws).script(&format!("exit {status}"));
        let run = sandbox.run();
        run.ended(Status::Exit(status));
        assert!(run.stderr.is_empty(), "{run}");
    }
}

#[test]
fn the_death_of_the_command_by_a_signal_is_our_own() {
    let aws = served();
    for (name, number) in [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("PIPE", 13),
        ("TERM", 15),
    ] {
        let run = sandbox(&aws).script(&format!("kill -{name} $$")).run();
        run.ended(Status::Signal(number));
    }
}

#[test]
fn a_signal_sent_after_the_launch_reaches_the_command() {
    let aws = served();
    let sandbox = sandbox(&aws).script("trap 'echo got TERM; exit 7' TERM; kill -TERM $$; sleep 60");
    let run = sandbox.run();
    run.ended(Status::Exit(7)).printed("got TERM\n");
}

#[test]
fn arguments_reach_the_command_byte_for_byte() {
    let aws = served();
    let words: [&[u8]; 14] = [
        b"",
        b" ",
        b"two words",
        b"new\nline",
        b"tab\there",
        b"$HOME",
        b"${HOME:-x}",
        b"*",
        b"it's \"quoted\" `x` \\",
        b"fo\x80o\xff",
        b"--",
        b"--env",
        b"-f",
        "äöü€".as_bytes(),
    ];
    let script = "cat /proc/$$/cmdline; :";
    let mut command: Vec<OsString> = ["/bin/sh", "-c", script, "zero"].map(OsString::from).to_vec();
    command.extend(words.iter().map(|word| OsStr::from_bytes(word).to_owned()));
    let mut wanted = Vec::new();
    for word in &command {
        wanted.extend_from_slice(word.as_bytes());
        wanted.push(0);
    }
    let run = sandbox(&aws).command(&command).run();
    run.launched_silently().printed(wanted);
}

#[test]
fn the_command_is_called_by_the_name_it_was_given() {
    let aws = served();
    let script = ["sh", "-c", "cat /proc/$$/cmdline | cut -d '' -f 1 | tr -d '\\0'; :"];
    let run = sandbox(&aws).command(script).run();
    assert!(run.launched().stdout().starts_with("sh"), "{run}");
}

#[test]
fn an_option_after_the_command_is_the_commands() {
    let aws = served();
    let run = sandbox(&aws).command(["echo", "--help", "-V", "--", "-e", "B=x"]).run();
    run.launched().printed("--help -V -- -e B=x\n");
}

#[test]
fn no_word_of_the_command_is_expanded() {
    let aws = served();
    let run = sandbox(&aws).command(["echo", "$A ${A} x:k"]).run();
    run.launched().printed("$A ${A} x:k\n");
}

#[test]
fn an_inherited_name_that_is_there_twice_appears_once() {
    let run = raw::run(&[b"TWICE=first", b"B=1", b"TWICE=second"]);
    let run = run.launched();
    let names = run.names();
    assert_eq!(names.iter().filter(|name| *name == "TWICE").count(), 1);
    run.has("B", "1").has("A", CANARY);
}

#[test]
fn a_resolved_name_that_is_inherited_twice_appears_once() {
    let run = raw::run(&[b"A=first", b"A=second"]);
    run.launched().has("A", CANARY);
}

#[test]
fn an_entry_without_an_equals_sign_is_no_crash() {
    let run = raw::run(&[b"NOEQUALS", b"", b"=", b"=x", b"B=1"]);
    run.launched().has("A", CANARY).has("B", "1");
}

#[test]
fn an_empty_environment_is_no_crash() {
    let run = raw::run(&[]);
    run.launched().has("A", CANARY);
    assert_eq!(run.names(), ["A"]);
}

#[test]
fn a_dynamic_build_of_debian_12_runs_on_amazon_linux_2023() {
    let table = Command::new("readelf").args(["--wide", "--dynamic", "--version-info"]).arg(program()).output();
    let Ok(table) = table else { return skipped("libraries: readelf is not installed") };
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("ynamic section"), "{table}");
    let known = ["[libc.so.", "[libgcc_s.so.", "[libm.so.", "[ld-linux"];
    for library in table.lines().filter(|line| line.contains("(NEEDED)")) {
        assert!(known.iter().any(|known| library.contains(known)), "{library}");
    }
    // The README names Debian 12 (glibc 2.36) and Amazon Linux 2023 (2.34).
    let minor = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok();
    let newest = table.split("GLIBC_2.").skip(1).filter_map(minor).max();
    let host = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let own = |text: &[u8]| String::from_utf8_lossy(text).trim().strip_prefix("glibc 2.")?.parse::<u32>().ok();
    match host.ok().and_then(|host| own(&host.stdout)) {
        Some(minor) if minor <= 36 => {
            assert!(newest <= Some(34), "glibc 2.{} is needed\n{table}", newest.unwrap_or_default())
        }
        _ => skipped("the oldest glibc: this machine's is newer than Debian 12's, or not glibc"),
    }
}
