//! podman's output about a running container, which must hold no value.

use super::podman::{self, Container, done};
use crate::support::outcome::Expectations;
use crate::support::sandbox::CANARY;

/// A container whose command has the value and waits.
fn waiting() -> Option<podman::Started> {
    if !podman::works() {
        return None;
    }
    let container = Container::of("localhost/host").local().words(["secrets-exec", "-v", "-e", "A=x:canary"]);
    let started = container.script("trap 'exit 0' TERM; touch /shared/ready; while :; do sleep 0.1; done").start();
    started.await_file("ready");
    Some(started)
}

#[test]
#[ignore = "by make test-hosts"]
fn inspect_shows_what_was_asked_for_and_not_what_it_came_to() {
    let Some(started) = waiting() else { return };
    let inspected = done(["inspect", started.name()]);
    assert!(inspected.contains("A=x:canary") && !inspected.contains(CANARY), "{inspected}");
    started.stop();
    started.wait().launched();
}

#[test]
#[ignore = "by make test-hosts"]
fn a_command_that_exec_starts_beside_it_has_no_value() {
    let Some(started) = waiting() else { return };
    let beside = started.exec(["cat", "/proc/self/environ"]);
    beside.launched_silently().lacks("A");
    // root may read the environment of the command, which has the value.
    started.exec(["cat", "/proc/1/environ"]).launched_silently().has("A", CANARY);
    started.stop();
    started.wait().launched();
}

#[test]
#[ignore = "by make test-hosts"]
fn the_log_tells_where_a_value_came_from_and_not_what_it_is() {
    let Some(started) = waiting() else { return };
    let expectations = Expectations::default();
    podman::run(["logs", started.name()], expectations).launched().says(["A", "x"]);
    let processes = done(["top", started.name(), "args"]);
    assert!(!processes.contains(CANARY), "{processes}");
    started.stop();
    started.wait().launched();
}
