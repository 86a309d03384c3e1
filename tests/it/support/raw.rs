//! Runs with an environment that `std::process::Command` cannot make: duplicate entries, entries without `=`.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::AsRawFd;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::wait::{WaitStatus, waitpid};

use crate::support::directory::Directory;
use crate::support::outcome::{Expectations, Outcome, Status};
use crate::support::sandbox::{CANARY, Sandbox, program};
use crate::support::watch;

/// Runs `cat /proc/self/environ` with these entries; the program adds `A`, whose value is the canary.
pub fn run(entries: &[&[u8]]) -> Outcome {
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
        panic!("it did not exit");
    };
    let [stdout, stderr] = files.map(|path| fs::read(path).unwrap());
    let outcome = Outcome { case: String::new(), pid, status: Status::Exit(code), stdout, stderr };
    outcome.keeps_to(&Expectations { prints_values: true, ..Expectations::default() });
    outcome
}
