//! `podman stop`, as PID 1 and under an init: it reaches the command, or ends secrets-exec while that resolves.

use super::podman::{self, Container};
use crate::support::aws::Aws;
use crate::support::aws::fault::Fault;
use crate::support::aws::secret::Secret;
use crate::support::outcome::{Outcome, Status};

/// A script with a handler of TERM. Without TERM, podman kills it, and the status is 137.
const HANDLER: &str = "trap 'echo stopped; exit 7' TERM; echo $$ >/shared/ready; while :; do sleep 0.1; done";

/// Stops the container while the command runs.
fn stopped(init: &[&str]) -> Option<(String, Outcome)> {
    if !podman::works() {
        return None;
    }
    let container = Container::of("localhost/host").local().words(init).words(["secrets-exec", "-e", "A=x:k"]);
    let started = container.script(HANDLER).start();
    started.await_file("ready");
    let pid = started.exec(["cat", "/shared/ready"]).launched_silently().stdout();
    started.stop();
    Some((pid, started.wait()))
}

/// Stops the container while the request hangs.
fn stopped_early(init: &[&str]) -> Option<Outcome> {
    if !podman::works() {
        return None;
    }
    let aws = Aws::start().secret("x", Secret::failing(Fault::Hang));
    let container = Container::of("localhost/host").aws(&aws).words(init).words(["secrets-exec", "-e", "A=x:k"]);
    let started = container.script("echo started").start();
    aws.await_calls(1);
    started.stop();
    Some(started.wait())
}

#[test]
#[ignore = "by make test-hosts"]
fn the_handler_of_the_command_runs_when_podman_stops_it_as_pid_1_and_under_an_init() {
    for init in [&[][..], &["tini", "--"], &["catatonit", "--"]] {
        let Some((pid, run)) = stopped(init) else { return };
        run.ended(Status::Exit(7)).printed("stopped\n");
        assert_eq!(pid == "1\n", init.is_empty(), "{init:?}");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn stopped_while_resolving_it_ends_with_143_and_starts_nothing_as_pid_1_and_under_an_init() {
    for init in [&[][..], &["tini", "--"], &["catatonit", "--"]] {
        let Some(run) = stopped_early(init) else { return };
        run.ended(Status::Exit(143)).printed("");
    }
}

#[test]
#[ignore = "by make test-hosts"]
fn the_exit_status_of_the_container_is_that_of_the_command() {
    if podman::works() {
        let container = Container::of("localhost/host").local().words(["secrets-exec", "-e", "A=x:k"]);
        container.script("echo $$ $PPID; exit 42").run().ended(Status::Exit(42)).printed("1 0\n");
    }
}
