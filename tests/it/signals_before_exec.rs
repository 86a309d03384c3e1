//! A signal, or a failure, at a system call right before execve: no signal is lost, and no temporary file is left.

use std::collections::BTreeMap;
use std::fs;

use crate::files_path::names;
use crate::support::outcome::Status;
use crate::support::sandbox::{CANARY, Sandbox};
use crate::support::skip;

/// A system call of the launch: its name, and its number among the calls of that name.
#[derive(Debug)]
struct Call {
    name: String,
    number: usize,
    line: String,
}

impl Call {
    /// Returns whether this call changes the action of TERM.
    fn is_about_term(&self) -> bool {
        self.line.starts_with("rt_sigaction(SIGTERM, {")
    }
}

/// A launch without a network, whose system calls are the same in every run.
fn launch(declaration: &str) -> Sandbox {
    let local = format!(r#"{{"x":{{"k":"{CANARY}"}}}}"#);
    let sandbox = Sandbox::new().local(&local).args(["-q"]).file("out/file", "old").script("touch started");
    let path = sandbox.path("out/file").display().to_string();
    sandbox.declaration(&declaration.replace("PATH", &path))
}

/// The last system calls before the execve of the command.
fn last_calls(sandbox: Sandbox, count: usize) -> Vec<Call> {
    let mut calls = calls(sandbox);
    calls.split_off(calls.len() - count)
}

/// All system calls before the execve of the command.
fn calls(sandbox: Sandbox) -> Vec<Call> {
    let sandbox = sandbox.through(["strace", "-o", "trace"]);
    sandbox.run().launched_silently();
    let trace = fs::read_to_string(sandbox.path("trace")).unwrap();
    let mut numbers = BTreeMap::new();
    let mut calls: Vec<Call> = Vec::new();
    for line in trace.lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        let number = numbers.entry(name.to_owned()).and_modify(|number| *number += 1).or_insert(1);
        if name == "execve" && *number == 2 {
            return calls;
        }
        calls.push(Call { name: name.to_owned(), number: *number, line: line.to_owned() });
    }
    panic!("no launch in\n{trace}");
}

fn interrupted_at(call: &Call, sandbox: Sandbox) -> Sandbox {
    let inject = format!("inject={}:signal=SIGTERM:when={}", call.name, call.number);
    let sandbox = sandbox.through(["strace", "-o", "trace", "-e", &inject]);
    sandbox.run().ended(Status::Signal(15));
    assert!(!sandbox.path("started").exists(), "{call:?}");
    sandbox
}

fn can_trace() -> bool {
    skip::can(&["strace", "-o", "/dev/null", "true"], "signals right before execve")
}

#[test]
fn term_right_before_execve_ends_it_when_no_file_is_delivered() {
    if !can_trace() {
        return;
    }
    let declaration = "env: { A: \"x:k\" }\n";
    for call in last_calls(launch(declaration), 12) {
        interrupted_at(&call, launch(declaration));
    }
}

#[test]
fn term_right_before_execve_ends_it_when_a_file_in_memory_is_delivered() {
    if !can_trace() {
        return;
    }
    let declaration = "files: [{ from: \"x:k\", env: F }]\n";
    for call in last_calls(launch(declaration), 16) {
        interrupted_at(&call, launch(declaration));
    }
}

#[test]
fn term_right_before_execve_ends_it_and_leaves_no_temporary_file() {
    if !can_trace() {
        return;
    }
    let declaration = "files: [{ from: \"x:k\", path: \"PATH\" }, { from: \"x:k\", path: \"PATH.new\" }]\n";
    let calls = last_calls(launch(declaration), 30);
    let first_rename = calls.iter().position(|call| call.name.starts_with("rename")).unwrap();
    // The last change lets TERM end the process.
    let let_go = calls.iter().rposition(Call::is_about_term).unwrap();
    assert!(first_rename < let_go && calls.len() - let_go < 9, "{calls:?}");
    for (index, call) in calls.iter().enumerate() {
        let sandbox = interrupted_at(call, launch(declaration));
        let left = names(&sandbox);
        assert!(left == ["file"] || index >= let_go && left == ["file", "file.new"], "{left:?} at {call:?}");
        let content = fs::read_to_string(sandbox.path("out/file")).unwrap();
        // The call before the rename examines the file, when its replacement is decided.
        let is_replaced = index + 1 >= first_rename;
        assert_eq!(content, if is_replaced { CANARY } else { "old" }, "{call:?}");
    }
}

#[test]
fn a_file_system_that_is_full_only_when_the_file_is_closed_is_told() {
    if !can_trace() {
        return;
    }
    let declaration = "files: [{ from: \"x:k\", path: \"PATH\" }]\n";
    let calls = calls(launch(declaration));
    let written = calls.iter().position(|call| call.name == "write" && call.line.contains(CANARY)).unwrap();
    let closed = calls.iter().skip(written).find(|call| call.name == "close").unwrap();
    let inject = format!("inject=close:error=ENOSPC:when={}", closed.number);
    let sandbox = launch(declaration).through(["strace", "-o", "trace", "-e", &inject]);
    sandbox.run().refused(78).says(["cannot be written", "space"]);
    assert_eq!(names(&sandbox), ["file"]);
    assert_eq!(fs::read_to_string(sandbox.path("out/file")).unwrap(), "old");
}
