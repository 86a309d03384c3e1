//! `--agent`: the headers of a request, an agent that runs as another user, and deadlines.
//! `agent.rows` has all other tests.

#![allow(unsafe_code, reason = "the user of one thread is changed")]

use std::thread;
use std::time::Duration;

use nix::libc;

use crate::support::*;

::rows::rows!("tests/it/aws/agent.rows");

fn launch_with_agent(agent: &Aws) -> Sandbox {
    Sandbox::new()
        .region("us-east-1")
        .env("AWS_TOKEN", AGENT_TOKEN)
        .arg(format!("--agent={}", agent.url()))
        .resolve("A=x:k")
}

#[test]
fn a_request_to_the_agent_has_no_signature_and_names_secrets_exec_as_user_agent() {
    let aws = served();
    launch_with_agent(&aws).run().launched_silently();
    let call = aws.calls().remove(0);
    assert!(call.header("x-forwarded-for").is_none() && call.header("authorization").is_none());
    let agent = call.header("user-agent").unwrap();
    assert!(agent.contains("app/secrets-exec-"));
}

/// Runs `action` as another user, on a thread that ends with it. The thread has the name of the
/// test, so that the values that it serves are watched for.
fn as_user<T: Send + 'static>(user: u32, action: impl FnOnce() -> T + Send + 'static) -> T {
    let act = move || {
        // SAFETY: the raw system call only changes the user of this thread, which ends below.
        let status = unsafe { libc::syscall(libc::SYS_setresuid, -1, user, -1) };
        assert_eq!(status, 0);
        action()
    };
    let name = thread::current().name().unwrap_or_default().to_owned();
    let acting = thread::Builder::new().name(name).spawn(act).unwrap();
    acting.join().unwrap()
}

#[test]
fn a_secret_is_read_from_an_agent_in_a_sidecar_that_runs_as_another_user() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("an agent of another user");
    }
    let agent = as_user(1234, served);
    launch_with_agent(&agent).run().launched_with_value();
}

#[test]
fn a_launch_ends_at_its_timeout_if_the_agent_hangs() {
    let two = Duration::from_secs(2);
    let agent = served().fails(AGENT_READ, Fault::Hang);
    let launch = launch_with_agent(&agent).timeout("2s");
    keeps_to(two, &launch).refused(75, ["A ("]);
}
