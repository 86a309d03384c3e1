//! What the command inherits: the same signals, descriptors, limits and session that it would have
//! without the program.

use crate::support::*;

::rows::rows!("tests/it/process/inheritance.rows");

/// Asserts that the command prints the same with the program and without it.
fn assert_same_output(state: impl FnOnce(Sandbox) -> Sandbox) -> String {
    let aws = served();
    let sandbox = state(sandbox(&aws));
    let with = sandbox.run().launched_silently().stdout();
    let without = sandbox.control().launched().stdout();
    assert!(!without.is_empty());
    assert_eq!(with, without);
    with
}

/// A command that prints the lines of /proc/self/status whose names match a pattern.
fn status_lines(pattern: &str) -> [String; 4] {
    let pattern = format!("^({pattern}):");
    ["grep", "-E", &pattern, "/proc/self/status"].map(str::to_owned)
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
    let several = "HUP,INT,QUIT,TERM,TTOU,USR1,CHLD,SEGV";
    for (option, ignored, blocked) in [
        ("--default-signal=PIPE", Some(0), Some(0)),
        ("--ignore-signal=PIPE", Some(SIGPIPE), Some(0)),
        (&format!("--ignore-signal={several}"), None, Some(0)),
        (
            "--block-signal=TTIN,ILL,TERM,INT,USR2,CHLD,PIPE",
            Some(0),
            None,
        ),
    ] {
        let wrapper = or_skip!(skip::wrapper(
            ["env", option],
            "ignored and blocked signals"
        ));
        let state = status_lines("SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt");
        let status = assert_same_output(|sandbox| sandbox.through(wrapper).command(state));
        for (name, expected) in [("SigIgn", ignored), ("SigBlk", blocked)] {
            let found = standard_signals(&status, name);
            assert!(
                expected.map_or(found != 0, |expected| found == expected),
                "{option}: {status}"
            );
        }
    }
}

#[test]
fn the_command_has_the_same_descriptors_limits_privileges_and_directory_as_without_secrets_exec() {
    let privileges = "Umask|Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|THP_enabled|Threads";
    for (preparation, command) in [
        ("exec \"$@\"", "exec ls /proc/self/fd".to_owned()),
        (
            "exec \"$@\" 3<below/file 5</dev/zero 9>>appended",
            "cat <&3; exec ls /proc/self/fd".to_owned(),
        ),
        (
            "ulimit -c 0; ulimit -n 200; exec \"$@\"",
            "exec cat /proc/self/limits".to_owned(),
        ),
        (
            "umask 027; exec \"$@\"",
            format!("exec grep -E '^({privileges}):' /proc/self/status"),
        ),
        ("cd below; exec \"$@\"", "pwd -P; ls".to_owned()),
        ("exec nice -n 5 \"$@\"", "exec nice".to_owned()),
    ] {
        assert_same_output(|sandbox| {
            sandbox
                .file("below/file", "text\n")
                .prepared_by(preparation)
                .script(&command)
                .case(preparation)
        });
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
