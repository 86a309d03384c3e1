//! `--on-rotation signal=NAME`: files with a path are replaced, and then the command gets the signal.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::rotating::{Rotating, polled_on_request};
use crate::support::sandbox::Sandbox;

/// Records the file at its start and at each SIGHUP.
const READER: &str = "exec 2>/dev/null; trap 'echo hup $(cat file) >> record' HUP; echo start $(cat file) $$ >> record; \
                      while :; do sleep 1000 & wait $!; done";

const DECLARATION: &str = "env:\n  A: { from: \"y:k\" }\nfiles:\n  - { from: \"x:k\", path: file }\n";

fn secret(version: &'static str, value: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{value}"}}"#)).with_id(version)
}

fn served() -> Aws {
    Aws::start().secret("x", secret("v1", "one")).secret("y", secret("w1", "one"))
}

fn sandbox(aws: &Aws) -> Sandbox {
    polled_on_request(Sandbox::new().aws(aws).declaration(DECLARATION), "signal=HUP").script(READER)
}

#[test]
fn the_file_has_the_new_value_before_the_signal_and_the_command_stays() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws));
    for (at, (version, value)) in [("v2", "two"), ("v3", "three")].into_iter().enumerate() {
        aws.rotate("x", secret(version, value));
        run.poll(&aws);
        let lines = run.awaits(at + 2);
        assert_eq!(lines[at + 1], ["hup", value]);
    }
    run.end().ended(Status::Exit(143));
}

#[test]
fn the_file_is_replaced_atomically() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws));
    let open = fs::File::open(run.sandbox.path("file")).unwrap();
    let before = open.metadata().unwrap().ino();
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    run.awaits(2);
    // The old file is whole to a process that has it open, and has no name any more.
    assert_eq!(std::io::read_to_string(&open).unwrap(), "one");
    assert_eq!(open.metadata().unwrap().nlink(), 0);
    assert_ne!(fs::metadata(run.sandbox.path("file")).unwrap().ino(), before);
    run.end();
}

#[test]
fn a_command_that_the_signal_ends_is_a_warning_with_a_remedy() {
    let aws = served();
    let script = "echo start $(cat file) $$ >> record; exec sleep 1000";
    let run = Rotating::start(sandbox(&aws).script(script));
    aws.rotate("x", secret("v2", "two"));
    run.request();
    let outcome = run.running.wait();
    outcome.ended(Status::Exit(129));
    outcome.says(["warning: /bin/sh ended by SIGHUP", "use a signal that /bin/sh handles"]);
}

#[test]
fn a_variable_that_changed_alone_is_a_warning_once_and_no_signal() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws));
    aws.rotate("y", secret("w2", "two"));
    run.poll(&aws);
    run.poll(&aws);
    run.poll(&aws);
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    assert_eq!(run.awaits(2)[1], ["hup", "two"]);
    let outcome = run.end();
    assert_eq!(outcome.stderr().matches("A changed, which /bin/sh cannot see").count(), 1, "{outcome}");
}

#[test]
fn a_note_names_the_file_and_the_signal() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws));
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    run.awaits(2);
    run.end().says(["note: SIGHUP was sent to /bin/sh: file changed"]);
}

#[test]
fn a_file_that_cannot_be_replaced_is_a_warning_and_no_signal_until_it_can() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws));
    let (file, aside) = (run.sandbox.path("file"), run.sandbox.path("aside"));
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    fs::remove_dir(&file).unwrap();
    run.poll(&aws);
    assert_eq!(run.awaits(2)[1], ["hup", "two"]);
    run.end().says(["the new values cannot be used, so /bin/sh keeps its own", "directory"]);
}
