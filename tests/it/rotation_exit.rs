//! `--on-rotation exit`: the command is stopped, and the exit status asks for a new start.

use std::path::Path;

use crate::support::aws::Aws;
use crate::support::aws::secret::Secret;
use crate::support::outcome::Status;
use crate::support::rotating::{Rotating, rotating};

fn served() -> Aws {
    Aws::start().secret("x", Secret::json(r#"{"k":"one"}"#).with_id("v1"))
}

fn rotate(aws: &Aws, run: &Rotating) {
    aws.rotate("x", Secret::json(r#"{"k":"two"}"#).with_id("v2"));
    run.poll(aws);
}

#[test]
fn a_change_ends_the_run_with_75_after_the_stop_signal() {
    let aws = served();
    let script = "trap 'echo usr1 >> record; exit 3' USR1; echo start $A $$ >> record; sleep 1000 & wait";
    let run = Rotating::start(rotating(&aws, "exit").args(["--stop-signal", "USR1"]).script(script));
    rotate(&aws, &run);
    assert_eq!(run.awaits(2)[1], ["usr1"]);
    let outcome = run.running.wait();
    outcome
        .ended(Status::Exit(75))
        .says(["/bin/sh was stopped for new values, and secrets-exec exits with status 75: A changed"]);
}

#[test]
fn nothing_of_the_command_is_left() {
    let aws = served();
    let script = "sleep 1000 & echo start $A $! >> record; wait";
    let run = Rotating::start(rotating(&aws, "exit").script(script));
    let child = run.command(0);
    rotate(&aws, &run);
    run.running.wait().ended(Status::Exit(75));
    assert!(!Path::new("/proc").join(child).exists());
}

#[test]
fn without_a_change_the_status_is_the_commands_own() {
    let aws = served();
    let run = Rotating::start(rotating(&aws, "exit"));
    run.poll(&aws);
    run.end().ended(Status::Exit(143));
}
