//! Files with a path: they are replaced before a restart or before the signal of `signal=NAME`. At
//! the end they are removed, unless another process has replaced them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::identity::await_all_ended;

/// Records the file and a variable at its start, and the file again at each SIGHUP.
const READER: &str = "exec 2>/dev/null; trap 'echo hup $(cat file) >> record' HUP; \
                      echo start $(cat file) $$ [$O] >> record; while :; do sleep 1000 & wait $!; done";

const DECLARATION: &str = "\
env:
  A: { from: \"z:k\" }
  O: { from: \"y:k\", optional: true }
files:
  - { from: \"x:k\", path: file }
  - { from: \"y:k\", path: optional, optional: true }
";

/// A service with the secrets `x` and `z`, each in its first version. The optional secret `y`
/// doesn't exist yet.
fn two_versioned() -> Aws {
    first_version().secret("z", secret("u1", "one-4c7a1e"))
}

/// A run of [`READER`] with the files of the declaration.
fn run_of_reader(aws: &Aws, mode: &str) -> Sandbox {
    polled_on_request(Sandbox::new().aws(aws).declaration(DECLARATION), mode).script(READER)
}

/// The names in the working directory, without those that the test has made.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let mut names = sandbox.names_in("");
    names.retain(|name| !["record", "secrets-exec.yaml", "app"].contains(&name.as_str()));
    names
}

/// Waits for the end of the run, and asserts that no file is left.
fn assert_no_file_is_left(run: Rotating, status: i32) -> Outcome {
    let outcome = run.running.wait();
    outcome.ended(Status::Exit(status));
    assert_eq!(names(&run.sandbox), [""; 0], "{outcome}");
    outcome
}

#[test]
fn a_restarted_command_has_the_new_values_and_no_old_file_is_left() {
    let aws = two_versioned();
    let run = Rotating::start(run_of_reader(&aws, "restart"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.await_lines(2)[1][1], "two-4c7a1e");
    // The file of an optional entry appears and disappears with its secret.
    aws.rotate("y", secret("w1", "there-4c7a1e"));
    run.poll(&aws);
    assert_eq!(run.await_lines(3)[2][3], "[there-4c7a1e]");
    assert_eq!(run.text("optional"), "there-4c7a1e");
    aws.delete("y");
    run.poll(&aws);
    assert_eq!(run.await_lines(4)[3][3], "[]");
    let is_alone = || names(&run.sandbox) == ["file"];
    record::await_fact("the removal of the replaced files", is_alone);
    run.end();
}

#[test]
fn with_on_rotation_files_with_values_are_removed_at_any_end() {
    let aws = two_versioned();
    for mode in ["restart", "exit", "signal=HUP"] {
        let run = Rotating::start(run_of_reader(&aws, mode));
        assert_eq!(names(&run.sandbox), ["file"]);
        run.running.signal(Signal::SIGTERM);
        assert_no_file_is_left(run, 143);
    }
    // The command ends by itself.
    let sandbox = run_of_reader(&aws, "restart").script("echo start >> record; exit 4");
    assert_no_file_is_left(Rotating::start(sandbox), 4);
    // It isn't an error if the directory of a file is gone.
    let sandbox = run_of_reader(&aws, "restart")
        .file("sub/x", "")
        .declaration("files: [{ from: \"x:k\", path: sub/file }]\n");
    let run = sandbox.script("cat sub/file && rm -r sub").prints_values();
    run.run().launched().says_nothing_of("no such file");
    // The run ends for a change.
    let run = Rotating::start(run_of_reader(&aws, "exit"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_no_file_is_left(run, 75);
    // The first start of the command fails.
    let sandbox = run_of_reader(&aws, "restart")
        .file("file", "before")
        .executable("app", "#!/no/such/interpreter\n");
    let sandbox = sandbox.command(["./app"]);
    sandbox.run().ended(Status::Exit(126));
    assert_eq!(names(&sandbox), [""; 0]);
}

#[test]
fn a_command_whose_program_file_is_gone_is_not_stopped_for_new_values() {
    let aws = two_versioned();
    let sandbox = run_of_reader(&aws, "restart");
    let sandbox = sandbox.executable("app", format!("#!/bin/sh\n{READER}\n"));
    let run = Rotating::start(sandbox.command(["./app"]));
    fs::remove_file(run.sandbox.path("app")).unwrap();
    run.rotate(&aws, "v2", "two-4c7a1e");
    run.end()
        .says(["a poll failed, so \"./app\" keeps its values: the file \"./app\" doesn't exist"]);
}

#[test]
fn a_file_that_another_process_has_put_in_place_of_a_written_file_is_not_removed() {
    let aws = two_versioned();
    let run = Rotating::start(run_of_reader(&aws, "restart"));
    fs::write(run.sandbox.path("theirs"), "theirs").unwrap();
    fs::rename(run.sandbox.path("theirs"), run.sandbox.path("file")).unwrap();
    run.running.signal(Signal::SIGTERM);
    run.running.wait();
    let file = fs::read_to_string(run.sandbox.path("file"));
    assert_eq!(file.unwrap(), "theirs");
}

#[test]
fn if_a_file_cannot_be_replaced_the_restart_or_the_signal_waits_for_the_next_poll() {
    for (mode, word) in [("restart", "start"), ("signal=HUP", "hup")] {
        let aws = two_versioned();
        let run = Rotating::start(run_of_reader(&aws, mode));
        let file = run.sandbox.path("file");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        run.rotate(&aws, "v2", "two-4c7a1e");
        fs::remove_dir(&file).unwrap();
        run.poll(&aws);
        assert_eq!(run.await_lines(2)[1][..2], [word, "two-4c7a1e"]);
        let failure = "a poll failed, so \"/bin/sh\" keeps its values";
        run.end().says([failure, "directory"]);
    }
}

#[test]
fn the_file_has_its_new_value_when_the_command_gets_the_signal() {
    let aws = two_versioned();
    let run = Rotating::start(run_of_reader(&aws, "signal=HUP"));
    let open = fs::File::open(run.sandbox.path("file")).unwrap();
    let before = open.metadata().unwrap().ino();
    // A variable of a running command can't change, so this doesn't cause a signal.
    aws.rotate("z", secret("u2", "two-4c7a1e"));
    run.poll(&aws);
    for (at, version, value) in [(1, "v2", "two-4c7a1e"), (2, "v3", "three-4c7a1e")] {
        run.rotate(&aws, version, value);
        assert_eq!(run.await_lines(at + 1)[at], ["hup", value]);
    }
    // A process that has the old file open can still read all of it, although the file doesn't have
    // a name any more.
    assert_eq!(std::io::read_to_string(&open).unwrap(), "one-4c7a1e");
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    let after = fs::metadata(run.sandbox.path("file")).unwrap().ino();
    assert_ne!(after, before);
    let note = "note: \"/bin/sh\" got SIGHUP, because file changed (the secret \"x\", version";
    run.end().ended(Status::Exit(143)).says([note]);
}

/// A run in which a system call takes a minute. `call` may restrict that to the second call of a
/// process. Returns `None` if strace isn't installed.
fn with_slow_call(aws: &Aws, mode: &str, call: &str) -> Option<Sandbox> {
    let inject = format!("inject={call}:delay_enter=60000000");
    let strace = ["strace", "-D", "-f", "-o", "/dev/null", "-e", &inject];
    let strace = skip::wrapper(strace, "a system call that doesn't return")?;
    Some(run_of_reader(aws, mode).through(strace))
}

/// Waits for the end of secrets-exec, lets its launch process return from the system call, and
/// asserts that this process has then ended, too.
fn assert_launch_ends(launch: &str, run: Rotating, status: Status) {
    await_all_ended(&[run.running.proc("")]);
    let process = fs::read_to_string(format!("/proc/{launch}/status")).unwrap();
    let mut lines = process.lines();
    let tracer = lines.find_map(|line| line.strip_prefix("TracerPid:\t"));
    kill_process(tracer.unwrap());
    // The end of the output shows that no process is left.
    run.running.wait().ended(status);
    let names = names(&run.sandbox);
    let has_temporary_file = names.iter().any(|name| name.starts_with('.'));
    assert!(!has_temporary_file, "{names:?}");
}

fn kill_process(id: &str) {
    kill(Pid::from_raw(id.parse().unwrap()), Signal::SIGKILL).unwrap();
}

#[test]
fn with_on_rotation_a_file_system_that_hangs_does_not_delay_the_end_of_secrets_exec() {
    let aws = two_versioned();
    // The first launch has only one file to rename, so its call isn't delayed.
    let sandbox = or_skip!(with_slow_call(&aws, "signal=HUP", "renameat:when=2"));
    let run = Rotating::start(sandbox);
    aws.rotate("y", secret("w1", "there-4c7a1e"));
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    let is_replaced = || run.text("file") == "two-4c7a1e";
    record::await_fact("the first of two files", is_replaced);
    let launch = run.children().remove(1);
    kill_process(&run.command(0));
    assert_launch_ends(&launch, run, Status::Exit(137));

    let sandbox = or_skip!(with_slow_call(&aws, "restart", "fchmod"));
    let run = Rotating {
        running: sandbox.spawn(),
        sandbox,
    };
    let is_temporary = |name: &String| name.starts_with(".file.");
    record::await_fact("a temporary file", || {
        names(&run.sandbox).iter().any(is_temporary)
    });
    let launch = run.children().remove(0);
    run.running.signal(Signal::SIGTERM);
    assert_launch_ends(&launch, run, Status::Signal(15));
}

#[test]
fn pid_1_waits_with_its_end_until_a_poll_has_removed_its_temporary_file() {
    let aws = two_versioned();
    let namespace = or_skip!(skip::pid_1());
    // Only a poll makes this call more than once.
    let delay = "inject=unlinkat:when=2+:delay_enter=300000";
    let strace = ["strace", "-D", "-f", "-o", "/dev/null", "-e", delay];
    let strace = or_skip!(skip::wrapper(strace, "a slow system call"));
    let sandbox = run_of_reader(&aws, "exit").through([&strace[..], &namespace].concat());
    let run = Rotating::start(sandbox);
    aws.rotate("y", secret("w1", "there-4c7a1e"));
    kill(run.running.child(), Signal::SIGUSR2).unwrap();
    assert_no_file_is_left(run, 75);
}
