//! Inheritance of the process: the command has the signals, descriptors, limits and session that it would have without
//! the program.

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::sandbox::Sandbox;
use crate::support::skip;

/// Asserts that the command prints the same with the program and without it.
fn sees_the_same(state: impl FnOnce(Sandbox) -> Sandbox) -> String {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = state(Sandbox::new().aws(&aws).resolve("A=x:k"));
    let with = sandbox.run().launched_silently().stdout();
    let without = sandbox.control().launched().stdout();
    assert!(!without.is_empty());
    assert_eq!(with, without);
    with
}

fn status_lines(pattern: &str) -> [String; 4] {
    let pattern = format!("^({pattern}):");
    ["grep", "-E", &pattern, "/proc/self/status"].map(str::to_owned)
}

fn signal_state() -> [String; 4] {
    status_lines("SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt")
}

/// The standard signals of a mask in /proc/self/status; the C library reserves some of the others.
fn bits(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    u64::from_str_radix(line.unwrap().trim_start_matches(':').trim(), 16).unwrap() & 0x7fff_ffff
}

const SIGPIPE: u64 = 1 << (13 - 1);

#[test]
fn without_special_signals_all_are_at_their_defaults() {
    let status = sees_the_same(|sandbox| sandbox.command(signal_state()));
    assert_eq!(bits(&status, "SigIgn"), 0);
    assert_eq!(bits(&status, "SigBlk"), 0);
}

#[test]
fn a_default_sigpipe_stays_default() {
    let status = sees_the_same(|sandbox| sandbox.command(signal_state()));
    assert_eq!(bits(&status, "SigIgn") & SIGPIPE, 0);
}

#[test]
fn an_ignored_sigpipe_stays_ignored() {
    let wrapper = ["env", "--ignore-signal=PIPE"];
    if !skip::can(&[wrapper[0], wrapper[1], "true"], "an ignored SIGPIPE") {
        return;
    }
    let status = sees_the_same(|sandbox| sandbox.through(wrapper).command(signal_state()));
    assert_eq!(bits(&status, "SigIgn"), SIGPIPE);
}

#[test]
fn ignored_signals_stay_ignored() {
    let wrapper = ["env", "--ignore-signal=HUP,INT,QUIT,TERM,TTOU,USR1,CHLD,SEGV"];
    if !skip::can(&[wrapper[0], wrapper[1], "true"], "ignored signals") {
        return;
    }
    let status = sees_the_same(|sandbox| sandbox.through(wrapper).command(signal_state()));
    assert_ne!(bits(&status, "SigIgn"), 0);
}

#[test]
fn blocked_signals_stay_blocked() {
    let wrapper = ["env", "--block-signal=TTIN,ILL,TERM,INT,USR2,CHLD,PIPE"];
    if !skip::can(&[wrapper[0], wrapper[1], "true"], "blocked signals") {
        return;
    }
    let status = sees_the_same(|sandbox| sandbox.through(wrapper).command(signal_state()));
    assert_ne!(bits(&status, "SigBlk"), 0);
}

#[test]
fn no_descriptor_is_added() {
    sees_the_same(|sandbox| sandbox.command(["ls", "/proc/self/fd"]));
}

#[test]
fn an_inherited_descriptor_is_kept() {
    let content = sees_the_same(|sandbox| {
        sandbox.file("three", "the third\n").prepared_by("exec \"$@\" 3<three").script("cat <&3")
    });
    assert_eq!(content, "the third\n");
}

#[test]
fn every_inherited_descriptor_is_kept_and_none_is_added() {
    sees_the_same(|sandbox| {
        sandbox.prepared_by("exec \"$@\" 3</dev/null 5</dev/zero 9>>appended").command(["ls", "/proc/self/fd"])
    });
}

#[test]
fn limits_are_as_inherited() {
    sees_the_same(|sandbox| {
        sandbox.prepared_by("ulimit -c 0; ulimit -n 200; exec \"$@\"").command(["cat", "/proc/self/limits"])
    });
}

#[test]
fn credentials_capabilities_and_privileges_are_as_inherited() {
    sees_the_same(|sandbox| {
        sandbox.prepared_by("umask 027; exec \"$@\"").command(status_lines(
            "Umask|Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp|THP_enabled",
        ))
    });
}

#[test]
fn the_working_directory_is_as_inherited() {
    sees_the_same(|sandbox| sandbox.file("below/file", "").prepared_by("cd below; exec \"$@\"").script("pwd -P; ls"));
}

#[test]
fn the_nice_value_is_as_inherited() {
    let nice = sees_the_same(|sandbox| sandbox.through(["nice", "-n", "5"]).command(["nice"]));
    assert!(!nice.trim().is_empty());
}

#[test]
fn parent_process_group_session_and_terminal_are_as_inherited() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    let sandbox = sandbox.command(["cat", "/proc/self/stat"]);
    // State, parent, process group, session, terminal, its foreground group.
    let [with, without] = [sandbox.run(), sandbox.control()].map(|run| {
        let stat = run.launched().stdout();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = fields.split(' ').take(6).collect();
        fields.join(" ").replace(&run.pid.to_string(), "PID")
    });
    assert_eq!(with, without);
    assert!(with.contains(" PID "), "{with}");
}

#[test]
fn neither_a_thread_nor_a_child_stays_behind() {
    let threads = sees_the_same(|sandbox| sandbox.command(status_lines("Threads")));
    assert_eq!(threads, "Threads:\t1\n");
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let sandbox = Sandbox::new().aws(&aws).resolve("A=x:k");
    let run = sandbox.command(["cat", "/proc/thread-self/children"]).run();
    run.launched().printed("");
}

#[test]
fn socket_activation_is_left_intact() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = Sandbox::new()
        .aws(&aws)
        .resolve("A=x:k")
        .args(["--clean-env"])
        .file("socket", "the socket\n")
        .prepared_by("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$@\" 3<socket")
        .script("echo $((LISTEN_PID == $$)) $LISTEN_FDS $LISTEN_FDNAMES; cat <&3")
        .run();
    run.launched_silently().printed("1 1 web\nthe socket\n");
}

#[test]
fn the_notify_socket_and_the_watchdog_are_left_intact() {
    let aws = Aws::start().secret("x", Secret::json(r#"{"k":"v"}"#));
    let run = Sandbox::new()
        .aws(&aws)
        .resolve("A=x:k")
        .env("NOTIFY_SOCKET", "@/org/example/notify")
        .prepared_by("WATCHDOG_PID=$$ WATCHDOG_USEC=1000000 exec \"$@\"")
        .script("echo $NOTIFY_SOCKET $((WATCHDOG_PID == $$)) $WATCHDOG_USEC")
        .run();
    run.launched_silently().printed("@/org/example/notify 1 1000000\n");
}
