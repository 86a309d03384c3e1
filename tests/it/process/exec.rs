//! The exec of the command: the process stays the same, and the command has its own exit status,
//! and its arguments and environment byte for byte.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::sync::Arc;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::wait::{WaitStatus, waitpid};

use crate::support::outcome::Expectations;
use crate::support::skip::{pid_1, skipped};
use crate::support::*;

#[test]
fn the_command_has_the_same_process_id_as_secrets_exec() {
    let aws = served();
    let run = sandbox(&aws).script("echo $$").run();
    run.launched().printed(format!("{}\n", run.pid));
    let namespace = or_skip!(pid_1());
    let run = sandbox(&aws)
        .through(namespace)
        .script("echo $$ $A; exit 7")
        .prints_values()
        .run();
    run.ended(Status::Exit(7)).printed("1 v-4c7a1e\n");
}

#[test]
fn a_launch_ends_with_the_exit_status_or_the_fatal_signal_of_its_command() {
    let aws = served();
    let exits = [0, 1, 2, 64, 70, 75, 78, 126, 127, 128, 129, 143, 255]
        .map(|n| (format!("exit {n}"), Status::Exit(n)));
    let kills =
        [1, 2, 3, 6, 9, 10, 11, 13, 15].map(|n| (format!("kill -{n} $$"), Status::Signal(n)));
    for (script, status) in exits.into_iter().chain(kills) {
        let run = sandbox(&aws).script(&script).case(script).run();
        run.ended(status);
        assert!(run.stderr.is_empty(), "{run}");
    }
}

#[test]
fn arguments_reach_the_command_byte_for_byte() {
    let aws = served();
    let words = b"| |two words|new\nline|tab\there|$HOME|${A:-x} $A x:k|*|it's \"quoted\" `x` \\|fo\x80o\xff|--|--env|--help|-V|-f|B=x|\xc3\xa4";
    let script = "cat /proc/$$/cmdline; :";
    // The script's own name, `zero`, is among the words that the command must get.
    let mut command: Vec<OsString> = ["sh", "-c", script, "zero"].map(OsString::from).to_vec();
    command.extend(
        words
            .split(|byte| *byte == b'|')
            .map(|word| OsStr::from_bytes(word).to_owned()),
    );
    let mut wanted = Vec::new();
    for word in &command {
        wanted.extend_from_slice(word.as_bytes());
        wanted.push(0);
    }
    let run = sandbox(&aws).command(&command).run();
    run.launched_silently().printed(wanted);
}

/// Runs `cat /proc/self/environ` with entries that `std::process::Command` can't make (duplicates,
/// entries without `=`). The program adds `A`, whose value is the canary.
fn run_with(entries: &[&[u8]]) -> Outcome {
    let secrets = format!(r#"{{"x":"{CANARY}"}}"#);
    watch::local_file(&secrets);
    let sandbox = Sandbox::new().file("local.json", secrets);
    let local = sandbox.path("local.json");
    let program = program();
    let arguments = [
        "timeout",
        "60",
        program.to_str().unwrap(),
        "--no-file",
        "--local",
        local.to_str().unwrap(),
        "-e",
        "A=x",
        "--",
        "/bin/cat",
        "/proc/self/environ",
    ];
    let arguments = arguments.map(|argument| CString::new(argument).unwrap());
    let entries = entries.iter().map(|entry| CString::new(*entry).unwrap());
    let entries: Vec<CString> = entries.collect();
    let directory = Directory::new();
    let files = ["output", "errors"].map(|name| directory.path().join(name));
    let outputs = files.each_ref().map(|path| File::create(path).unwrap());
    let mut actions = PosixSpawnFileActions::init().unwrap();
    actions.add_dup2(outputs[0].as_raw_fd(), 1).unwrap();
    actions.add_dup2(outputs[1].as_raw_fd(), 2).unwrap();
    let wrapper = c"/usr/bin/timeout";
    let attributes = PosixSpawnAttr::init().unwrap();
    let pid = posix_spawn(wrapper, &actions, &attributes, &arguments, &entries).unwrap();
    let WaitStatus::Exited(_, code) = waitpid(pid, None).unwrap() else {
        panic!("it didn't exit");
    };
    let [stdout, stderr] = files.map(|path| fs::read(path).unwrap());
    let outcome = Outcome {
        case: String::new(),
        pid,
        status: Status::Exit(code),
        stdout,
        stderr,
        scene: Arc::default(),
    };
    outcome.keeps_to(&Expectations {
        prints_values: true,
        ..Expectations::default()
    });
    outcome
}

#[test]
fn a_malformed_inherited_environment_causes_no_crash_and_no_name_reaches_the_command_twice() {
    let run = run_with(&[
        b"TWICE=first",
        b"B=1",
        b"A=first",
        b"TWICE=second",
        b"A=second",
    ]);
    run.launched().has("B", "1").has("A", CANARY);
    assert_eq!(run.names(), ["A", "B", "TWICE"]);
    let run = run_with(&[b"NOEQUALS", b"", b"=", b"=x", b"B=1"]);
    run.launched().has("A", CANARY).has("B", "1");
    let run = run_with(&[]);
    run.launched().has("A", CANARY);
    assert_eq!(run.names(), ["A"]);
}

#[test]
fn a_dynamic_binary_built_on_debian_12_runs_with_the_older_glibc_of_amazon_linux_2023() {
    let table = Command::new("readelf")
        .args(["--wide", "--dynamic", "--version-info"])
        .arg(program())
        .output();
    let Ok(table) = table else {
        return skipped("libraries: readelf isn't installed");
    };
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("ynamic section"), "{table}");
    let libraries = ["[libc.so.", "[libgcc_s.so.", "[libm.so.", "[ld-linux"];
    for library in table.lines().filter(|line| line.contains("(NEEDED)")) {
        assert!(
            libraries.iter().any(|name| library.contains(name)),
            "{library}"
        );
    }
    // The README names Debian 12 (glibc 2.36) and Amazon Linux 2023 (2.34).
    let minor = |rest: &str| {
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse::<u32>()
            .ok()
    };
    let newest = table.split("GLIBC_2.").skip(1).filter_map(minor).max();
    let host = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let own = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .trim()
            .strip_prefix("glibc 2.")?
            .parse::<u32>()
            .ok()
    };
    match host.ok().and_then(|host| own(&host.stdout)) {
        Some(minor) if minor <= 36 => {
            assert!(
                newest <= Some(34),
                "glibc 2.{} is needed\n{table}",
                newest.unwrap_or_default()
            )
        }
        _ => skipped("the oldest glibc: this machine's is newer than Debian 12's, or not glibc"),
    }
}
