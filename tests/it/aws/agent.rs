//! `--agent`: the headers of a request, an agent that runs as another user, and deadlines.
//! `agent.rows` has all other tests.

use std::time::Duration;

use crate::support::connection::as_user;
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

#[test]
fn a_secret_is_read_from_an_agent_in_a_sidecar_that_runs_as_another_user() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("an agent of another user");
    }
    let agent = as_user(1234, served);
    launch_with_agent(&agent).run().launched_with_value();
}

#[test]
fn with_agent_fallback_a_launch_ends_at_its_timeout_if_the_agent_and_aws_hang() {
    let two = Duration::from_secs(2);
    let agent = served().fails(AGENT_READ, Fault::Hang);
    let launch = launch_with_agent(&agent).timeout("2s");
    keeps_to(two, &launch).refused(75, ["A ("]);
    let launch = launch.arg("--agent-fallback").aws(&hanging());
    keeps_to(two, &launch).refused(75, []);
}
