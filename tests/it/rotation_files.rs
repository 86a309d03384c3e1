//! Files of a command that is supervised: replaced at a restart, and removed at the end if they are still ours.

use std::fs;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::rotating::{Rotating, polled_on_request};
use crate::support::sandbox::Sandbox;

const READER: &str = "echo start $(cat file) $$ >> record; exec sleep 1000";

const DECLARATION: &str =
    "files:\n  - { from: \"x:k\", path: file }\n  - { from: \"y:k\", path: optional, optional: true }\n";

fn secret(version: &'static str, value: &str) -> Secret {
    Secret::json(&format!(r#"{{"k":"{value}"}}"#)).with_id(version)
}

fn served() -> Aws {
    Aws::start().secret("x", secret("v1", "one"))
}

fn sandbox(aws: &Aws, mode: &str) -> Sandbox {
    polled_on_request(Sandbox::new().aws(aws).declaration(DECLARATION), mode).script(READER)
}

/// The names in the working directory, without those that the test has made.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "record" && name != "secrets-exec.yaml").collect();
    names.sort();
    names
}

/// Changes the secret, and waits for the new start.
fn restart(aws: &Aws, run: &Rotating) {
    aws.rotate("x", secret("v2", "two"));
    run.poll(aws);
    assert_eq!(run.values(2), ["one", "two"]);
}

#[test]
fn a_file_has_the_new_value_at_the_new_start_and_no_copy_beside_it() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "restart"));
    restart(&aws, &run);
    assert_eq!(run.text("file"), "two");
    crate::support::record::await_fact("the removal of the replaced file", || names(&run.sandbox) == ["file"]);
    run.end();
}

#[test]
fn the_files_are_removed_at_the_end() {
    let aws = served();
    for mode in ["restart", "exit"] {
        let run = Rotating::start(sandbox(&aws, mode));
        assert!(run.has("file"));
        run.running.signal(nix::sys::signal::Signal::SIGTERM);
        let Rotating { sandbox, running } = run;
        running.wait().ended(Status::Exit(143));
        assert_eq!(names(&sandbox), [""; 0]);
    }
}

#[test]
fn the_files_are_removed_before_the_exit_for_a_change() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "exit"));
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    let Rotating { sandbox, running } = run;
    running.wait().ended(Status::Exit(75));
    assert_eq!(names(&sandbox), [""; 0]);
}

#[test]
fn the_files_are_removed_when_the_command_ends_by_itself() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "restart").script("echo start $(cat file) >> record; exit 4"));
    let Rotating { sandbox, running } = run;
    running.wait().ended(Status::Exit(4));
    assert_eq!(names(&sandbox), [""; 0]);
}

#[test]
fn a_file_that_another_process_put_in_its_place_is_left() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "restart"));
    fs::write(run.sandbox.path("theirs"), "theirs").unwrap();
    fs::rename(run.sandbox.path("theirs"), run.sandbox.path("file")).unwrap();
    run.running.signal(nix::sys::signal::Signal::SIGTERM);
    let Rotating { sandbox, running } = run;
    running.wait();
    assert_eq!(fs::read_to_string(sandbox.path("file")).unwrap(), "theirs");
}

#[test]
fn a_file_of_an_optional_entry_comes_and_goes_with_its_secret() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "restart"));
    assert!(!run.has("optional"));
    aws.rotate("y", secret("w1", "there"));
    run.poll(&aws);
    run.awaits(2);
    assert_eq!(run.text("optional"), "there");
    aws.delete("y");
    run.poll(&aws);
    run.awaits(3);
    crate::support::record::await_fact("the removal of the file", || names(&run.sandbox) == ["file"]);
    run.end();
}

#[test]
fn a_restart_that_fails_to_start_leaves_no_file() {
    let aws = served();
    let sandbox =
        sandbox(&aws, "restart").executable("app", "#!/bin/sh\necho start $(cat file) >> record; exec sleep 1000\n");
    let run = Rotating::start(sandbox.command(["./app"]));
    let run = Rotating { sandbox: run.sandbox.executable("new", "#!/no/such/interpreter\n"), ..run };
    fs::rename(run.sandbox.path("new"), run.sandbox.path("app")).unwrap();
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    let Rotating { sandbox, running } = run;
    running.wait().ended(Status::Exit(126));
    assert_eq!(names(&sandbox), ["app"]);
}

#[test]
fn a_first_start_that_fails_leaves_no_file() {
    let aws = served();
    let sandbox = sandbox(&aws, "restart").file("file", "before").executable("app", "#!/no/such/interpreter\n");
    let sandbox = sandbox.command(["./app"]);
    sandbox.run().ended(Status::Exit(126));
    assert_eq!(names(&sandbox), ["app"]);
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_command_running() {
    let aws = served();
    let run = Rotating::start(sandbox(&aws, "restart"));
    fs::remove_file(run.sandbox.path("file")).unwrap();
    fs::create_dir(run.sandbox.path("file")).unwrap();
    aws.rotate("x", secret("v2", "two"));
    run.poll(&aws);
    fs::remove_dir(run.sandbox.path("file")).unwrap();
    run.poll(&aws);
    assert_eq!(run.values(2), ["one", "two"]);
    run.end().says(["the new values cannot be used, so /bin/sh keeps its own"]);
}
