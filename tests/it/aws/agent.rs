//! `--agent`: requests, tokens in files, and deadlines. `agent.rows` has all others.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;

use crate::support::connection::as_user;
use crate::support::*;

::rows::rows!("tests/it/aws/agent.rows");

/// A launch through the agent.
fn through(agent: &Aws) -> Sandbox {
    Sandbox::new()
        .region("us-east-1")
        .env("AWS_TOKEN", AGENT_TOKEN)
        .arg(format!("--agent={}", agent.url()))
}

#[test]
fn the_agent_is_asked_without_a_signature_and_with_secrets_exec_as_user_agent() {
    let aws = served();
    through(&aws).resolve("A=x:k").run().launched_silently();
    let call = aws.calls().remove(0);
    assert!(call.header("x-forwarded-for").is_none() && call.header("authorization").is_none());
    assert!(
        call.header("user-agent")
            .unwrap()
            .contains("app/secrets-exec-")
    );
}

#[test]
fn the_agents_token_is_not_sent_to_a_port_where_another_user_listens() {
    if !nix::unistd::geteuid().is_root() {
        return skip::skipped("a listener of another user");
    }
    /// In /etc/passwd of Debian: its own group has the same number.
    const DAEMON: u32 = 1;
    const OTHER: u32 = 1234;
    for (user, owner, group, mode, is_agent) in [
        (DAEMON, 0, 0, 0o640, false),
        (DAEMON, OTHER, OTHER, 0o640, false),
        (DAEMON, DAEMON, 0, 0o600, true),
        // As the agent's installation has it.
        (DAEMON, 0, DAEMON, 0o640, true),
        (DAEMON, 0, DAEMON, 0o600, false),
        (OTHER, 0, DAEMON, 0o640, false),
        (0, OTHER, OTHER, 0o600, true),
    ] {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
            let listener = as_user(user, move || TcpListener::bind(address).unwrap());
            let port = listener.local_addr().unwrap().port();
            let sandbox = Sandbox::new()
                .file("token", AGENT_TOKEN)
                .resolve("A=x")
                .timeout("100ms")
                .case(format!("{user} {owner}:{group} {mode:o}"));
            let file = sandbox.path("token");
            chown(&file, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let run = sandbox
                .arg(format!("--agent=http://127.0.0.1:{port}"))
                .env("AWS_TOKEN", format!("file://{}", file.display()))
                .run();
            run.refused(if is_agent { 75 } else { 77 });
            if !is_agent {
                run.says([
                    "no token for the Secrets Manager Agent: AWS_TOKEN: ",
                    &format!("port {port}, where user {user} listens"),
                ]);
            }
        }
    }
}

#[test]
fn with_agent_fallback_an_agent_and_an_aws_that_hang_are_75_at_the_timeout() {
    let two = Duration::from_secs(2);
    let agent = served().fails(AGENT_READ, Fault::Hang);
    let launch = through(&agent).resolve("A=x:k");
    keeps_to(two, &launch.timeout("2s"))
        .refused(75)
        .says(["A ("]);
    let with_fallback = through(&agent).resolve("A=x:k").arg("--agent-fallback");
    keeps_to(two, &with_fallback.aws(&hanging()).timeout("2s")).refused(75);
}
