//! Secrets don't leak into a core dump, /proc, standard error (at any verbosity), files, or the
//! command line.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::*;

::rows::rows!("tests/it/process/leaks.rows");

/// A launch whose core dump may have any size. Its command dumps core itself.
fn dumping(aws: &Aws) -> Sandbox {
    sandbox(aws)
        .prepared_by("ulimit -c unlimited; exec \"$@\"")
        .script("kill -ABRT $$")
}

/// The number of core dumps in the working directory.
fn cores(sandbox: &Sandbox) -> usize {
    let names = sandbox.names_in("").into_iter();
    names.filter(|name| name.starts_with("core")).count()
}

#[test]
fn a_launch_that_a_signal_kills_leaves_no_core_dump() {
    // The credentials are in its memory from the start, so any core dump would contain a secret.
    let aws = hanging();
    let control = dumping(&aws);
    control.control().ended(Status::Signal(6));
    if cores(&control) == 0 {
        // The kernel passes core dumps to a program such as systemd-coredump. The next test checks
        // that a launch can't be dumped.
        return;
    }
    for signal in [Signal::SIGQUIT, Signal::SIGABRT, Signal::SIGFPE] {
        let aws = hanging();
        let sandbox = dumping(&aws);
        let running = sandbox.spawn();
        aws.await_calls(1);
        running.ends_by(signal);
        assert_eq!(cores(&sandbox), 0, "{signal}");
    }
}

#[test]
fn other_processes_of_the_user_cannot_read_the_memory_of_a_launch() {
    let nobody = or_skip!(skip::as_nobody());
    let sandbox = Sandbox::new();
    let pipe = sandbox.path("pipe");
    named_pipe(&pipe);
    let script = "head -c 1 /proc/$$/environ | wc -c; stat -c %u /proc/$$/stat";
    let sandbox = sandbox.mode("pipe", 0o644).args(["-f", "pipe"]);
    let sandbox = sandbox.through(nobody).script(script);
    let running = sandbox.spawn_copy();
    // Opening the pipe for writing returns when the launch opens it for reading, which is before it
    // has any value.
    let mut writer = File::options().write(true).open(pipe).unwrap();
    // If the kernel could dump the process, these files would belong to the user.
    assert_eq!(fs::metadata(running.proc("stat")).unwrap().uid(), 0);
    for file in ["mem", "environ"] {
        let output = Command::new(nobody[0])
            .args([&nobody[1..], &["head", "-c", "1"]].concat())
            .arg(running.proc(file))
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{file}: {output:?}");
        assert!(stderr.contains("Permission denied"), "{file}: {output:?}");
    }
    writer.write_all(b"env: { A: { value: v } }").unwrap();
    drop(writer);
    // The command is like any other process again.
    running.wait().launched_silently().printed("1\n65534\n");
}

#[test]
fn no_value_is_on_the_command_line_of_secrets_exec_or_of_the_command() {
    let aws = held();
    let running = sandbox(&aws).script("cat /proc/$$/cmdline; :").spawn();
    aws.await_calls(1);
    let launcher = fs::read_to_string(running.proc("cmdline")).unwrap();
    assert!(launcher.contains("A=x"), "{launcher}");
    aws.release();
    let command = running.wait().launched().stdout();
    assert!(command.contains("cmdline"), "{command}");
    assert!(!command.contains("v-4c7a1e"), "{command}");
}

#[test]
fn a_launch_opens_no_file_for_writing() {
    let options = "-f -qq -e signal=none \
        -e trace=execve,openat,open,creat,mknodat,mkdirat,linkat,symlinkat,renameat,renameat2,truncate";
    let tracing = or_skip!(skip::traced(options));
    let aws = served();
    let sandbox = sandbox(&aws).args(["--as-file", "F=x:k"]).through(tracing);
    sandbox.run().launched();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let (launch, _) = trace.split_once("execve(\"/bin/cat\"").expect(&trace);
    for call in launch.lines().skip(1).filter(|line| line.contains('(')) {
        let reads = call.contains("O_RDONLY") || call.contains("O_PATH");
        let creates = call.contains("O_CREAT") || call.contains("O_TMPFILE");
        assert!(reads && !creates, "{call}");
    }
}
