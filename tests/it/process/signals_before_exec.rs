//! A signal, or a failure, at a system call right before execve: no signal is lost, and no
//! temporary file is left.

use std::fs;

use crate::support::*;

/// A system call of the main thread: its name, and its number among the calls with that name.
#[derive(Debug)]
struct Call {
    name: String,
    number: usize,
    line: String,
}

/// A launch without a network, whose system calls are the same in every run.
fn local_launch(declaration: &str) -> Sandbox {
    let sandbox = Sandbox::new()
        .local(&format!(r#"{{"x":{{"k":"{CANARY}"}}}}"#))
        .arg("-qq")
        .file("out/file", "old")
        .script("touch started");
    let path = sandbox.path("out/file").display().to_string();
    sandbox.declaration(&declaration.replace("PATH", &path))
}

/// The calls of the main thread from its wait for the worker thread to the execve of the command.
fn calls_from_the_result(sandbox: Sandbox) -> Option<Vec<Call>> {
    let mut calls = calls(sandbox)?;
    // The call is ppoll(2) on arm64.
    let wait = calls.iter().rposition(|call| call.name.ends_with("poll"));
    Some(calls.split_off(wait.unwrap()))
}

/// All calls of the main thread before the execve of the command, except those that join a worker
/// thread, because that has often ended already.
fn calls(sandbox: Sandbox) -> Option<Vec<Call>> {
    let sandbox = sandbox.through(skip::traced("")?);
    sandbox.run().launched_silently();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    Some(calls_in(&trace))
}

/// The calls before the execve of the command in a trace of the main thread, except those that join
/// a worker thread.
fn calls_in(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in trace.lines() {
        let Some((name, _)) = line.split_once('(') else {
            continue;
        };
        let number = calls.iter().filter(|call| call.name == name).count() + 1;
        if name == "execve" && number == 2 {
            calls.retain(|call| call.name != "futex");
            return calls;
        }
        let (name, line) = (name.to_owned(), line.to_owned());
        calls.push(Call { name, number, line });
    }
    panic!("no launch in\n{trace}");
}

/// The place of the main thread's last look for a signal.
fn last_look(calls: &[Call]) -> usize {
    let look = calls.iter().rposition(|call| call.name == "rt_sigpending");
    look.unwrap()
}

/// Runs, sends SIGTERM at a system call, and asserts that the run died of the signal without
/// starting the command.
fn interrupted_at(call: &Call, sandbox: Sandbox) -> Sandbox {
    let inject = format!("inject={}:signal=SIGTERM:when={}", call.name, call.number);
    let sandbox = sandbox.through(["strace", "-o", "trace", "-e", &inject]);
    sandbox.run().ended(Status::Signal(15));
    assert!(!sandbox.path("started").exists(), "{call:?}");
    sandbox
}

#[test]
fn sigterm_right_before_the_command_starts_still_ends_the_launch() {
    let file = "files: [{ from: \"x:k\", env: F }]\n";
    for declaration in ["env: { A: \"x:k\" }\n", file] {
        let calls = or_skip!(calls_from_the_result(local_launch(declaration)));
        for call in calls {
            interrupted_at(&call, local_launch(declaration));
        }
    }
}

/// Before the last look for a signal, a new file is removed, while a file that replaced another one
/// stays. After that look, both stay (docs/security.md).
#[test]
fn sigterm_right_before_the_command_starts_leaves_no_temporary_file() {
    let declaration =
        "files: [{ from: \"x:k\", path: \"PATH\" }, { from: \"x:k\", path: \"PATH.new\" }]\n";
    let calls = or_skip!(calls_from_the_result(local_launch(declaration)));
    let is_rename = |call: &Call| call.name.starts_with("rename");
    let first_rename = calls.iter().position(is_rename).unwrap();
    let last_look = last_look(&calls);
    assert!(first_rename < last_look, "{calls:?}");
    assert!(calls.len() - last_look < 8, "{calls:?}");
    for (index, call) in calls.iter().enumerate() {
        let sandbox = interrupted_at(call, local_launch(declaration));
        let count = if index > last_look { 2 } else { 1 };
        let left = &["file", "file.new"][..count];
        assert_eq!(sandbox.names_in("out"), left, "{call:?}");
        let content = fs::read_to_string(sandbox.path("out/file")).unwrap();
        // The call before the rename only examines the file, and comes after the look for a signal.
        let is_replaced = index + 1 >= first_rename;
        let expected = if is_replaced { CANARY } else { "old" };
        assert_eq!(content, expected, "{call:?}");
    }
}

/// The kernel ignores a signal to PID 1 that is neither blocked nor handled. A container would then
/// be killed only after its grace period.
#[test]
fn sigterm_right_before_the_command_starts_also_ends_pid_1() {
    let namespace = or_skip!(skip::pid_1());
    if skip::traced("").is_none() {
        return;
    }
    let launch = |options: &[&str]| {
        // strace shortens texts, so that no trace contains the value.
        let traced = ["strace", "-ff", "-s", "8", "-o", "trace"];
        local_launch("env: { A: \"x:k\" }\n").through([&traced, options, &namespace].concat())
    };

    let sandbox = launch(&[]);
    sandbox.run().launched_silently();
    // Each thread has its own trace, and only the main thread looks for signals.
    let names = sandbox.names_in("").into_iter();
    let names = names.filter(|name| name.starts_with("trace."));
    let mut traces = names.map(|name| fs::read_to_string(sandbox.path(name)).unwrap());
    let trace = traces.find(|trace| trace.contains("rt_sigpending"));
    let mut calls = calls_in(&trace.unwrap());

    for call in calls.split_off(last_look(&calls)) {
        let inject = format!("inject={}:signal=SIGTERM:when={}", call.name, call.number);
        let sandbox = launch(&["-e", &inject]);
        sandbox.run().ended(Status::Exit(143));
        assert!(!sandbox.path("started").exists(), "{call:?}");
    }
}

#[test]
fn a_file_is_not_replaced_if_a_full_disk_is_reported_only_when_it_is_closed() {
    let declaration = "files: [{ from: \"x:k\", path: \"PATH\" }]\n";
    let calls = or_skip!(calls(local_launch(declaration)));
    let is_written = |call: &&Call| call.name == "write" && call.line.contains(CANARY);
    let mut after = calls.iter().skip_while(|call| !is_written(call));
    let closed = after.find(|call| call.name == "close").unwrap();
    let inject = format!("inject=close:error=ENOSPC:when={}", closed.number);
    let sandbox = local_launch(declaration).through(["strace", "-o", "trace", "-e", &inject]);
    let run = sandbox.run();
    run.refused(78, ["can't be written", "space"]);
    assert_eq!(sandbox.names_in("out"), ["file"]);
    assert_eq!(fs::read_to_string(sandbox.path("out/file")).unwrap(), "old");
}
