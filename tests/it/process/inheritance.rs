//! What the command inherits: the same signals, descriptors, limits and session that it would have
//! without the program.

use crate::rotation::restarting;
use crate::support::*;

::rows::rows!("tests/it/process/inheritance.rows");

/// Asserts that the command prints the same with the program and without it.
fn assert_same_output(sandbox: &Sandbox) -> String {
    let with = sandbox.run().launched_silently().stdout();
    let without = sandbox.control().launched().stdout();
    assert!(!without.is_empty());
    assert_eq!(with, without);
    with
}

/// The standard signals in a mask of /proc/self/status. The C library reserves some of the other
/// signals.
fn standard_signals(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    u64::from_str_radix(line.unwrap().trim_start_matches(':').trim(), 16).unwrap() & 0x7fff_ffff
}

#[test]
fn the_command_ignores_and_blocks_the_same_signals_as_without_secrets_exec() {
    const SIGPIPE: u64 = 1 << (13 - 1);
    // All other signals that have a special meaning here.
    let several = "--ignore-signal=HUP,INT,QUIT,TERM,TTOU,USR1,CHLD,SEGV";
    let blocking = "--block-signal=TTIN,ILL,TERM,INT,USR2,CHLD,PIPE";
    let aws = served();
    for (option, ignored, blocked) in [
        ("--default-signal=PIPE", Some(0), Some(0)),
        ("--ignore-signal=PIPE", Some(SIGPIPE), Some(0)),
        (several, None, Some(0)),
        (blocking, Some(0), None),
    ] {
        let wrapper = ["env", option];
        let wrapper = or_skip!(skip::wrapper(wrapper, "ignored and blocked signals"));
        let with_file = sandbox(&aws).args(["--as-file", "F=x:k"]);
        for launch in [sandbox(&aws), with_file, restarting(&aws)] {
            let masks = "^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt):";
            let launch = launch.command(["grep", "-E", masks, "/proc/self/status"]);
            let status = assert_same_output(&launch.through(wrapper));
            for (name, expected) in [("SigIgn", ignored), ("SigBlk", blocked)] {
                let found = standard_signals(&status, name);
                let is_expected = expected.map_or(found != 0, |expected| found == expected);
                assert!(is_expected, "{option}: {status}");
            }
        }
    }
}

#[test]
fn the_command_inherits_descriptors_limits_privileges_and_directory_unchanged() {
    const STATUS: &str = "exec grep -E '^(Umask|Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|THP_enabled|Threads):' \
        /proc/self/status";
    const MORE: &str = "cat <&3; exec ls /proc/self/fd";
    let aws = served();
    for (preparation, command) in [
        ("", "exec ls /proc/self/fd"),
        ("exec 3<below/file 5</dev/zero 9>>appended", MORE),
        ("ulimit -c 0; ulimit -n 200", "exec cat /proc/self/limits"),
        ("umask 027", STATUS),
        ("cd below", "pwd -P; ls"),
        ("set -- nice -n 5 \"$@\"", "exec nice"),
    ] {
        for launch in [sandbox(&aws), restarting(&aws)] {
            let launch = launch
                .file("below/file", "text\n")
                .prepared_by(&format!("{preparation}\nexec \"$@\""));
            assert_same_output(&launch.script(command).case(preparation));
        }
    }
}

#[test]
fn the_command_has_the_same_parent_process_group_session_and_terminal_and_no_child() {
    let aws = served();
    let sandbox = sandbox(&aws).command(["cat", "/proc/self/stat", "/proc/thread-self/children"]);
    // The fields are state, parent, process group, session, terminal, and the terminal's foreground
    // group.
    let [with, without] = [sandbox.run(), sandbox.control()].map(|run| {
        let stat = run.launched().stdout();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        // The list of children is empty.
        assert!(fields.ends_with('\n'), "{run}");
        let fields: Vec<&str> = fields.split(' ').take(6).collect();
        fields.join(" ").replace(&run.pid.to_string(), "PID")
    });
    assert_eq!(with, without);
    assert!(with.contains(" PID "), "{with}");
}
