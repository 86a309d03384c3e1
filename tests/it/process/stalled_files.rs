//! Configuration files that can't be read to the end, as on a file system that hangs: the launch
//! ends at its deadline.

use std::time::Duration;

use crate::support::*;

const TIMEOUT: Duration = Duration::from_millis(1200);

/// Adds a pipe without a writer.
fn with_pipe(sandbox: Sandbox) -> Sandbox {
    named_pipe(&sandbox.path("pipe"));
    sandbox
}

/// Runs with the pipe, and asserts that the launch ends at its timeout and says what it awaited.
fn assert_times_out(sandbox: Sandbox, awaited: &str) {
    let run = ends_within(TIMEOUT, with_pipe(sandbox.case(awaited)));
    let said = format!("timed out while waiting for {awaited}");
    run.refused(75, [&*said]);
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_the_file_that_cannot_be_read_to_the_end() {
    let aws = served();
    let config = sandbox(&aws).env("AWS_CONFIG_FILE", "pipe");
    assert_times_out(config, "the AWS configuration files: a file can't be read");
    let token = keyless(&aws)
        .env("AWS_ROLE_ARN", ROLE)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", "pipe");
    assert_times_out(token, "AWS credentials: a file can't be read");
    let agent = Sandbox::new().arg(format!("--agent={}", aws.url()));
    let path = format!("file://{}", agent.path("pipe").display());
    let agent = agent.env("AWS_TOKEN", path).resolve("A=x:k");
    let awaited = "the token of the Secrets Manager Agent: a file can't be read";
    assert_times_out(agent, awaited);
    let bundle = sandbox(&aws).endpoint("https://localhost:1");
    let bundle = bundle.env("AWS_CA_BUNDLE", "pipe");
    assert_times_out(bundle, "secret x in us-east-1: a file can't be read");
    let local = Sandbox::new().resolve("A=x:k").args(["--local", "pipe"]);
    assert_times_out(local, "the file pipe (--local)");
}

#[test]
fn a_launch_ends_at_its_timeout_and_names_a_declaration_that_cannot_be_read() {
    let plain = || Sandbox::new().args(["-f", "pipe"]);
    let check = Sandbox::new().args(["check", "-f", "pipe"]).bare();
    let awaited = "the declarations: a file can't be read";
    for launch in [plain(), plain().args(["--on-rotation", "restart"]), check] {
        assert_times_out(launch, awaited);
    }
    assert_times_out(plain().args(["--log-format", "json"]), awaited);
}

#[test]
fn a_launch_in_lambda_ends_within_8_seconds_by_default() {
    let aws = served();
    let sandbox = sandbox(&aws)
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
        .env("AWS_CONFIG_FILE", "pipe");
    let run = keeps_to(Duration::from_secs(8), &with_pipe(sandbox));
    run.refused(75, ["timed out"]);
}
