//! Files with a path: replaced before a start or before the signal of `signal=NAME`, and removed at the end if they are still ours.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;

/// Records the file and a variable at its start and at each SIGHUP.
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

fn two_versioned() -> Aws {
    first_version().secret("z", secret("u1", "one-4c7a1e"))
}

fn reading(aws: &Aws, mode: &str) -> Sandbox {
    polled_on_request(Sandbox::new().aws(aws).declaration(DECLARATION), mode).script(READER)
}

/// The names in the working directory, without those that the test has made.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let mut names = sandbox.names_in("");
    names.retain(|name| !["record", "secrets-exec.yaml", "app"].contains(&name.as_str()));
    names
}

/// Waits for the end, and asserts that no file is left.
fn leaves_none(run: Rotating, status: i32) -> Outcome {
    let Rotating { sandbox, running } = run;
    let outcome = running.wait();
    outcome.ended(Status::Exit(status));
    assert_eq!(names(&sandbox), [""; 0], "{outcome}");
    outcome
}

#[test]
fn a_restarted_command_has_files_and_variables_with_the_new_values_and_no_old_copy_is_left() {
    let aws = two_versioned();
    let run = Rotating::start(reading(&aws, "restart"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    assert_eq!(run.awaits(2)[1][1], "two-4c7a1e");
    // An optional entry comes and goes with its secret.
    aws.rotate("y", secret("w1", "there-4c7a1e"));
    run.poll(&aws);
    assert_eq!(run.awaits(3)[2][3], "[there-4c7a1e]");
    assert_eq!(run.text("optional"), "there-4c7a1e");
    aws.delete("y");
    run.poll(&aws);
    assert_eq!(run.awaits(4)[3][3], "[]");
    record::await_fact("the removal of the replaced files", || {
        names(&run.sandbox) == ["file"]
    });
    run.end();
}

#[test]
fn delivered_files_are_removed_when_the_run_ends_by_signal_by_itself_or_for_a_change() {
    let aws = two_versioned();
    for mode in ["restart", "exit", "signal=HUP"] {
        let run = Rotating::start(reading(&aws, mode));
        assert!(run.has("file"));
        run.running.signal(Signal::SIGTERM);
        leaves_none(run, 143);
    }
    // By itself.
    leaves_none(
        Rotating::start(reading(&aws, "restart").script("echo start >> record; exit 4")),
        4,
    );
    // A file whose directory is gone is no error.
    let sandbox = reading(&aws, "restart")
        .file("sub/x", "")
        .declaration("files: [{ from: \"x:k\", path: sub/file }]\n");
    sandbox
        .script("cat sub/file && rm -r sub")
        .prints_values()
        .run()
        .launched()
        .says_nothing_of("no such file");
    // For a change.
    let run = Rotating::start(reading(&aws, "exit"));
    run.rotate(&aws, "v2", "two-4c7a1e");
    leaves_none(run, 75);
    // At a first start that fails.
    let sandbox = reading(&aws, "restart")
        .file("file", "before")
        .executable("app", "#!/no/such/interpreter\n");
    let sandbox = sandbox.command(["./app"]);
    sandbox.run().ended(Status::Exit(126));
    assert_eq!(names(&sandbox), [""; 0]);
}

#[test]
fn a_command_that_cannot_be_restarted_ends_the_run_with_126_and_leaves_no_file() {
    let reader = format!("#!/bin/sh\n{READER}\n");
    let aws = two_versioned();
    let run = Rotating::start(
        reading(&aws, "restart")
            .executable("app", &reader)
            .command(["./app"]),
    );
    let run = Rotating {
        sandbox: run.sandbox.executable("app", "#!/no/such/interpreter\n"),
        ..run
    };
    run.rotate(&aws, "v2", "two-4c7a1e");
    let says = [
        "\"./app\" was stopped, because file changed (the secret \"x\"), but can't be started again",
        "error: \"./app\"",
    ];
    leaves_none(run, 126).says(says);
}

#[test]
fn a_command_whose_program_file_is_gone_is_not_stopped_for_new_values() {
    let aws = two_versioned();
    let reader = format!("#!/bin/sh\n{READER}\n");
    let run = Rotating::start(
        reading(&aws, "restart")
            .executable("app", &reader)
            .command(["./app"]),
    );
    fs::remove_file(run.sandbox.path("app")).unwrap();
    run.rotate(&aws, "v2", "two-4c7a1e");
    run.end()
        .says(["a poll failed, so \"./app\" keeps its values: the file \"./app\" does not exist"]);
}

#[test]
fn a_file_that_another_process_put_in_the_place_of_ours_is_not_removed_at_the_end() {
    let aws = two_versioned();
    let run = Rotating::start(reading(&aws, "restart"));
    fs::write(run.sandbox.path("theirs"), "theirs").unwrap();
    fs::rename(run.sandbox.path("theirs"), run.sandbox.path("file")).unwrap();
    run.running.signal(Signal::SIGTERM);
    let Rotating { sandbox, running } = run;
    running.wait();
    assert_eq!(fs::read_to_string(sandbox.path("file")).unwrap(), "theirs");
}

#[test]
fn a_delivered_file_that_cannot_be_replaced_delays_restart_or_signal_until_a_poll_can() {
    for (mode, word) in [("restart", "start"), ("signal=HUP", "hup")] {
        let aws = two_versioned();
        let run = Rotating::start(reading(&aws, mode));
        let file = run.sandbox.path("file");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        run.rotate(&aws, "v2", "two-4c7a1e");
        fs::remove_dir(&file).unwrap();
        run.poll(&aws);
        assert_eq!(run.awaits(2)[1][..2], [word, "two-4c7a1e"]);
        run.end().says([
            "a poll failed, so \"/bin/sh\" keeps its values",
            "directory",
        ]);
    }
}

#[test]
fn with_signal_the_file_has_the_new_value_before_the_signal_and_the_command_stays() {
    let aws = two_versioned();
    let run = Rotating::start(reading(&aws, "signal=HUP"));
    let open = fs::File::open(run.sandbox.path("file")).unwrap();
    let before = open.metadata().unwrap().ino();
    // A variable of a running command cannot change.
    aws.rotate("z", secret("u2", "two-4c7a1e"));
    run.poll(&aws);
    for (at, (version, value)) in [("v2", "two-4c7a1e"), ("v3", "three-4c7a1e")]
        .into_iter()
        .enumerate()
    {
        run.rotate(&aws, version, value);
        assert_eq!(run.awaits(at + 2)[at + 1], ["hup", value]);
    }
    // The old file is whole to a process that has it open, and has no name any more.
    assert_eq!(std::io::read_to_string(&open).unwrap(), "one-4c7a1e");
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    assert_ne!(
        fs::metadata(run.sandbox.path("file")).unwrap().ino(),
        before
    );
    let outcome = run.end();
    outcome
        .ended(Status::Exit(143))
        .says(["note: \"/bin/sh\" got SIGHUP, because file changed (the secret \"x\")"]);
}

#[test]
fn a_command_that_the_rotation_signal_ends_is_warned_of_with_a_remedy() {
    let aws = two_versioned();
    let run = Rotating::start(
        reading(&aws, "signal=HUP").script("echo start >> record; exec sleep 1000"),
    );
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    let outcome = run.running.wait();
    outcome.ended(Status::Exit(129));
    outcome.says([
        "warning: \"/bin/sh\" was ended by SIGHUP",
        "use a signal that \"/bin/sh\" handles",
    ]);
}

/// A run of which a system call, or only the second one of a process, lasts for a minute; `None` where strace is missing.
fn held_up(aws: &Aws, mode: &str, call: &str) -> Option<Sandbox> {
    let inject = format!("inject={call}:delay_enter=60000000");
    let strace = ["strace", "-D", "-f", "-o", "/dev/null", "-e", &inject];
    Some(reading(aws, mode).through(skip::wrapper(strace, "a system call that does not return")?))
}

/// Waits for the end of the run, lets its launch return from the system call, and asserts that it has then ended, too.
fn ends_without(launch: &str, run: Rotating, status: Status) {
    record::await_end(&run.running.pid().to_string());
    let process = fs::read_to_string(format!("/proc/{launch}/status")).unwrap();
    let tracer = process
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:\t"))
        .unwrap();
    kill(Pid::from_raw(tracer.parse().unwrap()), Signal::SIGKILL).unwrap();
    // The output has an end.
    run.running.wait().ended(status);
    assert_eq!(
        names(&run.sandbox)
            .iter()
            .find(|name| name.starts_with('.')),
        None,
        "a temporary file"
    );
}

#[test]
fn a_file_system_that_hangs_during_a_launch_does_not_delay_the_end_of_secrets_exec() {
    let aws = two_versioned();
    // The first launch has one file to rename.
    let Some(sandbox) = held_up(&aws, "signal=HUP", "renameat:when=2") else {
        return;
    };
    let run = Rotating::start(sandbox);
    aws.rotate("y", secret("w1", "there-4c7a1e"));
    aws.rotate("x", secret("v2", "two-4c7a1e"));
    run.request();
    record::await_fact("the first of two files", || {
        run.text("file") == "two-4c7a1e"
    });
    let launch = run.children().remove(1);
    kill(
        Pid::from_raw(run.command(0).parse().unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    ends_without(&launch, run, Status::Exit(137));

    let Some(sandbox) = held_up(&aws, "restart", "fchmod") else {
        return;
    };
    let run = Rotating {
        running: sandbox.spawn(),
        sandbox,
    };
    record::await_fact("a temporary file", || {
        names(&run.sandbox)
            .iter()
            .any(|name| name.starts_with(".file."))
    });
    let launch = run.children().remove(0);
    run.running.signal(Signal::SIGTERM);
    ends_without(&launch, run, Status::Signal(15));
}
